package import FluxqModel

extension ReadOnlyStore {
    /// Writes the last commit into a new database that is marked as a backup; see `Store.recover`. It is not synced.
    ///
    /// - Parameters:
    /// - path: a path at which no file exists yet.
    /// - time: the time of the backup.
    package func copy(to path: String, at time: Timestamp) async throws(StoreError) {
        try await engine.copy(to: path, at: time)
    }

    /// The time when this database was made as a backup; nil if it is none, or no longer one.
    package func backupTime() async throws(StoreError) -> Timestamp? {
        try await read { db in
            try db.value(Timestamp.self, "SELECT backed_up_at FROM queue WHERE backed_up_at IS NOT NULL")
        }
    }
}
