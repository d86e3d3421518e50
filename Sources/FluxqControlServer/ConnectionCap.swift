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
        /// There is none, and this user or many others have just been told so.
        case turnedAway
    }

    /// What is held by all who need the connection to be counted, and left when the last of them lets go.
    final class Place: Sendable {
        let entry: Entry
        private let cap: ConnectionCap

        fileprivate init(_ entry: Entry, _ cap: ConnectionCap) {
            self.entry = entry
            self.cap = cap
        }

        deinit { cap.leave(entry) }
    }

    private struct State {
        var open: [UInt32: Int] = [:]
        var total = 0
        var refusals = 0
        var refused: [UInt32: Refused] = [:]

        mutating func refuse(_ uid: UInt32, at now: ContinuousClock.Instant) -> Entry {
            guard refusals < mostRefusals else { return .turnedAway }
            guard var known = refused[uid], now - known.loggedAt < pauseOfLog else {
                refused = refused.filter { now - $0.value.loggedAt < pauseOfLog }
                refused[uid] = Refused(loggedAt: now, second: now, explained: 1)
                refusals += 1
                return .refused(isNews: true)
            }
            if now - known.second >= .seconds(1) { (known.second, known.explained) = (now, 0) }
            guard known.explained < mostRefusalsPerSecond else { return .turnedAway }
            known.explained += 1
            refused[uid] = known
            refusals += 1
            return .refused(isNews: false)
        }
    }

    /// What has been said of a user's refusals.
    private struct Refused {
        var loggedAt: ContinuousClock.Instant
        /// The present second's beginning, and how many refusals were explained in it.
        var second: ContinuousClock.Instant
        var explained = 0
    }

    /// Connections that are being told why they were refused: an explanation costs what a request does.
    static let mostRefusals = 64
    static let mostRefusalsPerSecond = 8
    private static let pauseOfLog = Duration.seconds(60)

    private let perUser: Int
    private let total: Int
    private let state = Mutex(State())

    init(perUser: Int, total: Int) {
        self.perUser = perUser
        self.total = total
    }

    /// - Parameter uid: nil, whom the kernel cannot name, has no place.
    func enter(uid: UInt32?) -> Place {
        let entry = state.withLock { state in
            if let uid, case let held = state.open[uid, default: 0], held < perUser, held < total - state.total {
                state.open[uid] = held + 1
                state.total += 1
                return Entry.admitted(uid: uid)
            }
            return state.refuse(uid ?? .max, at: .now)
        }
        return Place(entry, self)
    }

    private func leave(_ entry: Entry) {
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
