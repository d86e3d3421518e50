import Dispatch
import FluxqHost
import FluxqMigrations
import FluxqModel
import GRDB
import GRDBSQLite
import Glibc
import SystemPackage

/// An SQLite database in a file of this host. No other file uses the database library.
///
/// One connection writes and checkpoints; readers have their own and see the last commit.
final class SQLiteEngine: Engine {
    private let pool: any DatabaseWriter
    private let clock: @Sendable () -> Timestamp
    private let blocking: BlockingWork?
    private let path: String
    private let locks: DatabaseLocks?

    /// Opens the database, creates it if there is none, and brings its schema up to date.
    ///
    /// - Parameters:
    /// - path: the path of `queue.sqlite`.
    ///   - clock: the wall clock.
    /// - lockPatience: the time to wait for another program's lock on the database.
    ///   - blocking: runs blocking work; nil uses the library's own threads.
    init(
        path: String, clock: @escaping @Sendable () -> Timestamp, lockPatience: Duration, blocking: BlockingWork?
    ) throws(StoreError) {
        try DatabaseFiles.settle(path)
        let directory = try DatabaseFiles.Directory(of: path)
        let locks = DatabaseLocks(path: path)
        pool = try Self.open(path, lockPatience: lockPatience, locks)
        try directory.sync()
        self.clock = clock
        self.blocking = blocking
        self.path = path
        self.locks = locks
    }

    /// Opens a database only for reading. It neither writes nor checkpoints: closing it leaves the write-ahead log as
    /// it is.
    ///
    /// - Parameter patience: the time to wait for a daemon that is recovering the log.
    /// - Throws: `.newerSchema` or `.olderSchema` if the database needs another version of fluxq.
    init(readingOnly path: String, patience: Duration) throws(StoreError) {
        do {
            var configuration = Configuration()
            configuration.label = "fluxq, looking"
            configuration.readonly = true
            configuration.busyMode = .timeout(patience / Duration.seconds(1))
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            pool = queue
            guard try queue.read({ db in try Self.knownMigrations(in: db, path: path) }) == Migration.all.count else {
                throw StoreError.olderSchema(path: path)
            }
        } catch {
            throw Self.failure(error, path: path)
        }
        clock = { .now() }
        blocking = nil
        self.path = path
        locks = nil
    }

    private static func open(
        _ path: String, lockPatience: Duration, _ locks: DatabaseLocks
    ) throws(StoreError) -> DatabasePool {
        let pool: DatabasePool
        do {
            var configuration = Configuration()
            configuration.label = "fluxq"
            configuration.maximumReaderCount = 4
            // The default requests a priority that an unprivileged service may not have, which causes a message in its
            // log.
            configuration.qos = .default
            // fluxqd's one writer never waits for itself, only for another program such as an administrator's.
            configuration.busyMode = .timeout(lockPatience / Duration.seconds(1))
            pool = try DatabasePool(path: path, configuration: configuration)
        } catch {
            throw failureToOpen(failure(error, locks: locks, path: path), path)
        }
        do {
            try prepare(pool, path: path)
        } catch {
            throw failureToOpen(pool.unsafeReentrantWrite { failure(error, on: $0, locks: locks, path: path) }, path)
        }
        return pool
    }

