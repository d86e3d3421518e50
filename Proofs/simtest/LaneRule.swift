import FluxqModel
import FluxqStore

/// A lane that is out gets one probe at a time, with growing pauses, and opens soon after it works again. A lane that
/// works gets its calls, whatever the other lanes do.
///
/// The rule uses the API's answers to fluxq, not fluxq's records of them.
final class LaneRule {
    /// The state of a lane that all of fluxq must know: as of a moment at which nothing could run, so that no part is
    /// about to learn it.
    private struct Known {
        var closure: LaneLog.Closure
        /// If a lane was closed only for the owners who met the failures, and is now closed for everybody, that counts
        /// as a new hold.
        var isForEverybody: Bool
        /// The time when the first call that shows it had ended.
        var since: Int64
        /// The earliest time when fluxq may have closed it.
        var mayBeSince: Int64
        /// Probes that have begun since then.
        var probes = 0
    }

    /// The time that an answer may take until all of fluxq knows it.
    private static let rounding: Int64 = 1000
    /// The delay allowed after something is due, because calls in flight end first.
    private static let grace: Int64 = 120_000

    private let clock: SimulatedClock
    private let api: SimulatedAPI
    private let policy: StorePolicy
    private var known: [Lane: Known] = [:]
    /// Lanes for which an immediate probe was requested and has not begun.
    private var tryWanted: Set<Lane> = []
    /// Owners with a job that could be called, as of the last moment when nothing could run.
    private var ready: [Lane: Set<UInt32>] = [:]
    /// The time since when a lane works and has a ready job, and no call of it has begun.
    private var waitingSince: [Lane: Int64] = [:]
    /// The time when an answer of a lane was last not recorded, for lack of space. Until a later call has ended, fluxq
    /// may use older information than the API has given.
    private var late: [Lane: Int64] = [:]
    /// True if the wall clock was set: pauses by it may end early.
    var isClockWrong = false

    init(clock: SimulatedClock, api: SimulatedAPI, policy: StorePolicy) {
        self.clock = clock
        self.api = api
        self.policy = policy
    }

    /// Notes that an administrator resumed the queue.
    func resumed() {
        tryWanted = Set(api.lanes)
    }

    /// Notes that fluxq has ended or died, so it need not act.
    func lifeEnds() {
        waitingSince = [:]
        ready = [:]
        // A probe that was cut short has shown nothing, and is not counted.
        resumed()
        for (lane, probes) in known.mapValues(\.probes) where probes > 0 { known[lane]?.probes = probes - 1 }
    }

    /// - Parameters:
    ///   - ready: owners with a job that could be called, by lane.
    /// - places: calls that may still begin at an endpoint.
    ///   - canOnlyWait: lanes with bought pictures that can still be fetched.
    ///   - isHindered: true if something else may prevent calls from beginning: a pause, the disk, the clock, a stop.
    func atRest(
        ready: [Lane: Set<UInt32>], places: [String: Int], canOnlyWait: Set<Lane>, isHindered: Bool
    ) throws {
        self.ready = ready
        for lane in api.lanes {
            let log = api.log(of: lane)
            if api.hasUnrecorded(lane) {
                // fluxq may not act on an answer that the disk has no room for yet.
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
            // Mallory's jobs may be waiting because of answers to her own calls.
            let isReady = !ready[lane, default: []].subtracting([Scene.mallory.uid]).isEmpty && !isHindered
            if isReady, log.isClean, log.isDelivering, !log.hasBeenLimited, !isLate(lane),
                places[lane.endpoint, default: 0] > 0
            {
                throw Violation(
                    description: "\(lane) works, \(places[lane.endpoint] ?? 0) calls more could be in flight, jobs of "
                        + "\(ready[lane, default: []].sorted()) are ready, and nobody calls")
            }
            // Calls of the endpoint's other lanes may take all places. Nothing is bought if bought pictures cannot be
            // fetched yet.
            let mustWait = !log.isDelivering && canOnlyWait.contains(lane)
            try checkOpening(of: lane, isReady: isReady && places[lane.endpoint, default: 0] > 0 && !mustWait)
        }
    }

    private func isLate(_ lane: Lane) -> Bool {
        guard let since = late[lane] else { return false }
        return !api.calls.contains { $0.lane == lane && $0.begunAt > since && $0.endedAt != nil && $0.isRecorded }
    }

    /// Checks that the next probe notices the end of an outage.
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
    /// - canOnlyWait: true if bought pictures of the lane can still be fetched.
    func check(
        _ claim: AttemptID, on lane: Lane, of owner: UInt32, stillReady: Set<UInt32>, canOnlyWait: Bool
    ) throws {
        let log = api.log(of: lane)
        guard var known = known[lane], log.closure == known.closure else { return }
        // A closure that this owner has not shown yet is news.
        let isNews = !log.concerned.contains(owner)
        // As long as only others have met it often enough, fluxq may consider it as their own fault.
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
        // Calls that were in flight when the lane closed prove nothing.
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
