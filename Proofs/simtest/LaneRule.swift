import FluxqModel
import FluxqStore

/// A lane that has shown itself to be out gets one probe at a time, with growing pauses, and opens soon after it works
/// again. A lane that works gets its calls, whatever the others do.
///
/// It goes by what the API has told fluxq, not by what fluxq has written down about it.
final class LaneRule {
    /// What everybody must know about a lane: as of a moment at which nothing could run, so that nobody is about to learn it.
    private struct Known {
        var closure: LaneLog.Closure
        /// What was closed for those who met it alone, and is everybody's now, is a hold of its own.
        var isForEverybody: Bool
        /// When the first call that shows it had ended.
        var since: Int64
        /// When fluxq may have closed it at the earliest.
        var mayBeSince: Int64
        /// Probes begun since.
        var probes = 0
    }

    /// How long it may take until everybody knows what was told.
    private static let rounding: Int64 = 1000
    /// How much later than its time something may begin: calls in flight end first.
    private static let grace: Int64 = 120_000

    private let clock: SimulatedClock
    private let api: SimulatedAPI
    private let policy: StorePolicy
    private var known: [Lane: Known] = [:]
    /// Somebody has told fluxq to try at once, and no probe has begun since.
    private var tryWanted: Set<Lane> = []
    /// Owners with a job that could be called, when nothing could run last.
    private var ready: [Lane: Set<UInt32>] = [:]
    /// Since when a lane works and has a ready job, and no call of it has begun.
    private var waitingSince: [Lane: Int64] = [:]
    /// When an answer of a lane had not been written down last, for want of room. Until a later call has ended, fluxq may go by
    /// older news than the API has told.
    private var late: [Lane: Int64] = [:]
    /// The wall clock was set: pauses by it may end early.
    var isClockWrong = false

    init(clock: SimulatedClock, api: SimulatedAPI, policy: StorePolicy) {
        self.clock = clock
        self.api = api
        self.policy = policy
    }

    /// An administrator wants calls to begin again.
    func resumed() {
        tryWanted = Set(api.lanes)
    }

    /// fluxq has ended or died: nobody waits for it.
    func lifeEnds() {
        waitingSince = [:]
        ready = [:]
        // A probe that was cut short has told nobody anything, and is not counted.
        resumed()
        for (lane, probes) in known.mapValues(\.probes) where probes > 0 { known[lane]?.probes = probes - 1 }
    }

    /// - Parameters:
    ///   - ready: owners with a job that could be called, by lane.
    ///   - places: calls that an endpoint has still room for.
    ///   - canOnlyWait: lanes of which something that was bought can still be fetched.
    ///   - isHindered: something else may keep calls from beginning: a pause, the disk, the clock, a stop.
    func atRest(
        ready: [Lane: Set<UInt32>], places: [String: Int], canOnlyWait: Set<Lane>, isHindered: Bool
    ) throws {
        self.ready = ready
        for lane in api.lanes {
            let log = api.log(of: lane)
            if api.hasUnrecorded(lane) {
                // What the disk has no room for yet, fluxq may not go by.
                known[lane] = nil
                late[lane] = clock.elapsed
            } else if let closure = log.closure {
                if known[lane]?.closure != closure || known[lane]?.isForEverybody != log.isForEverybody {
                    let now = clock.elapsed
                    known[lane] = Known(
                        closure: closure, isForEverybody: log.isForEverybody, since: known[lane]?.since ?? now,
                        mayBeSince: known[lane]?.mayBeSince ?? log.troubledSince ?? now)
                }
            } else {
                known[lane] = nil
                tryWanted.remove(lane)
            }
            // What mallory waits for may be what her own calls were told.
            let isReady = !ready[lane, default: []].subtracting([Scene.mallory.uid]).isEmpty && !isHindered
            if isReady, log.isClean, log.isDelivering, !log.hasBeenLimited, !isLate(lane),
                places[lane.endpoint, default: 0] > 0
            {
                throw Violation(
                    description: "\(lane) works, \(places[lane.endpoint] ?? 0) calls more could be in flight, jobs of "
                        + "\(ready[lane, default: []].sorted()) are ready, and nobody calls")
            }
            // Calls of the endpoint's other lanes may have all places.
            // Nothing is bought if pictures that were bought cannot be fetched yet.
            let mustWait = !log.isDelivering && canOnlyWait.contains(lane)
            try checkOpening(of: lane, isReady: isReady && places[lane.endpoint, default: 0] > 0 && !mustWait)
        }
    }

