package import FluxqModel
import GRDB

extension Store {
    /// Makes a picture that is durable in the archive an input of its owner.
    ///
    /// - Returns: the limit of the owner's that keeps it from being one; nil where it is one now.
    @discardableResult
    package func addInput(_ picture: StoredPicture, owner: Owner) async throws(StoreError) -> LimitReached? {
        try await write { transaction in
            try transaction.remember(owner)
            if let reached = try transaction.obstacle(to: picture, of: owner) { return reached }
            try transaction.execute(
                """
                INSERT INTO inputs (uid, hash, media_type, width, height, bytes, brought_at) VALUES (?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (uid, hash) DO UPDATE SET brought_at = excluded.brought_at
                """,
                [
                    owner.uid, picture.hash, picture.mediaType, picture.width, picture.height, picture.bytes,
                    transaction.now,
                ])
            try transaction.mend(picture.hash, picture: picture)
            transaction.wakeHousekeeper()
            return nil
        }
    }

    /// Forgets inputs that no job has used for `StorePolicy.inputLifetime`, a batch at a time.
    ///
    /// - Parameter time: by which they are judged, such as `keepHouse` gives it; nil for the wall clock.
    /// - Returns: content that nothing refers to any more, for the archive to remove.
    package func expireInputs(at time: Timestamp? = nil, limit: Int = 100) async throws(StoreError) -> [ContentHash] {
        try await write { transaction in
            let expired = try Row.fetchAll(
                transaction.db.cachedStatement(
                    sql: "SELECT uid, hash FROM inputs WHERE used = 0 AND brought_at <= ? ORDER BY brought_at LIMIT ?"),
                arguments: [(time ?? transaction.now) + (.zero - transaction.policy.inputLifetime), limit])
            var unreferenced: [ContentHash] = []
            for row in expired {
                let uid: UInt32 = row["uid"]
                let hash: ContentHash = row["hash"]
                try transaction.execute("DELETE FROM inputs WHERE uid = ? AND hash = ?", [uid, hash])
                let isReferenced = try transaction.row(
                    "SELECT 1 FROM inputs WHERE hash = ?1 UNION ALL SELECT 1 FROM pictures WHERE hash = ?1 LIMIT 1",
                    [hash])
                if isReferenced == nil { unreferenced.append(hash) }
            }
            // There is room again, and jobs may have waited for it.
            if !expired.isEmpty { transaction.wakeWorkers() }
            return unreferenced
        }
    }

    /// When the next input may have to be forgotten; nil where there is none that no job uses.
    package func nextInputExpiry() async throws(StoreError) -> Timestamp? {
        try await read { [policy] db, _ in
            let oldest = try Timestamp.fetchOne(
                db.cachedStatement(sql: "SELECT min(brought_at) FROM inputs WHERE used = 0"))
            return oldest.map { $0 + policy.inputLifetime }
        }
    }
}

extension Transaction {
    /// One that the owner has already adds nothing, so it is always taken; no answer tells what others have.
    fileprivate func obstacle(to picture: StoredPicture, of owner: Owner) throws -> LimitReached? {
        let known = try row("SELECT 1 FROM inputs WHERE uid = ? AND hash = ?", [owner.uid, picture.hash])
        if known != nil { return nil }
        let usage = try LimitsReader(db: db, policy: policy, now: now).usage(of: owner)
        return usage.limits.obstacle(toInput: picture.bytes, use: usage.use)
    }
}
