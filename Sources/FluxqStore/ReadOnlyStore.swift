import FluxqMigrations
package import FluxqModel
import GRDB

/// The database for those who look at it from another process, whether the daemon runs or not.
///
/// The connection is read-only, so it can neither write nor checkpoint: closing it leaves the write-ahead log as it is.
/// Its reads see one commit each. The files that SQLite shares between processes (`-shm`, an empty `-wal`) get the
/// owner and mode of the database, even where root looks.
package final class ReadOnlyStore: Sendable {
    /// Something that is wrong with the database.
    package enum Defect: Hashable, Sendable {
        /// What `PRAGMA integrity_check` says.
        case integrity(String)
        /// A row of the table refers to one that is not there.
        case reference(table: String, row: Int64?, parent: String)
        /// A rule between rows does not hold.
        case records(rule: String, detail: String)
    }

    /// How much there is of what.
    package struct Size: Hashable, Sendable {
        package let jobs: Int
        package let calls: Int
        package let users: Int
    }

    /// How long a look waits for a daemon that is just recovering the log.
    private static let patience = 10.0

    let queue: DatabaseQueue

    /// - Parameter path: of `queue.sqlite`, which exists.
    /// - Throws: `.newerSchema` or `.olderSchema` where another version of fluxq has to look.
    package init(path: String) throws(StoreError) {
        do {
            var configuration = Configuration()
            configuration.label = "fluxq, looking"
            configuration.readonly = true
            configuration.busyMode = .timeout(Self.patience)
            queue = try DatabaseQueue(path: path, configuration: configuration)
            let applied = try queue.read { db in
                try db.tableExists("grdb_migrations")
                    ? String.fetchAll(db, sql: "SELECT identifier FROM grdb_migrations") : []
            }
            let known = Migration.all.map(\.name)
            let newer = Set(applied).subtracting(known).sorted()
            guard newer.isEmpty else { throw StoreError.newerSchema(path: path, migrations: newer) }
            guard applied.count == known.count else { throw StoreError.olderSchema(path: path) }
        } catch {
            throw StoreError(error, path: path)
        }
    }

    package func close() throws(StoreError) {
        do { try queue.close() } catch { throw StoreError(error) }
    }

    /// Everything that is wrong with the database, as of one commit. Takes as long as reading all of it.
    package func defects() async throws(StoreError) -> [Defect] {
        try await read { db in
            let report = try String.fetchAll(db, sql: "PRAGMA integrity_check").filter { $0 != "ok" }
            // Where the pages themselves are damaged, what they hold says nothing.
            guard report.isEmpty else { return report.map(Defect.integrity) }
            let broken = try Row.fetchAll(db, sql: "PRAGMA foreign_key_check").map { row in
                Defect.reference(table: row["table"], row: row["rowid"], parent: row["parent"])
            }
            let breaches = try RecordRule.all.flatMap { rule in
                try rule.breaches(db).map { Defect.records(rule: rule.name, detail: $0) }
            }
            return broken + breaches
        }
    }

    package func size() async throws(StoreError) -> Size {
        try await read { db in
            func count(_ table: String) throws -> Int {
                try Int.fetchOne(db, sql: "SELECT count(*) FROM \(table)") ?? 0
            }
            return Size(jobs: try count("jobs"), calls: try count("attempts"), users: try count("owners"))
        }
    }

    /// Content that rows refer to; see `ContentReference.all`.
    package func references(in bucket: UInt8) async throws(StoreError) -> [ContentReference] {
        try await read { db in try ContentReference.all(in: bucket, db) }
    }

    /// What expects a content to be whole in its place.
    package func uses(of hash: ContentHash) async throws(StoreError) -> [ContentUse] {
        try await read { db in try ContentUse.all(of: hash, damaged: false, db) }
    }

    /// What knows that a content is damaged.
    package func losses(of hash: ContentHash) async throws(StoreError) -> [ContentUse] {
        try await read { db in try ContentUse.all(of: hash, damaged: true, db) }
    }

    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws(StoreError) -> Value
    {
        do {
            return try await queue.read { db in
                do { return try body(db) } catch { throw StoreError(error, on: db) }
            }
        } catch {
            throw StoreError(error)
        }
    }
}
