package import FluxqModel

/// What a content's damage meant for the rows that referred to it.
package struct DamageRecord: Hashable, Sendable {
    /// Pictures that are fetched again from links that still live.
    package var refetched: [PictureID] = []
    /// Pictures that cannot be obtained again.
    package var lost: [PictureID] = []
    /// Users whose input it was.
    package var inputs = 0

    /// Nothing referred to it.
    package var isEmpty: Bool { refetched.isEmpty && lost.isEmpty && inputs == 0 }
}

extension Store {
    /// Content that rows refer to; see `ContentReference.all`.
    package func references(in bucket: UInt8) async throws(StoreError) -> [ContentReference] {
        try await read { db, _ in try ContentReference.all(in: bucket, db) }
    }

    /// Content that was found damaged and has not come back.
    package func damagedContent() async throws(StoreError) -> [ContentHash] {
        try await read { db, _ in
            try db.values(ContentHash.self, "SELECT DISTINCT hash FROM content_in_use WHERE is_damaged = 1")
        }
    }

    /// Whether any row remembers a content in any form.
    package func isInUse(_ hash: ContentHash) async throws(StoreError) -> Bool {
        try await read { db, _ in try ContentUse.isInUse(hash, db) }
    }

    /// The content is no longer in the archive as it was. No job changes its state for it, and nothing is bought again:
    /// a picture whose link still lives is fetched again, any other is lost; an input has to be brought again.
    package func recordDamage(of hash: ContentHash) async throws(StoreError) -> DamageRecord {
        try await write { transaction in try transaction.recordDamage(of: hash) }
    }

    /// The content is whole in the archive again: what it was before its damage, it is again.
    ///
    /// - Parameter picture: what its bytes say; nil if they are no picture.
    package func mend(_ hash: ContentHash, picture: StoredPicture?) async throws(StoreError) {
        try await write { transaction in try transaction.mend(hash, picture: picture) }
    }
}

extension Transaction {
    fileprivate func recordDamage(of hash: ContentHash) throws -> DamageRecord {
        var record = DamageRecord()
        let rows = try db.rows(
            """
            SELECT pictures.job, position, pictures.state, link IS NOT NULL AND deadline > ? AS is_alive,
                jobs.uid, jobs.state AS job_state
            FROM pictures JOIN jobs ON jobs.id = pictures.job WHERE hash = ? ORDER BY pictures.job, position
            """, [now, hash])
        for row in rows {
            let picture = PictureID(job: row["job"], index: row["position"])
            if row["state"] == "unusable" {
                try execute(
                    "UPDATE pictures SET hash = NULL, damaged = ? WHERE job = ? AND position = ?",
                    [hash, picture.job, picture.index])
                record.lost.append(picture)
                continue
            }
            let isAlive: Bool = row["is_alive"]
            try execute(
                """
                UPDATE pictures SET state = ?, next_try_at = ?, message = ?, tries = 0, damaged = hash, hash = NULL,
                    media_type = NULL, width = NULL, height = NULL, bytes = NULL
                WHERE job = ? AND position = ? AND state = 'saved'
                """,
                [
                    isAlive ? "pending" : "lost", isAlive ? now : nil,
                    isAlive ? nil : PictureTrouble.code(.noLinkLeft), picture.job, picture.index,
                ])
            if isAlive { record.refetched.append(picture) } else { record.lost.append(picture) }
            try log(.pictureDamaged, job: picture.job, uid: row["uid"], state: try row.choice("job_state"))
        }
        // What came instead of a picture is asked for again; nothing else is lost with it.
        let asked = try db.rows("SELECT job, position FROM pictures WHERE came = ? ORDER BY job, position", [hash])
        record.refetched += asked.map { PictureID(job: $0["job"], index: $0["position"]) }
        try execute("UPDATE pictures SET \(Self.forgettingWhatCame) WHERE came = ?", [hash])
        record.inputs = try execute(
            "UPDATE inputs SET damaged_at = ? WHERE hash = ? AND damaged_at IS NULL", [now, hash])
        let waiting = try db.rows(
            """
            SELECT jobs.id, jobs.uid FROM inputs JOIN jobs ON jobs.uid = inputs.uid AND jobs.input = inputs.hash
            WHERE inputs.hash = ? AND jobs.state = 'queued'
            """, [hash])
        for row in waiting { try log(.inputDamaged, job: row["id"], uid: row["uid"], state: .queued) }
        wakeDownloads()
        return record
    }

    /// See `Store.mend`; to be called for all content that is put into the archive. Where nothing was damaged, it
    /// costs two looks into indexes that are empty.
    func mend(_ hash: ContentHash, picture: StoredPicture?) throws {
        let rows = try db.rows(
            """
            SELECT job, position, pictures.state, jobs.uid, jobs.state AS job_state
            FROM pictures JOIN jobs ON jobs.id = pictures.job WHERE damaged = ? ORDER BY job, position
            """, [hash])
        for row in rows {
            let id: JobID = row["job"]
            if row["state"] == "unusable" {
                try execute(
                    "UPDATE pictures SET hash = damaged, damaged = NULL WHERE job = ? AND position = ?",
                    [id, row["position"] as Int])
            } else if let picture {
                try execute(
                    """
                    UPDATE pictures SET state = 'saved', next_try_at = NULL, message = :message, hash = damaged,
                        damaged = NULL, media_type = :media_type, width = :width, height = :height, bytes = :bytes
                    WHERE job = :job AND position = :position
                    """,
                    [
                        "message": picture.flaw.map(PictureTrouble.said), "media_type": picture.mediaType,
                        "width": picture.width,
                        "height": picture.height, "bytes": picture.bytes, "job": id,
                        "position": row["position"] as Int,
                    ])
                try log(.pictureSaved, job: id, uid: row["uid"], state: try row.choice("job_state"))
                // A job that is archiving may have waited for this one alone.
                _ = try settleIfComplete(id)
            }
        }
        try execute("UPDATE inputs SET damaged_at = NULL WHERE hash = ? AND damaged_at IS NOT NULL", [hash])
    }
}
