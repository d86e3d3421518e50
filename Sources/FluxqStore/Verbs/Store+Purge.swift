import FluxqModel

/// A user who may be purged, with the jobs that prevent it.
package struct Purgeable: Hashable, Sendable {
    package var uid: UInt32
    package var name: String
    package var queued: Int64
    package var running: Int64
    package var preview: ForgetPreview
}

extension Store {
    /// Returns the owners with that name or that uid.
    package func owners(calledOrNumbered text: String) async throws(StoreError) -> [UInt32] {
        try await read { db, _ in
            try db.values(
                UInt32.self, "SELECT uid FROM owners WHERE name = ? OR uid = ? ORDER BY uid", [text, UInt32(text)])
        }
    }

    /// nil if that uid is unknown.
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

    /// Deletes all data of a user without jobs, except the cost of the user's calls.
    ///
    /// - Returns: false if the user still has a job; nothing was deleted.
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
            // This counted the events of forgotten jobs.
            try transaction.execute("UPDATE owners SET kept_bytes = 0, groups = '[]' WHERE uid = ?", [uid])
            transaction.memory.forget()
            return true
        }
    }
}
