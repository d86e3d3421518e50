import Synchronization

/// Limits the number of open connections, so that a greedy user blocks only itself.
///
/// A user gets another place only while more places are free than it holds. So no user holds more than it leaves free,
/// and a user without a connection always finds a place: eight greedy users leave a ninth of the places. Some places
/// are reserved for administrators. A user that is not known yet takes none of the users' places until it is looked up.
final class ConnectionCap: Sendable {
    /// The kind of a peer, as far as it is known.
    enum Visitor: Hashable, Sendable {
        case user(UInt32)
        case administrator(UInt32)
        /// Not looked up yet.
        case newcomer(UInt32)
        /// Not a user, or one that the kernel cannot name.
        case stranger

        /// nil for a peer whose places are not counted.
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
        /// There is no place; the peer is told why. `isNews`: worth a log line.
        case refused(isNews: Bool)
        /// There is no place, and this user or many others have just been told why.
        case turnedAway
    }

    /// Held by everything that keeps the connection counted. Freed when the last reference is released.
    final class Place: Sendable {
        private let seat: Mutex<Seat>
        private let cap: ConnectionCap

        fileprivate init(_ seat: Seat, _ cap: ConnectionCap) {
            self.seat = Mutex(seat)
            self.cap = cap
        }

        var entry: Entry { seat.withLock { $0.entry } }

        /// Exchanges the place of a newcomer that has been looked up for one of its kind. Keeps any other place.
        func settle(_ visitor: Visitor) -> Entry {
            seat.withLock { seat in
                if case .admitted(_, .newcomers) = seat { seat = cap.change(seat, for: visitor) }
                return seat.entry
            }
        }

        /// Gives the place back and refuses the peer, with or without the reason.
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

        /// All strangers count as one, because one user may be able to connect with many uids.
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

    /// The refusals of a user so far.
    private struct Refused {
        var loggedAt: ContinuousClock.Instant
        /// The start of the current second, and the refusals explained in it.
        var second: ContinuousClock.Instant
        var explained = 0
    }

    /// Connections that are being told the reason at the same time: an explanation costs as much as a request.
    static let mostRefusals = 64
    static let mostRefusalsPerSecond = 8
    private static let pauseOfLog = Duration.seconds(60)

    private let perUser: Int
    private let state: Mutex<State>

    /// - Parameters:
    ///   - perUser: over all rooms.
    ///   - total: for all users that have been looked up.
    ///   - administrators: the part of the total reserved for them.
    ///   - newcomers: besides the total, during the lookup.
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
