package import FluxqModel

extension ReadOnlyStore {
    /// Writes the last commit into a new database that knows itself as a backup; see `Store.recover`. It is not synced.
    ///
    /// - Parameters:
    ///   - path: where nothing is yet.
    ///   - time: when the backup is made.
    package func copy(to path: String, at time: Timestamp) async throws(StoreError) {
        try await engine.copy(to: path, at: time)
    }

    /// When this database was made as a backup; nil if it is none, or no longer one.
    package func backupTime() async throws(StoreError) -> Timestamp? {
        try await read { db in
            try db.value(Timestamp.self, "SELECT backed_up_at FROM queue WHERE backed_up_at IS NOT NULL")
        }
    }
}
