package import FluxqModel

/// One line of the event log.
package struct Event: Hashable, Sendable {
    package let id: Int64
    package let at: Timestamp
    /// nil: it is about the whole queue.
    package let job: JobID?
    /// Whose job it is.
    package let uid: UInt32?
    /// Who did it; nil is fluxqd itself.
    package let actor: UInt32?
    package let kind: EventKind
    /// The job's state after it.
    package let state: JobState?
}

extension Store {
    /// What has happened to the caller's jobs and to the whole queue after the event numbered `since`, oldest first.
    ///
    /// - Parameter everybody: also to everybody else's, for an administrator.
    package func events(
        for caller: Caller, everybody: Bool = false, since: Int64, limit: Int
    ) async throws(StoreError) -> [Event] {
        let owner = caller.listCondition(everybody: everybody, column: "uid")
        return try await read { db, _ in
            // Each half reads no more than a page of its index.
            let page = "AND id > ? ORDER BY id LIMIT ?"
            let sql = """
                SELECT * FROM (SELECT * FROM events WHERE \(owner.sql) AND uid IS NOT NULL \(page)) AS own
                UNION ALL SELECT * FROM (SELECT * FROM events WHERE uid IS NULL \(page)) AS of_queue
                ORDER BY id LIMIT ?
                """
            let arguments = owner.arguments + [since, limit, since, limit, limit]
            return try db.rows(sql, arguments).map { row in
                let state: String? = row["state"]
                return Event(
                    id: row["id"], at: row["at"], job: row["job"], uid: row["uid"], actor: row["actor"],
                    kind: try row.choice("kind"), state: try state.map { _ in try row.choice("state") })
            }
        }
    }

    /// The number of the newest event of anybody: where somebody who wants only news begins.
    package func newestEvent() async throws(StoreError) -> Int64 {
        try await read { db, _ in
            try db.value(Int64.self, "SELECT max(id) FROM events") ?? 0
        }
    }

    /// Forgets events older than `StorePolicy.eventLifetime`, a batch at a time.
    ///
    /// - Returns: how many; 0 once the oldest ones are younger.
    package func pruneEvents(limit: Int = 1000) async throws(StoreError) -> Int {
        try await write { transaction in
            // In the order of their numbers, which is that of their times unless somebody has set the clock: an index of times
            // would cost a page for each event.
            let old = "SELECT id FROM (SELECT id, at FROM events ORDER BY id LIMIT ?2) AS oldest WHERE at <= ?1"
            let arguments: Arguments = [transaction.now + (.zero - transaction.policy.eventLifetime), limit]
            try transaction.discountForgotten(eventsIn: old, arguments)
            return try transaction.execute("DELETE FROM events WHERE id IN (\(old))", arguments)
        }
    }
}