    private static func prepare(_ pool: DatabasePool, path: String) throws {
        // An acknowledged commit must survive a power cut. This is set on the one writing connection after it was
        // opened, because the library sets NORMAL when it opens it.
        try pool.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = FULL")
            // The library does not report it if the commit that makes this a WAL database fails.
            guard try String.fetchOne(db, sql: "PRAGMA journal_mode") == "wal" else {
                throw wasFull(db)
                    ? StoreError.full
                    : StoreError.failedDisk(
                        "its write-ahead log could not be set up, because the disk has failed or is full")
            }
        }
        CrashPoint.databaseOpened.pass()
        try migrate(pool, path: path)
        CrashPoint.databaseMigrated.pass()
        // Otherwise the undo data of single statements is in a temporary file that is created and removed for almost
        // each one. This is set after the migration, because indexes of many rows may need such files.
        try pool.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA temp_store = MEMORY") }
        // If SQLite could open the shared-memory file for reading only, it fails at the first write and at every later
        // one. It is better to fail here than at a user's submit.
        try pool.write { db in try db.execute(sql: Store.writingNothingNew) }
    }

    private static func migrate(_ pool: DatabasePool, path: String) throws {
        var migrator = DatabaseMigrator()
        for migration in Migration.all {
            migrator.registerMigration(migration.name) { db in
                try db.execute(sql: migration.sql)
                CrashPoint.migrationWritten.pass()
            }
        }
        // On the writing connection: a reader that is opened before the migration would prepare statements for the old
        // schema.
        _ = try pool.writeWithoutTransaction { db in try knownMigrations(in: db, path: path) }
        try migrator.migrate(pool)
    }

    /// The number of migrations that were applied to the database. This version must know all of them.
    private static func knownMigrations(in db: Database, path: String) throws -> Int {
        let applied = try DatabaseMigrator().appliedIdentifiers(db)
        let newer = applied.subtracting(Migration.all.map(\.name)).sorted()
        guard newer.isEmpty else { throw StoreError.newerSchema(path: path, migrations: newer) }
        return applied.count
    }

    // MARK: - Writing and reading

    func enqueue(writer work: @escaping @Sendable () -> Void) {
        if let blocking {
            blocking { [pool] in pool.writeWithoutTransaction { _ in work() } }
        } else {
            pool.asyncWriteWithoutTransaction { _ in work() }
        }
    }

    func write(_ body: (any Connection) throws -> Void) throws(StoreError) {
        do {
            try pool.unsafeReentrantWrite { db in
                let connection = connection(db)
                do {
                    try db.inTransaction(.immediate) {
                        try body(connection)
                        return .commit
                    }
                } catch {
                    throw connection.failure(error)
                }
            }
        } catch {
            throw Self.failure(error, path: path)
        }
    }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any Connection) throws -> Value
    ) async throws(StoreError) -> Value {
        let work = { @Sendable [self] (db: Database) throws -> Value in
            let connection = connection(db)
            do { return try body(connection) } catch { throw connection.failure(error) }
        }
        do {
            guard let blocking else { return try await pool.read(work) }
            return try await withCheckedThrowingContinuation { continuation in
                blocking { [pool] in continuation.resume(with: Result { try pool.read(work) }) }
            }
        } catch {
            throw Self.failure(error, locks: locks, path: path)
        }
    }

    func close() throws(StoreError) {
        do { try pool.close() } catch { throw Self.failure(error, path: path) }
    }

    private func connection(_ db: Database) -> SQLiteConnection {
        SQLiteConnection(db: db, clock: clock, locks: locks, path: path)
    }

    // MARK: - Functions that only SQLite has

    /// Returns the messages of `PRAGMA integrity_check`, and the rows that refer to a missing row. Takes as long as
    /// reading the whole database.
    func defects() async throws(StoreError) -> [ReadOnlyStore.Defect] {
        do {
            return try await pool.read { db in
                let report = try String.fetchAll(db, sql: "PRAGMA integrity_check").filter { $0 != "ok" }
                // If the pages themselves are damaged, their rows prove nothing.
                guard report.isEmpty else { return report.map(ReadOnlyStore.Defect.integrity) }
                return try GRDB.Row.fetchAll(db, sql: "PRAGMA foreign_key_check").map { row in
                    ReadOnlyStore.Defect.reference(table: row["table"], row: row["rowid"], parent: row["parent"])
                }
            }
        } catch {
            throw Self.failure(error, path: path)
        }
    }

    /// Writes the last commit into a new database that is marked as a backup; see `Store.recover`. It is not synced.
    ///
    /// - Parameters:
    /// - path: a path at which no file exists yet.
    /// - time: the time of the backup.
    func copy(to path: String, at time: Timestamp) async throws(StoreError) {
        do {
            // One statement sees one snapshot, whatever the daemon writes meanwhile; it only reads.
            try await pool.writeWithoutTransaction { db in try db.execute(sql: "VACUUM INTO ?", arguments: [path]) }
            let copy = try DatabaseQueue(path: path)
            try await copy.writeWithoutTransaction { db in
                // A single file, so that a copy of it is always complete.
                try db.execute(sql: "PRAGMA journal_mode = DELETE")
                try db.execute(
                    sql: "UPDATE queue SET backed_up_at = ?, restored_at = NULL", arguments: [time.rawValue])
            }
            try copy.close()
        } catch {
            throw Self.failure(error, path: path)
        }
    }

    // MARK: - Errors

    /// The reason why a start failed. If neither SQLite nor the connection knows it, a file beside the database may
    /// show it.
    private static func failureToOpen(_ failure: StoreError, _ path: String) -> StoreError {
        switch failure {
        case .readOnly, .failedDisk: DatabaseFiles.isFull(beside: path) ? .full : failure
        default: failure
        }
    }

    /// Converts an error of the database library.
    ///
    /// - Parameters:
    /// - db: the connection that has just failed: it knows the system's error.
    ///   - locks: the database's locks, to find the holder.
    fileprivate static func failure(
        _ error: any Error, on db: Database? = nil, locks: DatabaseLocks? = nil, path: String
    ) -> StoreError {
        if let error = error as? StoreError { return error }
        guard let error = error as? DatabaseError else { return .other(String(describing: error)) }
        let detail = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
        let isFull = db.map(wasFull) ?? false
        switch error.resultCode {
        case .SQLITE_FULL: return .full
        case .SQLITE_BUSY: return .locked(by: locks?.holder())
        // The shared-memory file could not grow.
        case .SQLITE_IOERR where error.extendedResultCode == .SQLITE_IOERR_SHMSIZE: return .full
        // SQLite reports a full disk only if a write failed with ENOSPC, but not for a quota or if a sync finds it out.
        // Data that such a sync may have dropped is written again by the next transaction, because this one has not
        // happened.
        case .SQLITE_IOERR where isFull, .SQLITE_CANTOPEN where isFull: return .full
        case .SQLITE_IOERR: return .failedDisk("\(detail), SQLite error \(error.extendedResultCode.rawValue)")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: return .damaged(detail)
        case .SQLITE_READONLY, .SQLITE_CANTOPEN: return .readOnly(path: path)
        default: return .other("\(detail), SQLite error \(error.extendedResultCode.rawValue)")
        }
    }

    /// True if the connection's file error was caused by a lack of space.
    ///
    /// The connection's own error code is not enough: SQLite does not set it if a commit fails. Each file keeps its
    /// latest error, even after the error is over. An error other than a lack of space is decisive: it ends fluxqd, so
    /// it cannot be old.
    private static func wasFull(_ db: Database) -> Bool {
        let files = [SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER].map { latestError(of: $0, db) }
        let codes = [sqlite3_system_errno(db.sqliteConnection)] + files
        return !codes.contains(EIO) && codes.contains { Errno(rawValue: $0).isFull }
    }

    /// - Parameter pointer: selects the database's file or the write-ahead log.
    /// - Returns: 0 if there was no error, or the file is not open.
    private static func latestError(of pointer: CInt, _ db: Database) -> CInt {
        var file: UnsafeMutablePointer<sqlite3_file>?
        guard sqlite3_file_control(db.sqliteConnection, "main", pointer, &file) == SQLITE_OK, let file,
            let methods = file.pointee.pMethods, let control = methods.pointee.xFileControl
        else { return 0 }
        var code: CInt = 0
        return control(file, SQLITE_FCNTL_LAST_ERRNO, &code) == SQLITE_OK ? code : 0
    }
}

