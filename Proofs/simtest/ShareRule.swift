import FluxqModel

/// Whatever one owner's jobs bring on themselves, every other owner keeps 80 % of its fair share of the calls.
///
/// ```
/// fair share        = calls at once of the endpoint / seconds of a call / owners with jobs there
/// 40 calls in a row begin within 40 / (0.8 · fair share), and what mallory's news may cost: a closing for each way to fail
/// ```
///
/// Windows of 40 calls, so that a single wait does not decide; every call takes equally long, so that the share is known.
final class ShareRule {
    private static let window = 40
    private static let kept = 0.8
    /// Until the first probe of a closing, at most, and what the timers round.
    private static let firstPause: Int64 = 5500
    /// Until somebody else's call tries whether a limit is everybody's.
    private static let longestLimit: Int64 = 20_000

    private struct Owner {
        let readySince: Int64
        /// Not called before that.
        let jobs: Int
        /// When each was called first.
        var begun: [Int64] = []
    }

    private let scene: Scene
    private let lane: Lane
    private var owners: [UInt32: Owner] = [:]
    /// First calls of each owner's jobs.
    private var calls: [UInt32: Int] = [:]
    /// When each way to fail was met first.
    private var met: [Hostility: Int64] = [:]
    private var rivals = 0
    /// Jobs that take turns of the owner elsewhere at the endpoint.
    private var elsewhere = 0

    init(scene: Scene, lane: Lane) {
        self.scene = scene
        self.lane = lane
    }

    /// From now on that owner has so many jobs that can be called, all of the lane.
    ///
    /// - Parameters:
    ///   - rivals: owners with jobs at the endpoint, this one included.
    ///   - elsewhere: jobs that all measured owners have in other lanes.
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

    /// Every job that is measured has been called.
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
        // It may have begun before the window; and before others had calls, nothing showed that it was hers alone.
        let news = met.filter { max($0.value, owner.readySince) + cost(of: $0.key) >= since }
            .reduce(0) { $0 + cost(of: $1.key) }
        return Int64(Double(calls + rivals + elsewhere) / (Self.kept * share)) + news
    }

    /// What it costs everybody, once, that mallory's jobs fail in that way.
    private func cost(of way: Hostility) -> Int64 {
        let twoCalls = 2 * Int64(scene.habits.latency)
        switch way {
        // The API's own word is believed until it has proved three times to concern one owner alone.
        case .rateLimited, .patientlyRateLimited: return 3 * (Self.longestLimit + twoCalls)
        // The calls in flight end, the first pause, a probe.
        default: return Self.firstPause + twoCalls
        }
    }
}
