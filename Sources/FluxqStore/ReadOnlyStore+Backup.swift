package import FluxqModel
import GRDB

extension ReadOnlyStore {
    /// Writes the last commit into a new database that knows itself as a backup; see `Store.recover`. It is not synced.
    ///
    /// - Parameters:
    ///   - path: where nothing is yet.
    ///   - time: when the backup is made.
    package func copy(to path: String, at time: Timestamp) async throws(StoreError) {
        do {
            // One statement is one snapshot, whatever the daemon writes meanwhile; it reads alone.
            try await queue.writeWithoutTransaction { db in try db.execute(sql: "VACUUM INTO ?", arguments: [path]) }
            let copy = try DatabaseQueue(path: path)
            try await copy.writeWithoutTransaction { db in
                // One file, so that it is whole wherever it is carried.
                try db.execute(sql: "PRAGMA journal_mode = DELETE")
                try db.execute(sql: "UPDATE queue SET backed_up_at = ?, restored_at = NULL", arguments: [time])
            }
            try copy.close()
        } catch {
            throw StoreError(error, path: path)
        }
    }

    /// When this database was made as a backup; nil where it is none, or no longer one.
    package func backupTime() async throws(StoreError) -> Timestamp? {
        try await read { db in
            try Timestamp.fetchOne(db, sql: "SELECT backed_up_at FROM queue WHERE backed_up_at IS NOT NULL")
        }
    }
}
