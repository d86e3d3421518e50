import FluxqControl
import FluxqModel
import FluxqStore
import HummingbirdCore

extension Routes {
    /// `GET /v1/queue`: the state of the queue, and the caller's part in it.
    func getQueue(_ call: Call) async throws -> Response {
        try call.takesNoQuery()
        return try await perUserLock.take(call.caller.uid) {
            var document = QueueDocument(try await store.queue(of: call.caller.owner), for: call.caller)
            if call.caller.isAdministrator {
                let warnings = try await settings.warnings + store.heldUsers().map(\.warning)
                document.warnings = warnings.isEmpty ? nil : warnings
            }
            return try Response(document)
        }
    }
}

extension QueueDocument {
    fileprivate init(_ overview: QueueOverview, for caller: Caller) {
        let gate = overview.gate
        self.init(
            counts: Counts(
                queued: overview.counts[.queued, default: 0], running: overview.counts[.running, default: 0],
                done: overview.counts[.done, default: 0], failed: overview.counts[.failed, default: 0]),
            paused: gate.pause.map { pause in
                Paused(since: WireTime(pause.since), by: overview.pausedBy ?? String(pause.uid), uid: pause.uid)
            },
            lanes: overview.lanes.map { LaneDocument($0, for: caller) },
            short: gate.shortage.map { Short(since: WireTime($0.since), message: $0.message) },
            usage: UsageDocument(overview.usage))
    }
}

extension HeldUser {
    fileprivate var warning: String {
        "The uid \(uid) belonged to \(name) and is now \(cameAs)'s. fluxqd refuses it, and its jobs wait. If that "
            + "is the same person: fluxq user \(uid) renamed. If it is another person, who must not get \(name)'s "
            + "data: fluxq user \(uid) "
            + "replaced."
    }
}

extension LaneDocument {
    fileprivate init(_ overview: LaneOverview, for caller: Caller) {
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
            message = caller.isAdministrator ? hold.message : hold.publicMessage
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
        case .unreachable: message
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
