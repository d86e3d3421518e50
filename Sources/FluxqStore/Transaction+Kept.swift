import FluxqModel

// What ended jobs leave in the database, counted for each owner: `limits.kept_bytes`.
extension Transaction {
    /// What the event that tells of a forgotten job counts, until it is pruned: else one who submits, cancels and forgets
    /// again and again would leave something that counts nowhere.
    static let forgottenEventBytes: Int64 = 128

    /// Counts a job that has just ended; one that comes back into the queue counts no more.
    func recount(_ job: JobRow, isOver: Bool) throws {
        var bytes: Int64 = 0
        if isOver {
            bytes = try value(Int64.self, "SELECT bytes FROM job_text WHERE job = ?", [job.id]) ?? 0
            try execute("UPDATE jobs SET kept_bytes = ? WHERE id = ?", [bytes, job.id])
        }
        try count(keptBytes: bytes - job.keptBytes, of: job.uid)
    }

    func count(keptBytes change: Int64, of uid: UInt32) throws {
        if change == 0 { return }
        try execute("UPDATE owners SET kept_bytes = kept_bytes + ? WHERE uid = ?", [change, uid])
    }

    /// Events are about to be pruned: those of forgotten jobs count no more.
    ///
    /// - Parameter ids: a query of their numbers.
    func discountForgotten(eventsIn ids: String, _ arguments: Arguments) throws {
        let rows = try db.rows(
            """
            SELECT uid, count(*) AS count FROM events WHERE id IN (\(ids)) AND kind = 'forgotten'
                AND uid IS NOT NULL GROUP BY uid
            """, arguments)
        for row in rows {
            let count: Int64 = row["count"]
            try self.count(keptBytes: -count * Self.forgottenEventBytes, of: row["uid"])
        }
    }
}
