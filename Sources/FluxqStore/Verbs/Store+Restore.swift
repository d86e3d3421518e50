import FluxqModel

// The first start in a restored backup. Jobs that were queued at the time of the backup may have been called since by
// the fluxqd that continued to run. This is unknown, so none of them is sent again automatically. No number may be used
// twice.

extension Store {
    /// The number of jobs that are held back in one transaction: their requests may be 64 KiB each.
    private static let batch = 100

    /// Skips the numbers that jobs and events may have been given since the backup. Must be called before anything gets
    /// a number.
    ///
    /// - Returns: true if the database is a backup whose restore is not complete.
    func beginRestore() async throws(StoreError) -> Bool {
        try await write { transaction in try transaction.beginRestore() }
    }

    /// Ends every job that is queued in a restored backup, with an unknown outcome.
    ///
    /// This includes jobs that wait for a future time, because they may have been canceled and called since. It also
    /// includes jobs with `on_unknown: retry`: that option is for a call with an unknown outcome, but the outcome of
    /// this call may have been known, delivered and paid.
    func holdBackRestored() async throws(StoreError) -> [JobID] {
        var ended: [JobID] = []
        while case let batch = try await write({ try $0.holdBackRestored(limit: Self.batch) }), !batch.isEmpty {
            ended += batch
        }
        return ended
    }
}

extension Transaction {
    /// The skipped numbers: more than could ever be given in the time.
    private static let leastGap: Int64 = 1_000_000
    private static let gapPerSecond: Int64 = 10
    private static let eventsPerJob: Int64 = 10

    fileprivate func beginRestore() throws -> Bool {
        guard let row = try row("SELECT backed_up_at, restored_at FROM queue WHERE backed_up_at IS NOT NULL") else {
            return false
        }
        if row.isNull("restored_at") {
            let time: Timestamp = row["backed_up_at"]
            let seconds = max(0, (now.rawValue - time.rawValue) / 1000)
            let jobs = Self.leastGap + seconds * Self.gapPerSecond
            try db.skipNumbers(jobs, of: "jobs")
            try db.skipNumbers(jobs * Self.eventsPerJob, of: "events")
            try execute("UPDATE queue SET restored_at = ?", [now])
        }
        return true
    }

    /// - Returns: the jobs whose outcome is now unknown; empty once all are held back, when the database is no longer a
    ///   backup.
    func holdBackRestored(limit: Int) throws -> [JobID] {
        guard let time = try value(Timestamp.self, "SELECT backed_up_at FROM queue WHERE backed_up_at IS NOT NULL")
        else { return [] }
        let rows = try db.rows("SELECT \(JobRow.columns) FROM jobs WHERE state = 'queued' ORDER BY id LIMIT ?", [limit])
        for job in try rows.map(JobRow.init) {
            guard case .advanced(.failed) = try advance(job, .restored(backedUpAt: time)) else {
                throw StoreError.damaged("job \(job.id) cannot be held back")
            }
            try log(.failed, job: job.id, uid: job.uid, state: .failed)
        }
        if rows.isEmpty { try execute("UPDATE queue SET backed_up_at = NULL, restored_at = NULL") }
        return rows.map { $0["id"] }
    }
}
