package import FluxqModel

/// A paid picture that has to be fetched from its link.
package struct PendingPicture: Hashable, Sendable {
    package let job: JobID
    package let index: Int
    /// The endpoint of its call: a link is fetched through the same route as that endpoint.
    package let endpoint: String
    package let download: Download
}

extension Store {
    /// Returns pictures whose next try is due, the next to expire first, and the time when another one becomes due.
    ///
    /// - Parameter excluding: pictures that are being fetched now.
    package func duePictures(
        limit: Int, excluding: Set<PictureID> = []
    ) async throws(StoreError) -> (due: [PendingPicture], next: Timestamp?) {
        try await read { db, now in
            let rows = try db.rows(Self.dueSQL, [now, limit + excluding.count])
            let due = rows.compactMap { row -> PendingPicture? in
                let picture = PendingPicture(
                    job: row["job"], index: row["position"], endpoint: row["endpoint"],
                    download: Download(
                        link: row["link"], deadline: row["deadline"], tries: row["tries"],
                        triedAt: row["tried_at"], nextTryAt: row["next_try_at"], message: row["message"]))
                return excluding.contains(picture.id) ? nil : picture
            }
            let next = try db.value(Timestamp.self, Self.nextDueSQL, [now])
            return (Array(due.prefix(limit)), next)
        }
    }

    /// Counts the pictures that still have to be fetched, up to `limit`.
    package func pendingPictures(atMost limit: Int) async throws(StoreError) -> Int {
        try await read { db, _ in
            try db.value(
                Int.self, "SELECT count(*) FROM (SELECT 1 FROM pictures WHERE state = 'pending' LIMIT ?) AS pending",
                [limit]) ?? 0
        }
    }

    /// Each half uses an index that contains only due pictures, so the number of waiting ones does not matter. A pause
    /// that was set before the clock was set back is over.
    static let dueSQL = """
        SELECT pictures.*, jobs.endpoint FROM pictures JOIN jobs ON jobs.id = pictures.job WHERE (job, position) IN (
            SELECT job, position FROM (
                SELECT deadline, job, position FROM pictures
                    WHERE state = 'pending' AND next_try_at <= ?1
                UNION
                SELECT deadline, job, position FROM pictures
                    WHERE state = 'pending' AND tried_at IS NOT NULL AND tried_at > ?1) AS due
            ORDER BY deadline, job, position LIMIT ?2)
        ORDER BY deadline, job, position
        """
    static let nextDueSQL = """
        SELECT min(next_try_at) FROM pictures WHERE state = 'pending' AND next_try_at > ?
        """

    /// Records that the picture is durable in the archive; ends its job if it was the last.
    package func savePicture(_ picture: PendingPicture, as stored: StoredPicture) async throws(StoreError) -> Advance {
        try await write { transaction in
            let changed = try transaction.execute(
                """
                UPDATE pictures SET state = 'saved', next_try_at = NULL, message = :message, hash = :hash,
                    media_type = :media_type, width = :width, height = :height, bytes = :bytes, damaged = NULL,
                    \(Transaction.forgettingWhatCame)
                WHERE job = :job AND position = :position AND state = 'pending'
                """,
                [
                    "message": stored.flaw.map(PictureTrouble.said), "hash": stored.hash,
                    "media_type": stored.mediaType, "width": stored.width,
                    "height": stored.height, "bytes": stored.bytes, "job": picture.job, "position": picture.index,
                ])
            try transaction.noteDelivery(of: picture.job)
            let advance = try transaction.settle(picture, changed: changed, .pictureSaved)
            try transaction.mend(stored.hash, picture: stored)
            return advance
        }
    }

    /// Records a failed try to fetch the picture. The next one comes after a growing pause, or there is none.
    ///
    /// The deadline alone never makes a link dead, because the clock may be wrong. After the deadline, the host's own
    /// answer does.
    package func postponePicture(
        _ picture: PendingPicture, message: PictureTrouble, after failure: FailedTry = .answered
    ) async throws(StoreError) -> Advance {
        try await write { transaction in try transaction.postpone(picture, message: message, after: failure) }
    }

    /// Records that the picture can never be fetched; ends its job if it was the last.
    package func losePicture(_ picture: PendingPicture, message: PictureTrouble) async throws(StoreError) -> Advance {
        try await write { transaction in try transaction.lose(picture, message: message) }
    }
}

/// The identity of a picture: its job and index.
package struct PictureID: Hashable, Sendable, CustomStringConvertible {
    package let job: JobID
    package let index: Int

    package var description: String { "picture \(index) of job \(job)" }
}

extension PendingPicture {
    package var id: PictureID { PictureID(job: job, index: index) }
}

extension Transaction {
    /// The minimum pause between two tries.
    private static let shortestPause = Duration.seconds(1)

    /// Part of an UPDATE for a picture that is no longer pending.
    static let forgettingWhatCame = "came = NULL, came_bytes = NULL, came_message = NULL"