/// A transaction of one of SQLite's connections.
private final class SQLiteConnection: Connection {
    private let db: Database
    private let clock: @Sendable () -> Timestamp
    private let locks: DatabaseLocks?
    private let path: String

    init(db: Database, clock: @escaping @Sendable () -> Timestamp, locks: DatabaseLocks?, path: String) {
        self.db = db
        self.clock = clock
        self.locks = locks
        self.path = path
    }

    var now: Timestamp { clock() }

    var isInTransaction: Bool { db.isInsideTransaction }

    @discardableResult
    func execute(_ sql: String, _ arguments: Arguments) throws -> Int {
        do {
            try db.cachedStatement(sql: sql).execute(arguments: StatementArguments(arguments))
            return db.changesCount
        } catch {
            throw failure(error)
        }
    }

    func forEachRow(_ sql: String, _ arguments: Arguments, _ body: (Row) throws -> Bool) throws {
        do {
            let statement = try db.cachedStatement(sql: sql)
            let columns = statement.columnNames
            let rows = try GRDB.Row.fetchCursor(statement, arguments: StatementArguments(arguments))
            while let row = try rows.next() {
                let values = columns.indices.map { SQLValue(row[$0] as DatabaseValue) }
                guard try body(Row(columns: columns, values: values)) else { return }
            }
        } catch {
            throw failure(error)
        }
    }

    func skipNumbers(_ count: Int64, of table: String) throws {
        if try execute("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = ?", [count, table]) == 0 {
            try execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", [table, count])
        }
    }

    func savepoint(_ body: () throws -> Void) throws {
        do {
            try db.inSavepoint {
                try body()
                return .commit
            }
        } catch {
            throw failure(error)
        }
    }

    func failure(_ error: any Error) -> StoreError {
        SQLiteEngine.failure(error, on: db, locks: locks, path: path)
    }
}

extension StatementArguments {
    fileprivate init(_ arguments: Arguments) {
        switch arguments.storage {
        case .ordered(let values): self.init(values.map(\.databaseValue))
        case .named(let values): self.init(values.mapValues(\.databaseValue))
        }
    }
}

extension SQLValue {
    fileprivate var databaseValue: DatabaseValue {
        switch self {
        case .null: .null
        case .integer(let number): number.databaseValue
        case .text(let text): text.databaseValue
        }
    }

    /// The schema's tables are STRICT and have only integers and text.
    fileprivate init(_ value: DatabaseValue) {
        switch value.storage {
        case .null: self = .null
        case .int64(let number): self = .integer(number)
        case .string(let text): self = .text(text)
        case .double, .blob: preconditionFailure("a statement gave \(value), which is neither an integer nor text")
        }
    }
}
