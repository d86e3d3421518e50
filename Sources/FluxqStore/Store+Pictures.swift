package import FluxqModel
import GRDB

/// A paid picture that has to be fetched from its link.
package struct PendingPicture: Hashable, Sendable {
    package let job: JobID
    package let index: Int
    /// Where its call was made: links are fetched the way that endpoint is reached.
    package let endpoint: String
    package let download: Download
}

extension Store {
    /// Pictures whose next try is due, soonest to expire first, and when the next one becomes due.
    ///
    /// - Parameter excluding: those being fetched now.
    package func duePictures(
        limit: Int, excluding: Set<PictureID> = []
    ) async throws(StoreError) -> (due: [PendingPicture], next: Timestamp?) {
        try await read { db, now in
            // A pause that was set by a clock which has been set back since is over.
            let statement = try db.cachedStatement(
                sql: """
                    SELECT pictures.*, jobs.endpoint FROM pictures JOIN jobs ON jobs.id = pictures.job
                    WHERE pictures.state = 'pending' AND (next_try_at <= ?1 OR tried_at > ?1)
                    ORDER BY deadline, job, position LIMIT ?2
                    """)
            let rows = try Row.fetchAll(statement, arguments: [now, limit + excluding.count])
            let due = rows.compactMap { row -> PendingPicture? in
                let picture = PendingPicture(
                    job: row["job"], index: row["position"], endpoint: row["endpoint"],
                    download: Download(
                        link: row["link"], deadline: row["deadline"], tries: row["tries"],
                        triedAt: row["tried_at"], nextTryAt: row["next_try_at"], message: row["message"]))
                return excluding.contains(picture.id) ? nil : picture
            }
            let next = try Timestamp.fetchOne(
                db.cachedStatement(
                    sql: "SELECT min(next_try_at) FROM pictures WHERE state = 'pending' AND next_try_at > ?"),
                arguments: [now])
            return (Array(due.prefix(limit)), next)
        }
    }

    /// Pictures that still have to be fetched, up to `limit`.
    package func pendingPictures(atMost limit: Int) async throws(StoreError) -> Int {
        try await read { db, _ in
            try Int.fetchOne(
                db.cachedStatement(
                    sql: "SELECT count(*) FROM (SELECT 1 FROM pictures WHERE state = 'pending' LIMIT ?)"),
                arguments: [limit]) ?? 0
        }
    }

    /// The picture is durable in the archive; ends its job when it was the last.
    package func savePicture(_ picture: PendingPicture, as stored: StoredPicture) async throws(StoreError) -> Advance {
        try await write { transaction in
            let changed = try transaction.execute(
                """
                UPDATE pictures SET state = 'saved', next_try_at = NULL, message = NULL, hash = ?, media_type = ?,
                    width = ?, height = ?, bytes = ?, damaged = NULL
                WHERE job = ? AND position = ? AND state = 'pending'
                """,
                [
                    stored.hash, stored.mediaType, stored.width, stored.height, stored.bytes, picture.job,
                    picture.index,
                ])
            try transaction.noteDelivery(of: picture.job)
            let advance = try transaction.settle(picture, changed: changed, .pictureSaved)
            try transaction.mend(stored.hash, picture: stored)
            return advance
        }
    }

    /// A try to fetch the picture failed: the next one comes after a pause that grows, or there is none any more.
    ///
    /// The deadline alone never makes a link dead: it may be the clock that is wrong. After it, the host's own word does, or
    /// several tries that failed.
    /// - Parameter isGone: the host has answered, and what it said is that it does not give the picture.
    package func postponePicture(
        _ picture: PendingPicture, message: String, isGone: Bool = false
    ) async throws(StoreError) -> Advance {
        try await write { transaction in try transaction.postpone(picture, message: message, isGone: isGone) }
    }

    /// The picture can never be fetched; ends its job when it was the last.
    package func losePicture(_ picture: PendingPicture, message: String) async throws(StoreError) -> Advance {
        try await write { transaction in try transaction.lose(picture, message: message) }
    }
}

/// Which picture of which job.
package struct PictureID: Hashable, Sendable, CustomStringConvertible {
    package let job: JobID
    package let index: Int

    package var description: String { "picture \(index) of job \(job)" }
}

extension PendingPicture {
    package var id: PictureID { PictureID(job: job, index: index) }
}

extension Transaction {
    /// Between two tries at least.
    private static let shortestPause = Duration.seconds(1)

    fileprivate func postpone(_ picture: PendingPicture, message: String, isGone: Bool) throws -> Advance {
        try noteUndelivered(picture.job, message: message)
        let left = picture.download.deadline - now
        var overdueTries = 0
        var pause: Duration
        if left > .zero {
            pause = policy.downloadBackoff.pause(failures: picture.download.tries + 1, using: &generator)
            // The nearer the link's end, the closer the tries.
            pause = min(pause, left / 2)
        } else {
            let before = try value(
                Int.self, "SELECT overdue_tries FROM pictures WHERE job = ? AND position = ?",
                [picture.job, picture.index])
            overdueTries = (before ?? 0) + 1
            if isGone || overdueTries >= policy.overdueTries {
                return try lose(picture, message: "The link died before it could be fetched: \(message)")
            }
            pause = policy.overdueBackoff.pauseAtLeastHalf(failures: overdueTries, using: &generator)
        }
        let changed = try execute(
            """
            UPDATE pictures SET tries = tries + 1, overdue_tries = ?, tried_at = ?, next_try_at = ?, message = ?
            WHERE job = ? AND position = ? AND state = 'pending'
            """,
            [overdueTries, now, now + max(pause, Self.shortestPause), message, picture.job, picture.index])
        wakeWorkers()
        return changed == 1 ? .advanced(.running) : .stale
    }

    fileprivate func lose(_ picture: PendingPicture, message: String) throws -> Advance {
        try noteUndelivered(picture.job, message: message)
        let changed = try execute(
            """
            UPDATE pictures SET state = 'lost', next_try_at = NULL, message = ?
            WHERE job = ? AND position = ? AND state = 'pending'
            """,
            [message, picture.job, picture.index])
        return try settle(picture, changed: changed, .pictureLost)
    }

    fileprivate func settle(_ picture: PendingPicture, changed: Int, _ kind: EventKind) throws -> Advance {
        guard changed == 1, let row = try row("SELECT uid, state FROM jobs WHERE id = ?", [picture.job]) else {
            return .stale
        }
        let state: JobState = try row.choice("state")
        try log(kind, job: picture.job, uid: row["uid"], state: state)
        wakeWorkers()
        // One that is fetched again because it was found damaged changes nothing for a job that has long ended.
        guard state == .running else { return .advanced(state) }
        return try settleIfComplete(picture.job) ?? .advanced(.running)
    }
}
