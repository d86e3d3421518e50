package import FluxqModel

/// A selection of a user's ended jobs: those that match every given part.
package struct ForgetQuery: Hashable, Sendable {
    /// nil for any.
    package var ids: [JobID]?
    package var label: String?
    /// `done` or `failed`; nil for both.
    package var state: JobState?
    /// Selects only jobs that ended before this time.
    package var endedBefore: Timestamp

    package init(ids: [JobID]? = nil, label: String? = nil, state: JobState? = nil, endedBefore: Timestamp) {
        self.ids = ids
        self.label = label
        self.state = state
        self.endedBefore = endedBefore
    }
}

/// The total of forgotten jobs, in a preview or a result.
package struct ForgottenSum: Hashable, Sendable {
    package var jobs: Int64 = 0
    /// Pictures in the archive, and contents that came instead of a picture.
    package var pictures: Int64 = 0
    /// The total size of these pictures and contents.
    package var bytes: Int64 = 0
    /// The size of the jobs in the database.
    package var textBytes: Int64 = 0

    package init() {}
}

/// The reason why a named job is not forgotten.
package enum NotForgotten: Hashable, Sendable {
    /// There is no job of that number, or it belongs to another user.
    case noSuchJob
    /// The job waits or runs.
    case notEnded(JobState)
    /// A picture that was paid for is still to be fetched.
    case pending
    /// It ended later than requested, or has another label or state.
    case notMeant
}

/// The effect that forgetting would have.
package struct ForgetPreview: Hashable, Sendable {
    package var sum = ForgottenSum()
    /// The number of selected ended jobs that stay, because a picture that was paid for is still to be fetched.
    package var pending: Int64 = 0
    /// The named jobs that stay, with the reasons.
    package var staying: [JobID: NotForgotten] = [:]
}

extension Store {
    /// Returns the current effect of `forget`.
    package func previewForgetting(
        _ query: ForgetQuery, of owner: UInt32
    ) async throws(StoreError) -> ForgetPreview {
        try await read { db, _ in
            let (condition, arguments) = try query.condition(of: owner)
            var preview = ForgetPreview()
            let row = try db.row(
                """
                SELECT count(*) AS jobs, coalesce(sum(pictures), 0) AS pictures, coalesce(sum(bytes), 0) AS bytes,
                    coalesce(sum(kept_bytes), 0) AS text
                FROM (SELECT kept_bytes,
                        (SELECT count(*) FROM pictures WHERE job = jobs.id AND hash IS NOT NULL) AS pictures,
                        (SELECT sum(bytes) FROM pictures WHERE job = jobs.id AND hash IS NOT NULL) AS bytes
                    FROM jobs WHERE \(condition) AND NOT \(ForgetQuery.isPending)) AS found
                """, arguments)
            if let row {
                preview.sum.jobs = row["jobs"]
                preview.sum.pictures = row["pictures"]
                preview.sum.bytes = row["bytes"]
                preview.sum.textBytes = row["text"]
            }
            preview.pending =
                try db.value(
                    Int64.self, "SELECT count(*) FROM jobs WHERE \(condition) AND \(ForgetQuery.isPending)", arguments)
                ?? 0
            for id in query.ids ?? [] { preview.staying[id] = try query.obstacle(to: id, of: owner, db) }
            return preview
        }
    }

    /// Deletes an owner's ended jobs: their rows, their events and, once nothing else refers to it, their content.
    /// Their cost stays counted, and a key that has cost money stays known. A job with a picture still to be fetched
    /// stays.
    ///
    /// - Parameters:
    /// - actor: the user who requests it; nil is fluxqd itself.
    ///   - limit: the maximum number of jobs; each transaction deletes a few.
    /// - Returns: the total of forgotten jobs, and whether there may be more.
    package func forget(
        _ query: ForgetQuery, of owner: UInt32, by actor: UInt32?, limit: Int = 500
    ) async throws(StoreError) -> (sum: ForgottenSum, isMore: Bool) {
        let ids = try await read { db, _ in
            let (condition, arguments) = try query.condition(of: owner)
            return try db.values(
                JobID.self,
                "SELECT id FROM jobs WHERE \(condition) AND NOT \(ForgetQuery.isPending) ORDER BY id LIMIT ?",
                arguments + [limit])
        }
        var sum = ForgottenSum()
        for start in stride(from: 0, to: ids.count, by: Self.jobsAtOnce) {
            let some = ids[start..<min(start + Self.jobsAtOnce, ids.count)]
            sum += try await write { transaction in
                try some.reduce(into: ForgottenSum()) { sum, id in
                    // The job may have been retried or forgotten since it was found.
                    guard try query.obstacle(to: id, of: owner, transaction.db) == nil else { return }
                    sum += try transaction.forget(id, of: owner, by: actor)
                }
            }
        }
        return (sum, ids.count == limit)
    }

    /// The number of jobs that one transaction forgets, so that other writes do not wait long.
    private static let jobsAtOnce = 20

