import FluxqControl
import FluxqModel
import FluxqStore
import HummingbirdCore

extension Routes {
    /// `GET /v1/queue`: how the queue is doing, and the caller's part in it.
    func getQueue(_ call: Call) async throws -> Response {
        try call.takesNoQuery()
        return try await turns.take(call.caller.uid) {
            try Response(QueueDocument(try await store.queue(of: call.caller.owner), for: call.caller))
        }
    }
}

extension QueueDocument {
    /// What the API said to one user's call is no other's business: it may repeat the prompt.
    private static let accountMessage =
        "The API refuses the account, the key or this host's address. Administrators see what it said."

    fileprivate init(_ overview: QueueOverview, for caller: Caller) {
        let gate = overview.gate
        self.init(
            counts: Counts(
                queued: overview.counts[.queued, default: 0], running: overview.counts[.running, default: 0],
                done: overview.counts[.done, default: 0], failed: overview.counts[.failed, default: 0]),
            paused: gate.pause.map { pause in
                Paused(since: WireTime(pause.since), by: overview.pausedBy ?? String(pause.uid), uid: pause.uid)
            },
            held: gate.hold.map { hold in
                Held(
                    cause: hold.cause.rawValue, since: WireTime(hold.since),
                    message: hold.cause == .account && !caller.isAdministrator ? Self.accountMessage : hold.message,
                    probes: hold.probes, nextProbeAt: WireTime(hold.probeAt))
            },
            rateLimitedUntil: gate.rateLimit.map { WireTime($0.until) },
            short: gate.shortage.map { Short(since: WireTime($0.since), message: $0.message) },
            usage: UsageDocument(overview.usage))
    }
}
