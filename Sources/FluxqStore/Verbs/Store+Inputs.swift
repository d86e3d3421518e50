package import FluxqModel

extension Store {
    /// Makes a picture that is durable in the archive an input of its owner.
    ///
    /// - Returns: the owner's limit that prevents it; nil if it is now an input.
    @discardableResult
    package func addInput(_ picture: StoredPicture, owner: User) async throws(StoreError) -> LimitReached? {
        try await write { transaction in
            try transaction.remember(owner)
            if let reached = try transaction.obstacle(to: picture, of: owner) { return reached }
            try transaction.execute(
                """
                INSERT INTO inputs (uid, hash, media_type, width, height, bytes, brought_at)
                VALUES (:uid, :hash, :media_type, :width, :height, :bytes, :brought_at)
                ON CONFLICT (uid, hash) DO UPDATE SET brought_at = excluded.brought_at
                """,
                [
                    "uid": owner.uid, "hash": picture.hash, "media_type": picture.mediaType, "width": picture.width,
                    "height": picture.height, "bytes": picture.bytes, "brought_at": transaction.now,
                ])
            try transaction.mend(picture.hash, picture: picture)
            transaction.wakeHousekeeper()
            return nil
        }
    }

    /// Deletes inputs that no job has used for `StorePolicy.inputLifetime`, one batch at a time.
    ///
    /// - Returns: content that no row refers to any more, for the archive to remove.
    package func expireInputs(limit: Int = 100) async throws(StoreError) -> [ContentHash] {
        try await write { transaction in
            let expired = try transaction.db.rows(
                "SELECT uid, hash FROM inputs WHERE used = 0 AND brought_at <= ? ORDER BY brought_at LIMIT ?",
                [transaction.now + (.zero - transaction.policy.inputLifetime), limit])
            var unreferenced: [ContentHash] = []
            for row in expired {
                let uid: UInt32 = row["uid"]
                let hash: ContentHash = row["hash"]
                try transaction.execute("DELETE FROM inputs WHERE uid = ? AND hash = ?", [uid, hash])
                transaction.memory.touch(uid)
                if try !ContentUse.isInUse(hash, transaction.db) { unreferenced.append(hash) }
            }
            // There is room again, and jobs may have waited for it.
            if !expired.isEmpty { transaction.wakeCalls() }
            return unreferenced
        }
    }

    /// The time when the next input may expire; nil if there is no unused input.
    package func nextInputExpiry() async throws(StoreError) -> Timestamp? {
        try await read { [policy] db, _ in
            let oldest = try db.value(Timestamp.self, "SELECT min(brought_at) FROM inputs WHERE used = 0")
            return oldest.map { $0 + policy.inputLifetime }
        }
    }
}

extension Transaction {
    fileprivate func obstacle(to picture: StoredPicture, of owner: User) throws -> LimitReached? {
        try LimitsReader(db: db, policy: policy, now: now).obstacle(toInput: picture.hash, picture.bytes, of: owner)
    }
}
