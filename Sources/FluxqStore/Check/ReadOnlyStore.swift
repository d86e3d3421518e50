package import FluxqModel

/// Read access to the database for another process, whether the daemon runs or not.
///
/// The connection is read-only, so it can neither write nor checkpoint: closing it leaves the write-ahead log as it is.
/// Each read sees one commit. The files that SQLite shares between processes (`-shm`, an empty `-wal`) get the owner
/// and mode of the database, even if root reads it.
package final class ReadOnlyStore: Sendable {
    /// A defect of the database.
    package enum Defect: Hashable, Sendable {
        /// A message of `PRAGMA integrity_check`.
        case integrity(String)
        /// A row of the table refers to a row that does not exist.
        case reference(table: String, row: Int64?, parent: String)
        /// A rule between rows is broken.
        case records(rule: String, detail: String)
    }

    /// The number of rows of each kind.
    package struct Size: Hashable, Sendable {
        package let jobs: Int
        package let calls: Int
        package let users: Int
    }

    /// The time to wait for a daemon that is recovering the log.
    private static let patience = Duration.seconds(10)

    let engine: SQLiteEngine

    /// - Parameter path: the path of an existing `queue.sqlite`.
    /// - Throws: `.newerSchema` or `.olderSchema` if the database needs another version of fluxq.
    package init(path: String) throws(StoreError) {
        engine = try SQLiteEngine(readingOnly: path, patience: Self.patience)
    }

    package func close() throws(StoreError) {
        try engine.close()
    }

    /// Returns all defects of the database; each part sees one commit. Takes as long as reading the whole database.
    package func defects() async throws(StoreError) -> [Defect] {
        let defects = try await engine.defects()
        // If the pages themselves are damaged, their rows prove nothing.
        if defects.contains(where: { if case .integrity = $0 { true } else { false } }) { return defects }
        return try await defects
            + read { db in
                try RecordRule.all.flatMap { rule in
                    try rule.breaches(db).map { Defect.records(rule: rule.name, detail: $0) }
                }
            }
    }

    package func size() async throws(StoreError) -> Size {
        try await read { db in
            func count(_ table: String) throws -> Int {
                try db.value(Int.self, "SELECT count(*) FROM \(table)") ?? 0
            }
            return Size(jobs: try count("jobs"), calls: try count("attempts"), users: try count("owners"))
        }
    }

    /// Returns content that rows refer to; see `ContentReference.all`.
    package func references(in bucket: UInt8) async throws(StoreError) -> [ContentReference] {
        try await read { db in try ContentReference.all(in: bucket, db) }
    }

    /// Returns the rows that expect a content to be intact in the archive.
    package func uses(of hash: ContentHash) async throws(StoreError) -> [ContentUse] {
        try await read { db in try ContentUse.all(of: hash, damaged: false, db) }
    }

    /// Returns the rows that record a content as damaged.
    package func losses(of hash: ContentHash) async throws(StoreError) -> [ContentUse] {
        try await read { db in try ContentUse.all(of: hash, damaged: true, db) }
    }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any Connection) throws -> Value
    ) async throws(StoreError) -> Value {
        try await engine.read(body)
    }
}
