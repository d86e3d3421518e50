import Synchronization

/// How many connections there may be at once, so that a greedy user keeps only itself out.
final class ConnectionCap: Sendable {
    private let perUser: Int
    private let total: Int
    private let open = Mutex<[UInt32: Int]>([:])

    init(perUser: Int, total: Int) {
        self.perUser = perUser
        self.total = total
    }

    /// Takes a place, which `leave` gives back; false where there is none.
    func enter(uid: UInt32) -> Bool {
        open.withLock { open in
            guard open[uid, default: 0] < perUser, open.values.reduce(0, +) < total else { return false }
            open[uid, default: 0] += 1
            return true
        }
    }

    func leave(uid: UInt32) {
        open.withLock { open in
            let left = open[uid, default: 0] - 1
            open[uid] = left > 0 ? left : nil
        }
    }
}
