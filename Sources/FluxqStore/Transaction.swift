import FluxqModel

/// One verb's part of an open write transaction: the database, one reading of the clock, and what has changed.
final class Transaction {
    let db: any Connection
    let policy: StorePolicy
    let shortage: Shortage?
    let now: Timestamp
    var generator: DrawnBits
    let memory: LineMemory
    private(set) var changes: Changes = []
    /// Lanes that were closed or opened.
    private(set) var laneNews: [LaneNews] = []

    init(
        db: any Connection, policy: StorePolicy, shortage: Shortage?, now: Timestamp, generator: DrawnBits,
        memory: LineMemory
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
    func execute(_ sql: String, _ arguments: Arguments = []) throws -> Int {
        try db.execute(sql, arguments)
    }

    func row(_ sql: String, _ arguments: Arguments = []) throws -> Row? {
        try db.row(sql, arguments)
    }

    func value<Value: ColumnValue>(
        _ type: Value.Type, _ sql: String, _ arguments: Arguments = []
    ) throws -> Value? {
        try db.value(Value.self, sql, arguments)
    }

    /// Adds a line to the event log and wakes those who wait for the job.
    ///
    /// - Parameter actor: who did it; nil is fluxqd itself.
    func log(_ kind: EventKind, job: JobID, uid: UInt32, state: JobState, actor: UInt32? = nil) throws {
        try execute(
            """
            INSERT INTO events (at, job, uid, actor, kind, state) VALUES (:at, :job, :uid, :actor, :kind, :state)
            """,
            ["at": now, "job": job, "uid": uid, "actor": actor, "kind": kind.rawValue, "state": state.rawValue])
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

    /// Something may have become callable.
    func wakeCalls() {
        changes.insert(.calls)
    }

    /// A picture may have become fetchable.
    func wakeDownloads() {
        changes.insert(.downloads)
    }

    /// Wakes who forgets what nobody uses.
    func wakeHousekeeper() {
        changes.insert(.inputs)
    }
}
