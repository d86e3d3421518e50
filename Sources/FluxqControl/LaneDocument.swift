/// How one lane is doing: an endpoint and a model.
package struct LaneDocument: Hashable, Sendable, Codable {
    package enum State: String, CaseIterable, Sendable {
        /// Jobs are called as their turn comes.
        case running
        /// Jobs stay queued until a probe, or a download, shows that the API can be used again.
        case held
        /// The API is rate-limiting requests until `until`.
        case rateLimited = "rate_limited"
        /// No endpoint offers the model any more; jobs stay queued until one does.
        case notOffered = "not_offered"
    }

    package var endpoint: String
    package var model: String
    /// One of `State`.
    package var state: String
    /// held: `unreachable`, `account`, `wrong_address`, `failing` or `undeliverable`.
    package var cause: String?
    /// held: only for users whose calls the API refuses while those of others work.
    package var someUsersOnly: Bool?
    package var since: WireTime?
    /// What happened, for people.
    package var message: String?
    /// held: calls that have tried since then whether things are better.
    package var probes: Int?
    package var nextProbeAt: WireTime?
    /// rate_limited: when calls begin again.
    package var until: WireTime?
    /// Calls in flight at most, as the lane has learnt.
    package var callsAtOnce: Int

    package enum CodingKeys: String, CodingKey {
        case endpoint, model, state, cause
        case someUsersOnly = "some_users_only"
        case since, message, probes
        case nextProbeAt = "next_probe_at"
        case until
        case callsAtOnce = "calls_at_once"
    }

    package init(
        endpoint: String, model: String, state: State, cause: String? = nil, someUsersOnly: Bool? = nil,
        since: WireTime? = nil, message: String? = nil, probes: Int? = nil, nextProbeAt: WireTime? = nil,
        until: WireTime? = nil, callsAtOnce: Int = 0
    ) {
        self.endpoint = endpoint
        self.model = model
        self.state = state.rawValue
        self.cause = cause
        self.someUsersOnly = someUsersOnly
        self.since = since
        self.message = message
        self.probes = probes
        self.nextProbeAt = nextProbeAt
        self.until = until
        self.callsAtOnce = callsAtOnce
    }
}
