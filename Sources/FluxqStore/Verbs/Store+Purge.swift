import FluxqModel

/// What keeps a user from being purged.
package struct Purgeable: Hashable, Sendable {
    package var uid: UInt32
    package var name: String
    package var queued: Int64
    package var running: Int64
    package var preview: ForgetPreview
}

extension Store {
    /// The owners of that name, or the one of that number.
    package func owners(calledOrNumbered text: String) async throws(StoreError) -> [UInt32] {
        try await read { db, _ in
            try db.values(
                UInt32.self, "SELECT uid FROM owners WHERE name = ? OR uid = ? ORDER BY uid", [text, UInt32(text)])
        }
    }

    /// nil if nobody of that number was ever seen.
    package func purgeable(_ uid: UInt32) async throws(StoreError) -> Purgeable? {
        let query = ForgetQuery(endedBefore: clock() + .milliseconds(1))
        let preview = try await previewForgetting(query, of: uid)
        return try await read { db, _ in
            try db.row(OwnerRow.byNumber, [uid]).map { row in
                let owner = OwnerRow(row)
                return Purgeable(
                    uid: uid, name: owner.name, queued: owner.queued, running: owner.running, preview: preview)
            }
        }
    }

    /// Deletes everything that a user without jobs has left, but what the user's calls have cost.
    ///
    /// - Returns: false if the user has a job yet; nothing was deleted.
    package func purge(_ uid: UInt32) async throws(StoreError) -> Bool {
        try await write { transaction in
            guard try transaction.row("SELECT 1 FROM jobs WHERE uid = ? LIMIT 1", [uid]) == nil else { return false }
            try transaction.execute(
                """
                INSERT INTO left_content (hash) SELECT hash FROM inputs WHERE uid = ? ON CONFLICT DO NOTHING
                """, [uid])
            for table in ["inputs", "events", "forgotten_keys"] {
                try transaction.execute("DELETE FROM \(table) WHERE uid = ?", [uid])
            }
            // It counted the events of forgotten jobs.
            try transaction.execute("UPDATE owners SET kept_bytes = 0, groups = '[]' WHERE uid = ?", [uid])
            transaction.memory.forget()
            return true
        }
    }
}