    private func isLate(_ lane: Lane) -> Bool {
        guard let since = late[lane] else { return false }
        return !api.calls.contains { $0.lane == lane && $0.begunAt > since && $0.endedAt != nil && $0.isRecorded }
    }

    /// Once an outage is over, the next probe finds it out.
    private func checkOpening(of lane: Lane, isReady: Bool) throws {
        let begun = api.lastBegun[lane]
        if let since = waitingSince[lane], isReady {
            let end = begun.map { $0 > since ? $0 : clock.elapsed } ?? clock.elapsed
            if end - since > policy.pauses.probe.cap.milliseconds + Self.grace {
                throw Violation(
                    description: "\(lane) has worked for \((end - since) / 1000) s, has a ready job, and is not tried")
            }
        }
        let isTried = api.inFlight.contains { $0.lane == lane }
        if !isReady || isTried || !api.works(lane) {
            waitingSince[lane] = nil
        } else if let since = waitingSince[lane], begun.map({ $0 <= since }) ?? true {
            return
        } else {
            waitingSince[lane] = clock.elapsed
        }
    }

    /// - Parameters:
    ///   - owner: of the claimed job.
    ///   - stillReady: owners who still have a queued job of that lane.
    ///   - canOnlyWait: something that was bought on the lane can still be fetched.
    func check(
        _ claim: AttemptID, on lane: Lane, of owner: UInt32, stillReady: Set<UInt32>, canOnlyWait: Bool
    ) throws {
        let log = api.log(of: lane)
        guard var known = known[lane], log.closure == known.closure else { return }
        // What nobody has found out about an owner yet is news.
        let isNews = !log.concerned.contains(owner)
        // As long as others alone have met it often enough, fluxq may think that it is theirs.
        if !log.isForEverybody, log.troubles(of: owner) < 3 { return }
        let what = "\(claim) was claimed, though \(lane) is known to be \(known.closure)"
        let mayTellAtOnce = isNews && log.concerned.count == 1
        if known.closure == .undeliverable, canOnlyWait, !mayTellAtOnce || known.probes > 0 {
            throw Violation(description: "\(what): pictures are bought that nobody can fetch")
        }
        let others = api.inFlight.count {
            $0.lane == lane && $0.begunAt > known.since
                && (log.isForEverybody || log.concerned.contains($0.owner))
        }
        if others > 0 { throw Violation(description: "\(what), and \(others) more calls are in flight on it") }
        let rivals = ready[lane, default: []].intersection(stillReady).subtracting(log.concerned)
            .subtracting([Scene.mallory.uid])
        if log.concerned == [owner], log.troubled == [owner], !rivals.isEmpty {
            throw Violation(description: "\(what) by this owner's calls, and others had ready jobs to probe with")
        }
        let pause = policy.pauses.probe.ceiling(failures: known.probes + 1).milliseconds / 2 - Self.rounding
        // Calls that were in flight when it closed prove nothing.
        let probed = api.calls.last { $0.lane == lane && $0.begunAt > known.since && $0.endedAt != nil }?.endedAt
        let passed = clock.elapsed - (probed ?? known.mayBeSince)
        if passed < pause, !tryWanted.contains(lane), !isClockWrong, !mayTellAtOnce {
            throw Violation(
                description:
                    "\(what): probe \(known.probes + 1) came \(passed) ms after the last word; \(pause) are due")
        }
        known.probes += 1
        tryWanted.remove(lane)
        self.known[lane] = known
    }
}
