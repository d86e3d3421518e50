import FluxqModel
import Synchronization

/// The owners who wait in each lane, in the order of their turns, and those that a limit blocks. Without it, the claim
/// would search all owners each time. It is built from the rows and can be rebuilt at any time. It is therefore dropped
/// when a write is rolled back, and does not survive a restart.
/// Only the one writing connection changes it; readers ask for marks.
final class LineMemory: Sendable {
    /// The first ready job of an owner in a lane.
    struct FirstJob: Hashable {
        let id: JobID
        let priority: Int

        func precedes(_ other: FirstJob) -> Bool { (-priority, id) < (-other.priority, other.id) }
    }

    /// A limit blocks an owner's first job. The claim skips the owner until then, or until a change of the owner's
    /// rows.
    struct Mark: Hashable {
        let since: Timestamp
        /// The time when the limit is renewed, or another job becomes due that may go first and be within the limit.
        let until: Timestamp?
    }

    struct Waiter: Hashable {
        var turn: FairShare.Turn
        /// The time when the first of the jobs that are not ready becomes due.
        var timedAt: Timestamp?
        /// The owner's first ready job; nil until it is needed.
        var first: FirstJob?
    }

    /// The owners with ready jobs in a lane.
    struct Line {
        /// The turns in order, without blocked owners.
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

        /// The index of the first turn that is not smaller.
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
        /// nil until it has been built.
        var lines: [Lane: Line]?
        var gates: [Lane: LaneGate] = [:]
        /// The number of the latest call of each lane. `forget()` keeps it, because those calls may be in flight.
        var calls: [Lane: Int] = [:]
        var endpoints: [String: Endpoint] = [:]
        /// Owners and lanes whose rows have changed since they were read.
        var touched: Set<Place> = []
        /// The settings that the marks and lanes depend on.
        var basis: LimitBasis?
        var catalog: ModelCatalog?
        /// The earliest end of a mark, and the latest start. Between them no mark has to be checked.
        var marksEnd: Timestamp?
        var marksBegan: Timestamp?
        /// The index of the endpoint whose turn it is.
        var nextEndpoint = 0
    }

    private let state = Mutex(State())

    func forget() { state.withLock { $0 = State(nextEndpoint: $0.nextEndpoint, calls: $0.calls) } }

    /// Notes that the rows of that owner in that lane have changed.
    func touch(_ lane: Lane, _ uid: UInt32) {
        state.withLock { state in
            state.touched.insert(Place(lane: lane, uid: uid))
            state.lift(uid)
        }
    }

    /// Notes that data which that owner's limits depend on has changed.
    func touch(_ uid: UInt32) {
        state.withLock { $0.lift(uid) }
    }

    /// Owners whose first jobs in that lane are blocked by a limit, as the claim has found.
    func marks(in lane: Lane) -> [UInt32: Mark] { state.withLock { $0.lines?[lane]?.marks ?? [:] } }

    /// The number of marks.
    var marks: Int { state.withLock { $0.lines?.values.reduce(0) { $0 + $1.marks.count } ?? 0 } }

    /// The body must not call `touch`.
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

    /// Lifts the marks of limits that are renewed. It also lifts marks whose start is now in the future: the clock was
    /// set back, so the day may be another.
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

/// The settings on which the marks for limits are based.
struct LimitBasis: Hashable, Sendable {
    private let limits: LimitRules
    private let prices: [String: StorePolicy.Price]

    init(_ policy: StorePolicy) {
        limits = policy.limits
        prices = policy.prices
    }
}
