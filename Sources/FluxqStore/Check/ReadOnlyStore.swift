package import FluxqModel

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
    private static let patience = Duration.seconds(10)

    let engine: SQLiteEngine

    /// - Parameter path: of `queue.sqlite`, which exists.
    /// - Throws: `.newerSchema` or `.olderSchema` where another version of fluxq has to look.
    package init(path: String) throws(StoreError) {
        engine = try SQLiteEngine(readingOnly: path, patience: Self.patience)
    }

    package func close() throws(StoreError) {
        try engine.close()
    }

    /// Everything that is wrong with the database, each part as of one commit. Takes as long as reading all of it.
    package func defects() async throws(StoreError) -> [Defect] {
        let defects = try await engine.defects()
        // If the pages themselves are damaged, what they hold says nothing.
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

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any Connection) throws -> Value
    ) async throws(StoreError) -> Value {
        try await engine.read(body)
    }
}
