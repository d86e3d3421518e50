import FluxqModel

/// Whatever failures one owner's jobs cause, every other owner keeps 80 % of its fair share of the calls.
///
/// ```
/// fair share        = concurrent calls of the endpoint / seconds of a call / owners with jobs there
/// 40 calls in a row begin within 40 / (0.8 · fair share), plus the cost of mallory's failures: one closure for each
/// way
/// ```
///
/// The window is 40 calls, so that a single wait does not decide. Every call takes equally long, so the share is known.
final class ShareRule {
    private static let window = 40
    private static let kept = 0.8
    /// The maximum time until the first probe of a closure, with the rounding of the timers.
    private static let firstPause: Int64 = 5500
    /// The maximum time until another owner's call tests whether a limit applies to all owners.
    private static let longestLimit: Int64 = 20_000

    private struct Owner {
        let readySince: Int64
        /// The number of jobs that had not been called before.
        let jobs: Int
        /// The time of each job's first call.
        var begun: [Int64] = []
    }

    private let scene: Scene
    private let lane: Lane
    private var owners: [UInt32: Owner] = [:]
    /// The number of first calls of each owner's jobs.
    private var calls: [UInt32: Int] = [:]
    /// The time when each way to fail first occurred.
    private var met: [Hostility: Int64] = [:]
    private var rivals = 0
    /// Jobs in other lanes of the endpoint that use the owners' turns.
    private var elsewhere = 0

    init(scene: Scene, lane: Lane) {
        self.scene = scene
        self.lane = lane
    }

    /// Starts the measurement of an owner that now has this many callable jobs, all in the lane.
    ///
    /// - Parameters:
    /// - rivals: the number of owners with jobs at the endpoint, including this one.
    /// - elsewhere: the number of jobs that all measured owners have in other lanes.
    func begin(_ uid: UInt32, jobs: Int, rivals: Int, elsewhere: Int, at time: Int64) {
        self.elsewhere = elsewhere
        owners[uid] = Owner(readySince: time, jobs: jobs - calls[uid, default: 0])
        self.rivals = rivals
    }

    func begun(_ call: SimulatedCall) {
        if case .hostility(let way) = call.cause, met[way] == nil { met[way] = call.begunAt }
        guard call.lane == lane, call.attempt.number == 1 else { return }
        calls[call.owner, default: 0] += 1
        owners[call.owner]?.begun.append(call.begunAt)
    }

    /// True if every measured job has been called.
    var isOver: Bool { owners.values.allSatisfy { $0.begun.count >= $0.jobs } }

    func check(at now: Int64) throws {
        for (uid, owner) in owners.sorted(by: { $0.key < $1.key }) {
            let isWaiting = owner.begun.count < owner.jobs
            let times = [owner.readySince] + owner.begun + (isWaiting ? [now] : [])
            let last = times.count - 1
            let first = max(0, last - Self.window)
            let passed = times[last] - times[first]
            let most = most(calls: last - first, since: times[first], for: owner)
            if passed > most {
                throw Violation(
                    description: "owner \(uid) had ready jobs and began \(last - first) calls in \(passed) ms; "
                        + "with 80 % of a fair share it is \(most) ms at most")
            }
        }
    }

    private func most(calls: Int, since: Int64, for owner: Owner) -> Int64 {
        let latency = Double(scene.habits.latency)
        let share = Double(scene.concurrency(of: lane.endpoint)) / latency / Double(rivals)
        // The failure may have begun before the window. Before others had calls, nothing showed that it was only hers.
        let news = met.filter { max($0.value, owner.readySince) + cost(of: $0.key) >= since }
            .reduce(0) { $0 + cost(of: $1.key) }
        return Int64(Double(calls + rivals + elsewhere) / (Self.kept * share)) + news
    }

    /// The time that all owners lose, once, when mallory's jobs fail in that way.
    private func cost(of way: Hostility) -> Int64 {
        let twoCalls = 2 * Int64(scene.habits.latency)
        switch way {
        // The API's own statement is believed until it has proved three times to concern one owner alone.
        case .rateLimited, .patientlyRateLimited: return 3 * (Self.longestLimit + twoCalls)
        // The end of the calls in flight, the first pause, and a probe.
        default: return Self.firstPause + twoCalls
        }
    }
}
