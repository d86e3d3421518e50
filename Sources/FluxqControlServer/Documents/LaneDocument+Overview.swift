import FluxqControl
import FluxqModel
import FluxqStore
import FluxqWords

extension LaneDocument {
    init(_ overview: LaneOverview, for caller: Caller) {
        let gate = overview.gate
        self.init(
            endpoint: overview.lane.endpoint, model: overview.lane.model, state: .running,
            callsAtOnce: overview.callsAtOnce)
        if !overview.isOffered {
            state = State.notOffered.rawValue
            message = """
                No endpoint offers \(overview.lane.model) any more, so its jobs wait. An administrator can offer it again, \
                in endpoints or api.model; or cancel the jobs.
                """
        } else if let hold = gate.hold, !gate.isForSuspects || overview.isSuspect || caller.isAdministrator {
            state = State.held.rawValue
            cause = hold.cause.rawValue
            someUsersOnly = gate.isForSuspects ? true : nil
            since = WireTime(hold.since)
            message = caller.isAdministrator ? hold.message.words : hold.publicMessage
            probes = hold.probes
            nextProbeAt = WireTime(hold.probeAt)
        } else if let limit = gate.rateLimit {
            // An expired limit is reported until a call shows that it is over; readers see the time.
            state = State.rateLimited.rawValue
            since = WireTime(limit.since)
            until = WireTime(limit.until)
        }
    }
}

extension LaneGate.Hold {
    /// The API's answer to one user's call must not be visible to others: it may repeat the prompt or contain a link.
    fileprivate var publicMessage: String {
        switch cause {
        case .unreachable: message.words
        case .account:
            "The API rejects the account, the key or this host's address. Administrators see its answer."
        case .wrongAddress:
            "The server at the endpoint's address is not the API. Administrators see its answer and its address."
        case .failing: "Several calls in a row have failed. Administrators see the error."
        case .undeliverable:
            "Paid pictures cannot be downloaded to this host. Administrators see why."
        }
    }
}
