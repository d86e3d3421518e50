import FluxqModel

// The size of jobs in the database, counted for each owner: `limits.kept_bytes`.
extension Transaction {
    /// The size that counts for the event of a forgotten job until the event is pruned. Otherwise a user who submits,
    /// cancels and forgets again and again would leave data that counts nowhere.
    static let forgottenEventBytes: Int64 = 128

    /// Counts a job that was just queued or has just ended. A running job keeps its earlier count: its calls are
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

    /// Subtracts the events of forgotten jobs that are about to be pruned.
    ///
    /// - Parameter ids: a query for their numbers.
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
