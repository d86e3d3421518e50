import Synchronization

/// How many connections there may be at once, so that a greedy user keeps only itself out.
///
/// A user gets one more place only while more places are free than it holds. So however many users take all they can get,
/// each holds no more than it leaves free, and who holds none always finds one: eight of them leave a ninth of the places.
final class ConnectionCap: Sendable {
    private struct State {
        var open: [UInt32: Int] = [:]
        var total = 0
        var refusals = 0
    }

    /// Connections that are being told why they were refused.
    private static let mostRefusals = 64

    private let perUser: Int
    private let total: Int
    private let state = Mutex(State())

    init(perUser: Int, total: Int) {
        self.perUser = perUser
        self.total = total
    }

    /// Takes a place, which `leave` gives back; false where there is none.
    func enter(uid: UInt32) -> Bool {
        state.withLock { state in
            let held = state.open[uid, default: 0]
            guard held < perUser, held < total - state.total else { return false }
            state.open[uid] = held + 1
            state.total += 1
            return true
        }
    }

    func leave(uid: UInt32) {
        state.withLock { state in
            let left = state.open[uid, default: 0] - 1
            state.open[uid] = left > 0 ? left : nil
            state.total -= 1
        }
    }

    /// Whether there is time to tell one more why it is refused; `endRefusal` has to follow.
    func beginRefusal() -> Bool {
        state.withLock { state in
            guard state.refusals < Self.mostRefusals else { return false }
            state.refusals += 1
            return true
        }
    }

    func endRefusal() {
        state.withLock { $0.refusals -= 1 }
    }
}
