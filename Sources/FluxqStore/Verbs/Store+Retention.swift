package import FluxqModel

/// The time for which ended jobs are kept that their owners do not forget: `retention.*`.
package struct Retention: Hashable, Sendable {
    /// Jobs with pictures, done or failed; nil keeps them forever.
    package var done: Duration?
    /// Failed jobs without pictures.
    package var failed: Duration?
    /// Canceled jobs without pictures.
    package var canceled: Duration?

    package init(done: Duration? = nil, failed: Duration? = nil, canceled: Duration? = nil) {
        self.done = done
        self.failed = failed
        self.canceled = canceled
    }

    package var keepsAll: Bool { done == nil && failed == nil && canceled == nil }
}

extension Store {
    /// True if no ended job is ever forgotten automatically.
    package var keepsForEver: Bool { policy.retention.keepsAll }

    /// Forgets the jobs in one range of numbers that have been kept for longer than `retention` allows.
    ///
    /// - Parameter id: the last job of the previous range; nil at the start.
    /// - Returns: the last job of this range; nil after the last one.
    package func forgetOldJobs(after id: JobID?, stretch: Int = 1000) async throws(StoreError) -> JobID? {
        let retention = policy.retention
        let (old, last) = try await read { db, now in
            let rows = try db.rows(
                """
                SELECT id, uid, state, reason, finished_at,
                    EXISTS (SELECT 1 FROM pictures WHERE job = jobs.id) AS brought
                FROM jobs WHERE id > ? ORDER BY id LIMIT ?
                """, [id?.rawValue ?? 0, stretch])
            let old = rows.filter { row in
                guard let endedAt: Timestamp = row["finished_at"] else { return false }
                let lifetime =
                    row["brought"] || row["state"] == JobState.done.rawValue
                    ? retention.done
                    : row["reason"] == FailureReason.canceled.rawValue ? retention.canceled : retention.failed
                return lifetime.map { endedAt + $0 <= now } ?? false
            }.map { (id: $0["id"] as JobID, uid: $0["uid"] as UInt32) }
            return (old, rows.last.map { $0["id"] as JobID })
        }
        var byOwner: [UInt32: [JobID]] = [:]
        for job in old { byOwner[job.uid, default: []].append(job.id) }
        for (uid, ids) in byOwner.sorted(by: { $0.key < $1.key }) {
            // A job that was retried since has not ended; one with a picture still to be fetched stays.
            _ = try await forget(
                ForgetQuery(ids: ids, endedBefore: clock() + .milliseconds(1)), of: uid, by: nil, limit: ids.count)
        }
        return last
    }
}
