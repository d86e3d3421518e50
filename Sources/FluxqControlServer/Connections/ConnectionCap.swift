import Synchronization

/// How many connections there may be at once, so that a greedy user keeps only itself out.
///
/// A user gets one more place only while more places are free than it holds. So however many users take all they can get,
/// each holds no more than it leaves free, and who holds none always finds one: eight of them leave a ninth of the places.
/// Some places are for administrators alone, who come in whatever all others do. Somebody who is not known as a user yet takes
/// none of a user's places until a lookup has found out.
final class ConnectionCap: Sendable {
    /// Who comes, as far as that is known.
    enum Visitor: Hashable, Sendable {
        case user(UInt32)
        case administrator(UInt32)
        /// Not looked up yet.
        case newcomer(UInt32)
        /// No user, or one that the kernel cannot name.
        case stranger

        /// nil for one that no places are counted for.
        fileprivate var uid: UInt32? {
            switch self {
            case .user(let uid), .administrator(let uid), .newcomer(let uid): uid
            case .stranger: nil
            }
        }
    }

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
        private let seat: Mutex<Seat>
        private let cap: ConnectionCap

        fileprivate init(_ seat: Seat, _ cap: ConnectionCap) {
            self.seat = Mutex(seat)
            self.cap = cap
        }

        var entry: Entry { seat.withLock { $0.entry } }

        /// Gives the place of a newcomer who has been looked up for the one that it then gets; every other place stays.
        func settle(_ visitor: Visitor) -> Entry {
            seat.withLock { seat in
                if case .admitted(_, .newcomers) = seat { seat = cap.change(seat, for: visitor) }
                return seat.entry
            }
        }

        /// Gives the place back, to somebody who is told so or not.
        func refuse(_ visitor: Visitor) -> Entry {
            seat.withLock { seat in
                seat = cap.refuse(seat, visitor)
                return seat.entry
            }
        }

        deinit { cap.leave(seat.withLock { $0 }) }
    }

    fileprivate enum Seat {
        case admitted(uid: UInt32, Room)
        case refused(isNews: Bool)
        case turnedAway

        var entry: Entry {
            switch self {
            case .admitted(let uid, _): .admitted(uid: uid)
            case .refused(let isNews): .refused(isNews: isNews)
            case .turnedAway: .turnedAway
            }
        }
    }

    /// Places that are counted together.
    fileprivate enum Room: CaseIterable {
        case everybody, administrators, newcomers
    }

    private struct Places {
        let total: Int
        var taken = 0
        var held: [UInt32: Int] = [:]

        mutating func take(_ uid: UInt32, atMost most: Int) -> Bool {
            let own = held[uid, default: 0]
            guard own < most, own < total - taken else { return false }
            held[uid] = own + 1
            taken += 1
            return true
        }

        mutating func leave(_ uid: UInt32) {
            let left = held[uid, default: 0] - 1
            held[uid] = left > 0 ? left : nil
            taken -= 1
        }
    }

    private struct State {
        var rooms: [Room: Places]
        var refusals = 0
        var refused: [UInt32: Refused] = [:]

        mutating func enter(_ visitor: Visitor, perUser: Int) -> Seat {
            guard let uid = visitor.uid else { return refuse(visitor, at: .now) }
            for room in visitor.rooms {
                let elsewhere = Room.allCases.filter { $0 != room }.reduce(0) { $0 + (rooms[$1]?.held[uid] ?? 0) }
                if rooms[room]?.take(uid, atMost: perUser - elsewhere) == true { return .admitted(uid: uid, room) }
            }
            return refuse(visitor, at: .now)
        }

        mutating func leave(_ seat: Seat) {
            switch seat {
            case .admitted(let uid, let room): rooms[room]?.leave(uid)
            case .refused: refusals -= 1
            case .turnedAway: break
            }
        }

        /// All strangers count as one: a user may be able to come as many.
        mutating func refuse(_ visitor: Visitor, at now: ContinuousClock.Instant) -> Seat {
            let key = visitor.uid ?? .max
            guard refusals < mostRefusals else { return .turnedAway }
            guard var known = refused[key], now - known.loggedAt < pauseOfLog else {
                refused = refused.filter { now - $0.value.loggedAt < pauseOfLog }
                refused[key] = Refused(loggedAt: now, second: now, explained: 1)
                refusals += 1
                return .refused(isNews: true)
            }
            if now - known.second >= .seconds(1) { (known.second, known.explained) = (now, 0) }
            guard known.explained < mostRefusalsPerSecond else { return .turnedAway }
            known.explained += 1
            refused[key] = known
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
    private let state: Mutex<State>

    /// - Parameters:
    ///   - perUser: whatever the room.
    ///   - total: of all that are looked up.
    ///   - administrators: of the total, for them alone.
    ///   - newcomers: besides the total, for as long as the lookup takes.
    init(perUser: Int, total: Int, administrators: Int = 0, newcomers: Int = 256) {
        self.perUser = perUser
        state = Mutex(
            State(rooms: [
                .everybody: Places(total: max(0, total - administrators)),
                .administrators: Places(total: min(administrators, total)),
                .newcomers: Places(total: newcomers),
            ]))
    }

    func enter(_ visitor: Visitor) -> Place {
        Place(state.withLock { $0.enter(visitor, perUser: perUser) }, self)
    }

    private func change(_ seat: Seat, for visitor: Visitor) -> Seat {
        state.withLock { state in
            state.leave(seat)
            return state.enter(visitor, perUser: perUser)
        }
    }

    private func refuse(_ seat: Seat, _ visitor: Visitor) -> Seat {
        state.withLock { state in
            state.leave(seat)
            return state.refuse(visitor, at: .now)
        }
    }

    private func leave(_ seat: Seat) {
        state.withLock { $0.leave(seat) }
    }
}

extension ConnectionCap.Visitor {
    /// In the order in which they are tried.
    fileprivate var rooms: [ConnectionCap.Room] {
        switch self {
        case .user: [.everybody]
        case .administrator: [.everybody, .administrators]
        case .newcomer: [.newcomers]
        case .stranger: []
        }
    }
}
