import FluxqModel
import Synchronization

/// Who waits in which lane, in the order of their turns, and who of them is kept back by a limit: what the claim would else
/// have to seek among all owners each time. It is made from the rows and can be made again at any time, so it is
/// forgotten when a write is taken back, and does not survive a restart.
///
/// Only the one writing connection changes it; readers ask for marks.
final class LineMemory: Sendable {
    /// The first ready job of an owner in a lane.
    struct FirstJob: Hashable {
        let id: JobID
        let priority: Int

        func precedes(_ other: FirstJob) -> Bool { (-priority, id) < (-other.priority, other.id) }
    }

    /// A limit keeps the first job waiting: the claim passes by until then, or until something changes about the owner.
    struct Mark: Hashable {
        let since: Timestamp
        /// When the limit is renewed, or another job's time comes, which may go first and be within it.
        let until: Timestamp?
    }

    struct Waiter: Hashable {
        var turn: FairShare.Turn
        /// When the first of the jobs that are not ready becomes due.
        var timedAt: Timestamp?
        /// nil until somebody asks.
        var first: FirstJob?
    }

    /// Who has ready jobs in a lane.
    struct Line {
        /// In the order of their turns; without those who are kept back.
        private(set) var order: [FairShare.Turn] = []
        private(set) var waiters: [UInt32: Waiter] = [:]
        private(set) var marks: [UInt32: Mark] = [:]

        mutating func put(_ waiter: Waiter) {
            remove(waiter.turn.uid)
            waiters[waiter.turn.uid] = waiter
            insert(waiter.turn)
        }

        mutating func remove(_ uid: UInt32) {
            marks[uid] = nil
            guard let waiter = waiters.removeValue(forKey: uid) else { return }
            withdraw(waiter.turn)
        }

        mutating func know(_ first: FirstJob, of uid: UInt32) {
            waiters[uid]?.first = first
        }

        mutating func move(to turn: FairShare.Turn) {
            guard let waiter = waiters[turn.uid] else { return }
            waiters[turn.uid]?.turn = turn
            guard marks[turn.uid] == nil else { return }
            withdraw(waiter.turn)
            insert(turn)
        }

        mutating func mark(_ uid: UInt32, _ mark: Mark) {
            guard let waiter = waiters[uid] else { return }
            withdraw(waiter.turn)
            marks[uid] = mark
        }

        mutating func lift(_ uid: UInt32) {
            guard marks.removeValue(forKey: uid) != nil, let waiter = waiters[uid] else { return }
            insert(waiter.turn)
        }

        private mutating func insert(_ turn: FairShare.Turn) {
            let place = place(of: turn)
            if place < order.count, order[place] == turn { return }
            order.insert(turn, at: place)
        }

        private mutating func withdraw(_ turn: FairShare.Turn) {
            let place = place(of: turn)
            guard place < order.count, order[place] == turn else { return }
            order.remove(at: place)
        }

        /// The first that is not smaller.
        private func place(of turn: FairShare.Turn) -> Int { order.partitioningIndex { $0 >= turn } }
    }

    struct Place: Hashable {
        let lane: Lane
        let uid: UInt32
    }

    /// A row of `endpoints`.
    struct Endpoint: Hashable {
        var share: FairShare
        var lastCallAt: Timestamp?
    }

    struct State {
        /// nil until it has been made.
        var lines: [Lane: Line]?
        var gates: [Lane: LaneGate] = [:]
        /// The number of the latest call of each lane. It outlives what is forgotten: those calls may be in flight.
        var calls: [Lane: Int] = [:]
        var endpoints: [String: Endpoint] = [:]
        /// Whose rows have changed since they were looked at.
        var touched: Set<Place> = []
        /// What decides about marks and lanes.
        var basis: LimitBasis?
        var catalog: ModelCatalog?
        /// The earliest end of a mark, and the latest beginning: nothing has to be looked at before or after.
        var marksEnd: Timestamp?
        var marksBegan: Timestamp?
        /// Of the endpoint whose turn it is among the endpoints.
        var nextEndpoint = 0
    }

    private let state = Mutex(State())

    func forget() { state.withLock { $0 = State(nextEndpoint: $0.nextEndpoint, calls: $0.calls) } }

    /// The rows of that owner in that lane have changed.
    func touch(_ lane: Lane, _ uid: UInt32) {
        state.withLock { state in
            state.touched.insert(Place(lane: lane, uid: uid))
            state.lift(uid)
        }
    }

    /// What limits go by has changed for that owner.
    func touch(_ uid: UInt32) {
        state.withLock { $0.lift(uid) }
    }

    /// Owners of whose first jobs in that lane the claim has found a limit that keeps them.
    func marks(in lane: Lane) -> [UInt32: Mark] { state.withLock { $0.lines?[lane]?.marks ?? [:] } }

    /// How many owners are marked.
    var marks: Int { state.withLock { $0.lines?.values.reduce(0) { $0 + $1.marks.count } ?? 0 } }

    /// The body must not touch anybody.
    func use<Value>(_ body: (inout State) throws -> Value) rethrows -> Value {
        try state.withLock { state throws in try body(&state) }
    }
}

extension LineMemory.State {
    init(nextEndpoint: Int, calls: [Lane: Int]) {
        self.init()
        self.nextEndpoint = nextEndpoint
        self.calls = calls
    }

    fileprivate mutating func lift(_ uid: UInt32) {
        guard marksEnd != nil || marksBegan != nil, let lanes = lines?.keys else { return }
        for lane in Array(lanes) { lines?[lane]?.lift(uid) }
    }

    mutating func clearLimitBlocks() {
        for lane in Array((lines ?? [:]).keys) {
            for uid in Array((lines?[lane]?.marks ?? [:]).keys) { lines?[lane]?.lift(uid) }
        }
        marksEnd = nil
        marksBegan = nil
    }

    /// Owners whose limit is renewed come back; those marked in what is now the future, too: the clock was set back, and
    /// with it the day may be another.
    mutating func liftMarks(at now: Timestamp) {
        guard marksEnd.map({ $0 <= now }) ?? false || marksBegan.map({ $0 > now }) ?? false else { return }
        marksEnd = nil
        marksBegan = nil
        for lane in Array((lines ?? [:]).keys) {
            for (uid, mark) in lines?[lane]?.marks ?? [:] {
                if mark.since > now || mark.until.map({ $0 <= now }) ?? false {
                    lines?[lane]?.lift(uid)
                } else {
                    remember(mark)
                }
            }
        }
    }

    mutating func mark(_ uid: UInt32, in lane: Lane, _ mark: LineMemory.Mark) {
        lines?[lane]?.mark(uid, mark)
        remember(mark)
    }

    private mutating func remember(_ mark: LineMemory.Mark) {
        if let until = mark.until { marksEnd = min(marksEnd ?? until, until) }
        marksBegan = max(marksBegan ?? mark.since, mark.since)
    }
}

/// By what an owner is marked as kept back by a limit.
struct LimitBasis: Hashable, Sendable {
    private let limits: LimitRules
    private let prices: [String: StorePolicy.Price]

    init(_ policy: StorePolicy) {
        limits = policy.limits
        prices = policy.prices
    }
}
