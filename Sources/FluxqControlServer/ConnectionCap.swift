import Synchronization

/// How many connections there may be at once, so that a greedy user keeps only itself out.
///
/// A user gets one more place only while more places are free than it holds. So however many users take all they can get,
/// each holds no more than it leaves free, and who holds none always finds one: eight of them leave a ninth of the places.
final class ConnectionCap: Sendable {
    enum Entry: Hashable, Sendable {
        /// It has a place.
        case admitted(uid: UInt32)
        /// There is none, and time to say so. `isNews`: worth a line in the log.
        case refused(isNews: Bool)
        /// There is none, and many are being told so already.
        case turnedAway
    }

    private struct State {
        var open: [UInt32: Int] = [:]
        var total = 0
        var refusals = 0
        /// When the log last spoke of a user's refusal.
        var logged: [UInt32: ContinuousClock.Instant] = [:]
    }

    /// Connections that are being told why they were refused.
    static let mostRefusals = 64
    private static let pauseOfLog = Duration.seconds(60)

    private let perUser: Int
    private let total: Int
    private let state = Mutex(State())

    init(perUser: Int, total: Int) {
        self.perUser = perUser
        self.total = total
    }

    /// `leave` has to follow when the connection is over.
    ///
    /// - Parameter uid: nil, whom the kernel cannot name, has no place.
    func enter(uid: UInt32?) -> Entry {
        state.withLock { state in
            if let uid, case let held = state.open[uid, default: 0], held < perUser, held < total - state.total {
                state.open[uid] = held + 1
                state.total += 1
                return .admitted(uid: uid)
            }
            let uid = uid ?? .max
            guard state.refusals < Self.mostRefusals else { return .turnedAway }
            state.refusals += 1
            let now = ContinuousClock.now
            if let last = state.logged[uid], now - last < Self.pauseOfLog { return .refused(isNews: false) }
            state.logged = state.logged.filter { now - $0.value < Self.pauseOfLog }
            state.logged[uid] = now
            return .refused(isNews: true)
        }
    }

    func leave(_ entry: Entry) {
        state.withLock { state in
            switch entry {
            case .admitted(let uid):
                let left = state.open[uid, default: 0] - 1
                state.open[uid] = left > 0 ? left : nil
                state.total -= 1
            case .refused: state.refusals -= 1
            case .turnedAway: break
            }
        }
    }
}
