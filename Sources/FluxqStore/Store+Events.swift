package import FluxqModel
import GRDB

/// One line of the event log.
package struct Event: Hashable, Sendable {
    package let id: Int64
    package let at: Timestamp
    package let job: JobID
    package let kind: EventKind
    /// The job's state after it.
    package let state: JobState
}

extension Store {
    /// What has happened to an owner's jobs after the event numbered `since`, oldest first.
    package func events(uid: UInt32, since: Int64, limit: Int) async throws(StoreError) -> [Event] {
        try await read { db, _ in
            try Row.fetchAll(
                db.cachedStatement(sql: "SELECT * FROM events WHERE uid = ? AND id > ? ORDER BY id LIMIT ?"),
                arguments: [uid, since, limit]
            ).map { row in
                Event(
                    id: row["id"], at: row["at"], job: row["job"], kind: try row.choice("kind"),
                    state: try row.choice("state"))
            }
        }
    }

    /// The number of the newest event of anybody: where somebody who wants only news begins.
    package func newestEvent() async throws(StoreError) -> Int64 {
        try await read { db, _ in
            try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'events'") ?? 0
        }
    }

    /// Forgets events older than `StorePolicy.eventLifetime`, a batch at a time.
    ///
    /// - Returns: how many; as many as `limit` where there are more.
    package func pruneEvents(limit: Int = 1000) async throws(StoreError) -> Int {
        try await write { transaction in
            try transaction.execute(
                "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at <= ? ORDER BY at LIMIT ?)",
                [transaction.now + (.zero - transaction.policy.eventLifetime), limit])
        }
    }
}
