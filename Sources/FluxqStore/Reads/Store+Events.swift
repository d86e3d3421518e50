package import FluxqModel

/// One line of the event log.
package struct Event: Hashable, Sendable {
    package let id: Int64
    package let at: Timestamp
    /// nil: the event concerns the whole queue.
    package let job: JobID?
    /// The job's owner.
    package let uid: UInt32?
    /// The user who caused it; nil is fluxqd itself.
    package let actor: UInt32?
    package let kind: EventKind
    /// The job's state after the event.
    package let state: JobState?
}

extension Store {
    /// Returns the events after the one numbered `since` about the caller's jobs and the whole queue, oldest first.
    ///
    /// - Parameter everybody: includes the events of all users, if the caller is an administrator.
    package func events(
        for caller: Caller, everybody: Bool = false, since: Int64, limit: Int
    ) async throws(StoreError) -> [Event] {
        let owner = caller.listCondition(everybody: everybody, column: "uid")
        return try await read { db, _ in
            // Each half reads at most one page of its index.
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

    /// The number of the newest event of any user: the start for a client that wants only new events.
    package func newestEvent() async throws(StoreError) -> Int64 {
        try await read { db, _ in
            try db.value(Int64.self, "SELECT max(id) FROM events") ?? 0
        }
    }

    /// Deletes events older than `StorePolicy.eventLifetime`, one batch at a time.
    ///
    /// - Returns: the number of deleted events; 0 once the oldest ones are younger.
    package func pruneEvents(limit: Int = 1000) async throws(StoreError) -> Int {
        try await write { transaction in
            // In the order of their numbers, which is that of their times unless the clock was set. An index of times
            // would cost a page for each event.
            let old = "SELECT id FROM (SELECT id, at FROM events ORDER BY id LIMIT ?2) AS oldest WHERE at <= ?1"
            let arguments: Arguments = [transaction.now + (.zero - transaction.policy.eventLifetime), limit]
            try transaction.discountForgotten(eventsIn: old, arguments)
            return try transaction.execute("DELETE FROM events WHERE id IN (\(old))", arguments)
        }
    }
}
