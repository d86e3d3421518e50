import FluxqModel

/// One verb's part of an open write transaction: the database, one reading of the clock, and the changes.
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

    /// Adds an event to the log and wakes tasks that wait for the job.
    ///
    /// - Parameter actor: the user who caused it; nil is fluxqd itself.
    func log(_ kind: EventKind, job: JobID, uid: UInt32, state: JobState, actor: UInt32? = nil) throws {
        try execute(
            """
            INSERT INTO events (at, job, uid, actor, kind, state) VALUES (:at, :job, :uid, :actor, :kind, :state)
            """,
            ["at": now, "job": job, "uid": uid, "actor": actor, "kind": kind.rawValue, "state": state.rawValue])
        changes.formUnion([.job(job), .owner(uid: uid), .everybody])
    }

    /// Adds an event about the whole queue to the log.
    ///
    /// - Parameter actor: the user who caused it; nil is fluxqd itself.
    func logQueue(_ kind: EventKind, actor: UInt32?) throws {
        try execute("INSERT INTO events (at, actor, kind) VALUES (?, ?, ?)", [now, actor, kind.rawValue])
        changes.formUnion([.queue, .everybody])
    }

    /// Reports a lane's change, which is logged once it is on the disk.
    func tell(_ news: LaneNews) {
        laneNews.append(news)
    }

    /// Wakes the workers, because a job may have become callable.
    func wakeCalls() {
        changes.insert(.calls)
    }

    /// Wakes the downloads, because a picture may have become due.
    func wakeDownloads() {
        changes.insert(.downloads)
    }

    /// Wakes the housekeeper.
    func wakeHousekeeper() {
        changes.insert(.inputs)
    }
}
