package import FluxqModel

/// How long ended jobs stay that their owners do not forget: `retention.*`.
package struct Retention: Hashable, Sendable {
    /// Jobs with pictures, done or failed; nil keeps them forever.
    package var done: Duration?
    /// Failed jobs that brought nothing.
    package var failed: Duration?
    /// Canceled ones that brought nothing.
    package var canceled: Duration?

    package init(done: Duration? = nil, failed: Duration? = nil, canceled: Duration? = nil) {
        self.done = done
        self.failed = failed
        self.canceled = canceled
    }

    package var keepsAll: Bool { done == nil && failed == nil && canceled == nil }
}

extension Store {
    /// Whether any ended job is ever forgotten by itself.
    package var keepsForEver: Bool { policy.retention.keepsAll }

    /// Forgets the jobs of one stretch of numbers that have been there for longer than `retention` says.
    ///
    /// - Parameter id: the last job of the stretch before; nil at the beginning.
    /// - Returns: the last job of this stretch; nil after the last one.
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
            // Retried since, it has not ended; what is still to be fetched stays.
            _ = try await forget(
                ForgetQuery(ids: ids, endedBefore: clock() + .milliseconds(1)), of: uid, by: nil, limit: ids.count)
        }
        return last
    }
}
