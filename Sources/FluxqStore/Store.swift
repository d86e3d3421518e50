import Dispatch
import FluxqMigrations
package import FluxqModel
import GRDB
import Synchronization

/// The job database. Its verbs are its whole interface: no SQL and no type of the database library leaves this module.
///
/// One connection writes and checkpoints; readers have their own and see the last commit. A verb returns when what it
/// wrote is on the disk. Verbs are named after what happens to a job; there is no way to set a state.
package final class Store: Sendable {
    package let signal = ChangeSignal()
    private let reloadable: Reloadable<StorePolicy>
    let memory = LineMemory()
    /// The wall clock by which it writes.
    package let clock: @Sendable () -> Timestamp
    let shortage = ShortageNotice()
    private let random: @Sendable () -> UInt64
    private let pool: DatabasePool
    private let blocking: BlockingWork?
    private let group: GroupCommit
    private let locks: DatabaseLocks
    private let onFatal: @Sendable (StoreError) -> Void
    private let onLaneNews = Mutex<(@Sendable (LaneNews) -> Void)?>(nil)

    /// Opens the database, makes it where there is none, and brings its schema up to date.
    ///
    /// - Parameters:
    ///   - path: of `queue.sqlite`.
    ///   - now: the wall clock.
    ///   - random: 64 evenly distributed bits, for the jitter of pauses.
    ///   - lockPatience: how long somebody else's lock on the database is waited for.
    ///   - blocking: runs what blocks; nil is on threads of its own.
    ///   - onFatal: called once or more when the disk has failed; the process has to end.
    package init(
        path: String, policy: StorePolicy = .init(), now: @escaping @Sendable () -> Timestamp,
        random: @escaping @Sendable () -> UInt64 = { .random(in: .min ... .max) },
        lockPatience: Duration = .seconds(5),
        blocking: BlockingWork? = nil,
        onFatal: @escaping @Sendable (StoreError) -> Void = { _ in }
    ) throws(StoreError) {
        try DatabaseFiles.settle(path)
        let directory = try DatabaseFiles.Directory(of: path)
        locks = DatabaseLocks(path: path)
        var opened: DatabasePool?
        do {
            var configuration = Configuration()
            configuration.label = "fluxq"
            configuration.maximumReaderCount = 4
            // The default asks for a priority that an unprivileged service may not have, and is told so in its log.
            configuration.qos = .default
            // fluxqd's one writer waits for nobody: whoever keeps it waiting is another program, such as an administrator's.
            configuration.busyMode = .timeout(lockPatience / Duration.seconds(1))
            pool = try DatabasePool(path: path, configuration: configuration)
            opened = pool
            // An acknowledged commit survives a power cut. Set on the one writing connection after it was opened, because
            // opening it is what makes the library set NORMAL.
            try pool.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA synchronous = FULL")
                // The library does not hear of it where the commit that makes this a WAL database fails.
                guard try String.fetchOne(db, sql: "PRAGMA journal_mode") == "wal" else {
                    throw StoreError.wasFull(db)
                        ? StoreError.full
                        : StoreError.failedDisk(
                            "its write-ahead log could not be set up, because the disk has failed or is full")
                }
            }
            CrashPoint.databaseOpened.pass()
            try Self.migrate(pool, path: path)
            CrashPoint.databaseMigrated.pass()
            // What undoes a single statement is kept in a temporary file otherwise, made and removed for almost each one. Set
            // after the schema, whose indexes of many rows may need such files.
            try pool.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA temp_store = MEMORY") }
            // Where SQLite could open the file that readers and the writer share for reading only, it says so to the first
            // who writes, and to everybody after: better now than to those who submit.
            try pool.write { db in try Store.writeOnce(db) }
        } catch {
            throw Self.failure(of: opened, error, locks: locks, path: path)
        }
        try directory.sync()
        reloadable = Reloadable(policy)
        clock = now
        self.random = random
        self.blocking = blocking
        self.onFatal = onFatal
        group = GroupCommit(
            pool: pool, signal: signal, blocking: blocking, locks: locks,
            onRollback: { [memory] in memory.forget() }, onFatal: onFatal)
    }

    /// Why a start failed: what SQLite does not say, the connection or a file beside the database may.
    private static func failure(
        of pool: DatabasePool?, _ error: any Error, locks: DatabaseLocks, path: String
    ) -> StoreError {
        let failure =
            pool?.unsafeReentrantWrite { db in StoreError(error, on: db, locks: locks, path: path) }
            ?? StoreError(error, locks: locks, path: path)
        switch failure {
        case .readOnly, .failedDisk: return DatabaseFiles.isFull(beside: path) ? .full : failure
        default: return failure
        }
    }

    /// Writes a page that says what it said before.
    private static func writeOnce(_ db: Database) throws {
        try db.execute(sql: "UPDATE queue SET id = id")
    }

    /// Returns when a write has succeeded: there is room for one again.
    package func tryWriting() async throws(StoreError) {
        try await write { transaction in try Store.writeOnce(transaction.db) }
    }

    /// Each piece of work reads it once.
    var policy: StorePolicy { reloadable.current }

    /// Takes on what has been configured anew: transactions that begin from now on go by it.
    package func adopt(_ policy: StorePolicy) {
        reloadable.replace(with: policy)
        // What kept a job waiting may do so no longer.
        signal.ring([.work, .inputs])
    }

    /// Waits for the last write and closes the file.
    package func close() throws(StoreError) {
        do { try pool.close() } catch { throw StoreError(error) }
    }

    private static func migrate(_ pool: DatabasePool, path: String) throws {
        var migrator = DatabaseMigrator()
        for migration in Migration.all {
            migrator.registerMigration(migration.name) { db in
                try db.execute(sql: migration.sql)
                CrashPoint.migrationWritten.pass()
            }
        }
        let unknown = try pool.read { db in
            let known = Set(migrator.migrations)
            return try migrator.appliedIdentifiers(db).filter { !known.contains($0) }.sorted()
        }
        guard unknown.isEmpty else { throw StoreError.newerSchema(path: path, migrations: unknown) }
        try migrator.migrate(pool)
    }

    /// Has somebody told of every lane that is closed or opened, once it is on the disk.
    package func tellLaneNews(_ hear: @escaping @Sendable (LaneNews) -> Void) {
        onLaneNews.withLock { $0 = hear }
    }

    /// Runs a verb's writes; see `GroupCommit.write`.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Transaction) throws -> Value
    ) async throws(StoreError) -> Value {
        let (value, news) = try await group.write { [reloadable, shortage, clock, random, memory] db, changes throws in
            let transaction = Transaction(
                db: db, policy: reloadable.current, shortage: shortage.present, now: clock(),
                generator: DrawnBits(draw: random), memory: memory)
            let value = try body(transaction)
            changes.formUnion(transaction.changes)
            return (value, transaction.laneNews)
        }
        if let hear = onLaneNews.withLock({ $0 }) { news.forEach(hear) }
        return value
    }

    /// Reads the last commit without waiting for writers.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database, _ now: Timestamp) throws -> Value
    ) async throws(StoreError) -> Value {
        let work = { @Sendable [clock, locks] (db: Database) throws -> Value in
            do { return try body(db, clock()) } catch { throw StoreError(error, on: db, locks: locks) }
        }
        do {
            guard let blocking else { return try await pool.read(work) }
            return try await withCheckedThrowingContinuation { continuation in
                blocking { [pool] in continuation.resume(with: Result { try pool.read(work) }) }
            }
        } catch {
            let error = StoreError(error, locks: locks)
            if error.isFatal { onFatal(error) }
            throw error
        }
    }
}

/// Turns the store's source of random bits into what the standard library draws from.
struct DrawnBits: RandomNumberGenerator {
    let draw: @Sendable () -> UInt64

    mutating func next() -> UInt64 { draw() }
}
