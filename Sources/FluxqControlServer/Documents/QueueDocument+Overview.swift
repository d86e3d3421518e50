import FluxqControl
import FluxqModel
import FluxqStore
import FluxqWords

extension QueueDocument {
    init(_ overview: QueueOverview, for caller: Caller) {
        let gate = overview.gate
        self.init(
            counts: Counts(
                queued: overview.counts[.queued, default: 0], running: overview.counts[.running, default: 0],
                done: overview.counts[.done, default: 0], failed: overview.counts[.failed, default: 0]),
            paused: gate.pause.map { pause in
                Paused(since: WireTime(pause.since), by: overview.pausedBy ?? String(pause.uid), uid: pause.uid)
            },
            lanes: overview.lanes.map { LaneDocument($0, for: caller) },
            short: gate.shortage.map { Short(since: WireTime($0.since), message: $0.cause.words) },
            usage: UsageDocument(overview.usage))
    }
}

extension HeldUser {
    /// For administrators.
    var warning: String {
        "The uid \(uid) belonged to \(name) and is now \(cameAs)'s. fluxqd refuses it, and its jobs wait. If that "
            + "is the same person: fluxq user \(uid) renamed. If it is another person, who must not get \(name)'s "
            + "data: fluxq user \(uid) "
            + "replaced."
    }
}