    fileprivate func postpone(
        _ picture: PendingPicture, message: PictureTrouble, after failure: FailedTry
    ) throws -> Advance {
        let found = try row(
            """
            SELECT pictures.*, jobs.cancel_requested FROM pictures JOIN jobs ON jobs.id = pictures.job
            WHERE pictures.job = ? AND position = ? AND pictures.state = 'pending'
            """, [picture.job, picture.index])
        guard let found else { return .stale }
        try noteUndelivered(picture.job, message: message)
        var row = FailedDownload(found)
        let isFinal = row.note(failure, message: message, now: now, policy: policy)
        if isFinal {
            try write(row, of: picture)
            return try giveUp(row, picture, because: message)
        }
        let left = picture.download.deadline - now
        var pause: Duration
        if left > .zero {
            pause = policy.downloadBackoff.pause(failures: row.tries, using: &generator)
            // The nearer the link's end, the shorter the pauses.
            pause = min(pause, left / 2)
        } else if failure == .noAnswer {
            pause = policy.downloadBackoff.pause(failures: row.tries, using: &generator)
        } else {
            pause = policy.overdueBackoff.pauseAtLeastHalf(failures: row.overdueTries, using: &generator)
        }
        if row.isCanceled, let since = row.goneSince { pause = min(pause, since + policy.goneAfterCancel - now) }
        row.nextTryAt = now + max(pause, Self.shortestPause)
        try write(row, of: picture)
        wakeDownloads()
        return .advanced(.running)
    }

    private func write(_ row: FailedDownload, of picture: PendingPicture) throws {
        try execute(
            """
            UPDATE pictures SET tries = :tries, overdue_tries = :overdue_tries, tried_at = :tried_at,
                next_try_at = :next_try_at, message = :message, came = :came, came_bytes = :came_bytes,
                came_message = :came_message, came_tries = :came_tries, gone_since = :gone_since
            WHERE job = :job AND position = :position AND state = 'pending'
            """,
            [
                "tries": row.tries, "overdue_tries": row.overdueTries, "tried_at": now, "next_try_at": row.nextTryAt,
                "message": row.message, "came": row.came?.hash, "came_bytes": row.came?.bytes,
                "came_message": row.cameMessage, "came_tries": row.cameTries, "gone_since": row.goneSince,
                "job": picture.job, "position": picture.index,
            ])
    }

    /// Ends the tries: a complete body that came is kept; without one the picture is lost.
    private func giveUp(
        _ row: FailedDownload, _ picture: PendingPicture, because message: PictureTrouble
    ) throws -> Advance {
        guard let kept = row.came, let what = row.cameMessage else {
            // A host gives the same answer for every expired link; its earlier answer tells why the link failed.
            let earlier = picture.download.message.flatMap { $0 == message ? nil : $0 }
            return try lose(picture, message: earlier.map { .code(.gone(last: message, before: $0)) } ?? message)
        }
        let changed = try execute(
            """
            UPDATE pictures SET state = 'unusable', next_try_at = NULL, message = ?, hash = ?, bytes = ?,
                \(Self.forgettingWhatCame)
            WHERE job = ? AND position = ? AND state = 'pending'
            """,
            [what, kept.hash, kept.bytes, picture.job, picture.index])
        return try settle(picture, changed: changed, .pictureKept)
    }

    /// Hurries the downloads of a canceled job. It no longer waits for a link that its host has long called gone, and
    /// keeps bytes that came instead of a picture. All other links are tried once more immediately.
    ///
    /// - Returns: nil if pictures are still to be fetched, or there never were any.
    func hurryDownloads(of id: JobID) throws -> Advance? {
        let rows = try db.rows(
            "SELECT *, 1 AS cancel_requested FROM pictures WHERE job = ? AND state = 'pending'", [id])
        var end: Advance?
        for found in rows {
            let row = FailedDownload(found)
            let picture = PendingPicture(
                job: id, index: found["position"], endpoint: Lane.defaultEndpoint,
                download: Download(
                    link: found["link"], deadline: found["deadline"], nextTryAt: found["next_try_at"]))
            let triedAt: Timestamp? = found["tried_at"]
            let isLongGone = row.goneSince.map { (triedAt ?? $0) - $0 >= policy.goneAfterCancel } ?? false
            if row.came != nil || isLongGone {
                end = try giveUp(row, picture, because: row.message ?? .code(.notDelivered))
            } else {
                let again = row.goneSince.map { max($0 + policy.goneAfterCancel, now) } ?? now
                try execute(
                    """
                    UPDATE pictures SET next_try_at = min(next_try_at, ?)
                    WHERE job = ? AND position = ? AND state = 'pending'
                    """, [again, id, picture.index])
            }
        }
        wakeDownloads()
        guard case .advanced(let state)? = end, state != .running else { return nil }
        return end
    }

    fileprivate func lose(_ picture: PendingPicture, message: PictureTrouble) throws -> Advance {
        try noteUndelivered(picture.job, message: message)
        let changed = try execute(
            """
            UPDATE pictures SET state = 'lost', next_try_at = NULL, message = ?, \(Self.forgettingWhatCame)
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
        wakeCalls()
        // For an ended job, a picture that is fetched again because it was found damaged changes nothing.
        guard state == .running else { return .advanced(state) }
        return try settleIfComplete(picture.job) ?? .advanced(.running)
    }
}
