import FluxqModel
import GRDB

/// One verb's part of an open write transaction: the database, one reading of the clock, and what has changed.
final class Transaction {
    let db: Database
    let policy: StorePolicy
    let shortage: Shortage?
    let now: Timestamp
    var generator: DrawnBits
    let memory: LineMemory
    private(set) var changes: Changes = []
    /// Lanes that were closed or opened.
    private(set) var laneNews: [LaneNews] = []

    init(
        db: Database, policy: StorePolicy, shortage: Shortage?, now: Timestamp, generator: DrawnBits, memory: LineMemory
    ) {
        self.db = db
        self.policy = policy
        self.shortage = shortage
        self.now = now
        self.generator = generator
        self.memory = memory
    }

    /// Runs one statement, prepared once per connection.
    @discardableResult
    func execute(_ sql: String, _ arguments: StatementArguments = []) throws -> Int {
        try db.cachedStatement(sql: sql).execute(arguments: arguments)
        return db.changesCount
    }

    func row(_ sql: String, _ arguments: StatementArguments = []) throws -> Row? {
        try Row.fetchOne(try db.cachedStatement(sql: sql), arguments: arguments)
    }

    func value<Value: DatabaseValueConvertible & StatementColumnConvertible>(
        _ type: Value.Type, _ sql: String, _ arguments: StatementArguments = []
    ) throws -> Value? {
        try Value.fetchOne(try db.cachedStatement(sql: sql), arguments: arguments)
    }

    /// Adds a line to the event log and wakes those who wait for the job.
    ///
    /// - Parameter actor: who did it; nil is fluxqd itself.
    func log(_ kind: EventKind, job: JobID, uid: UInt32, state: JobState, actor: UInt32? = nil) throws {
        try execute(
            "INSERT INTO events (at, job, uid, actor, kind, state) VALUES (?, ?, ?, ?, ?, ?)",
            [now, job, uid, actor, kind.rawValue, state.rawValue])
        changes.formUnion([.job(job), .owner(uid: uid), .everybody])
    }

    /// Adds a line about the whole queue to the event log.
    ///
    /// - Parameter actor: who did it; nil is fluxqd itself.
    func logQueue(_ kind: EventKind, actor: UInt32?) throws {
        try execute("INSERT INTO events (at, actor, kind) VALUES (?, ?, ?)", [now, actor, kind.rawValue])
        changes.formUnion([.queue, .everybody])
    }

    /// Adds a line to the log of the daemon, once it is on the disk.
    func tell(_ news: LaneNews) {
        laneNews.append(news)
    }

    /// Wakes the workers: something may have become callable or fetchable.
    func wakeWorkers() {
        changes.insert(.work)
    }

    /// Wakes who forgets what nobody uses.
    func wakeHousekeeper() {
        changes.insert(.inputs)
    }
}