    /// Content that forgotten jobs referred to and that no row refers to any more, in order, for the archive to remove.
    package func leftContent(after hash: ContentHash?, limit: Int = 100) async throws(StoreError) -> [ContentHash] {
        try await read { db, _ in
            try db.values(
                ContentHash.self,
                """
                SELECT hash FROM left_content WHERE hash > ?
                    AND NOT EXISTS (SELECT 1 FROM content_in_use WHERE content_in_use.hash = left_content.hash)
                ORDER BY hash LIMIT ?
                """, [hash?.hex ?? "", limit])
        }
    }

    /// Notes that the archive has removed that content. Entries whose content is in use again are dropped too.
    package func settleContent(_ removed: [ContentHash]) async throws(StoreError) {
        try await write { transaction in
            for hash in removed { try transaction.execute("DELETE FROM left_content WHERE hash = ?", [hash]) }
            try transaction.execute(
                """
                DELETE FROM left_content WHERE hash IN (SELECT hash FROM left_content
                    WHERE EXISTS (SELECT 1 FROM content_in_use WHERE content_in_use.hash = left_content.hash) LIMIT 100)
                """)
        }
    }
}

extension ForgottenSum {
    static func += (sum: inout ForgottenSum, more: ForgottenSum) {
        sum.jobs += more.jobs
        sum.pictures += more.pictures
        sum.bytes += more.bytes
        sum.textBytes += more.textBytes
    }
}

extension ForgetQuery {
    fileprivate static let isPending =
        "EXISTS (SELECT 1 FROM pictures WHERE pictures.job = jobs.id AND pictures.state = 'pending')"

    /// The condition on `jobs` for the owner's selected ended jobs.
    fileprivate func condition(of owner: UInt32) throws -> (sql: String, arguments: Arguments) {
        var sql =
            "jobs.uid = ? AND jobs.state \(state == nil ? "IN ('done', 'failed')" : "= ?") AND jobs.finished_at < ?"
        var arguments: Arguments = [owner]
        if let state { arguments += [state.rawValue] }
        arguments += [endedBefore]
        if let label {
            sql += " AND jobs.label = ?"
            arguments += [label]
        }
        if let ids {
            sql += " AND jobs.id IN (\(ids.map { _ in "?" }.joined(separator: ", ")))"
            arguments += Arguments(ids)
        }
        return (sql, arguments)
    }

    /// The reason why a job stays; nil if it can be forgotten.
    fileprivate func obstacle(to id: JobID, of owner: UInt32, _ db: any Connection) throws -> NotForgotten? {
        let row = try db.row(
            """
            SELECT state, label, finished_at, \(Self.isPending) AS pending FROM jobs WHERE id = ? AND uid = ?
            """, [id, owner])
        guard let row else { return .noSuchJob }
        let found: JobState = try row.choice("state")
        guard found == .done || found == .failed, let endedAt: Timestamp = row["finished_at"] else {
            return .notEnded(found)
        }
        if state.map({ $0 != found }) ?? false || endedAt >= endedBefore { return .notMeant }
        if let label, row["label"] != label { return .notMeant }
        return row["pending"] ? .pending : nil
    }
}

extension Transaction {
    /// Deletes a job that has ended and waits for no picture. Triggers keep its use counted and refuse any other job.
    fileprivate func forget(_ id: JobID, of uid: UInt32, by actor: UInt32?) throws -> ForgottenSum {
        guard let found = try row("SELECT \(JobRow.columns), key FROM jobs WHERE id = ? AND uid = ?", [id, uid]) else {
            return ForgottenSum()
        }
        let job = try JobRow(found)
        var sum = ForgottenSum()
        sum.jobs = 1
        sum.textBytes = job.keptBytes
        let pictures = try db.rows("SELECT hash, came, bytes FROM pictures WHERE job = ?", [id])
        for picture in pictures {
            let content: ContentHash? = picture["hash"]
            if content != nil {
                sum.pictures += 1
                sum.bytes += picture["bytes"] ?? 0
            }
            for hash in [content, picture["came"]].compactMap(\.self) {
                try execute("INSERT INTO left_content (hash) VALUES (?) ON CONFLICT DO NOTHING", [hash])
            }
        }
        if let key: String = found["key"] {
            try execute(
                """
                INSERT INTO forgotten_keys (uid, key, job) SELECT ?, ?, ? WHERE EXISTS
                    (SELECT 1 FROM attempts WHERE job = ? AND billing IN ('billed', 'unknown'))
                """, [uid, key, id, id])
        }
        try execute("DELETE FROM pictures WHERE job = ?", [id])
        try execute("DELETE FROM attempts WHERE job = ?", [id])
        try execute("DELETE FROM events WHERE job = ?", [id])
        try execute("DELETE FROM jobs WHERE id = ?", [id])
        if let input = job.input {
            // The input now counts as unused: it is removed a day after its upload.
            try execute(
                """
                UPDATE inputs SET used = 0 WHERE uid = ?1 AND hash = ?2 AND used = 1
                    AND NOT EXISTS (SELECT 1 FROM jobs WHERE uid = ?1 AND input = ?2)
                """, [uid, input])
        }
        try log(.forgotten, job: id, uid: uid, state: JobState(job.lifecycle.state), actor: actor)
        try count(keptBytes: Self.forgottenEventBytes - job.keptBytes, of: uid)
        // The archive has room again, and jobs may have waited for it.
        memory.touch(uid)
        wakeCalls()
        wakeHousekeeper()
        return sum
    }
}
