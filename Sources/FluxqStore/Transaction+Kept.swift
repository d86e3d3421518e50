import FluxqModel

// What jobs hold in the database, counted for each owner: `limits.kept_bytes`.
extension Transaction {
    /// What the event that tells of a forgotten job counts, until it is pruned: else one who submits, cancels and forgets
    /// again and again would leave something that counts nowhere.
    static let forgottenEventBytes: Int64 = 128

    /// Counts a job that has just come into the queue or ended. While it runs it counts what it did before: its calls are
    /// counted at their end.
    func recount(_ job: JobID) throws {
        let counted = try row(
            "SELECT uid, kept_bytes, (SELECT bytes FROM job_text WHERE job = jobs.id) AS bytes FROM jobs WHERE id = ?",
            [job])
        guard let counted else { throw StoreError.damaged("job \(job) is gone while it was written") }
        let (before, bytes): (Int64, Int64) = (counted["kept_bytes"], counted["bytes"])
        if bytes == before { return }
        try execute("UPDATE jobs SET kept_bytes = ? WHERE id = ?", [bytes, job])
        try count(keptBytes: bytes - before, of: counted["uid"])
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
