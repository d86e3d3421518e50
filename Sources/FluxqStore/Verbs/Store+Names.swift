package import FluxqModel

/// A uid that came under another name than its owner's. It may request nothing and its jobs wait, until an
/// administrator has decided whose it is.
package struct HeldUser: Hashable, Sendable {
    package let uid: UInt32
    /// The name under which its owner was last seen.
    package let name: String
    package let cameAs: String
}

extension Store {
    /// An administrator's decision about a uid that came under another name.
    package enum Verdict: String, Hashable, Sendable, CaseIterable {
        /// It is the same person under a new name.
        case renamed
        /// It is another person. The data of the earlier one moves to a uid that no user can have.
        case replaced
    }

    package enum VerdictResult: Hashable, Sendable {
        case settled
        /// The uid is not held back.
        case notHeld
        /// Jobs of the earlier owner are still running.
        case running
        case notAllowed
    }

    /// Holds a uid back if it comes under another name than its owner's, and releases it if it comes under its owner's
    /// again.
    ///
    /// A name that is the uid itself means that there is no name: the user database had no entry then, or did not
    /// answer.
    ///
    /// - Returns: nil if the uid is its owner's, or has no owner yet.
    package func recognize(_ uid: UInt32, as name: String) async throws(StoreError) -> HeldUser? {
        let known = try await read { db, _ in try HeldUser.owner(uid, db) }
        guard let known, known.name != name || known.cameAs != nil, name != String(uid) else { return nil }
        return try await write { transaction in
            guard let known = try HeldUser.owner(uid, transaction.db) else { return nil }
            guard known.name != String(uid), known.name != name else {
                try transaction.execute("UPDATE owners SET name = ?, came_as = NULL WHERE uid = ?", [name, uid])
                transaction.release(uid)
                return nil
            }
            try transaction.execute("UPDATE owners SET came_as = ? WHERE uid = ?", [name, uid])
            return HeldUser(uid: uid, name: known.name, cameAs: name)
        }
    }

    /// Returns the uids that are held back, at most a thousand.
    package func heldUsers() async throws(StoreError) -> [HeldUser] {
        try await read { db, _ in
            try db.rows("SELECT uid, name, came_as FROM owners WHERE came_as IS NOT NULL ORDER BY uid LIMIT 1000").map {
                HeldUser(uid: $0["uid"], name: $0["name"], cameAs: $0["came_as"])
            }
        }
    }

    /// Settles whose a uid is that is held back.
    package func settle(
        _ uid: UInt32, _ verdict: Verdict, by caller: Caller
    ) async throws(StoreError) -> VerdictResult {
        try await write { transaction in
            guard caller.isAdministrator else { return .notAllowed }
            guard let owner = try HeldUser.owner(uid, transaction.db), owner.cameAs != nil else { return .notHeld }
            switch verdict {
            case .renamed:
                try transaction.execute("UPDATE owners SET name = came_as, came_as = NULL WHERE uid = ?", [uid])
                transaction.release(uid)
            case .replaced:
                guard try transaction.owner(uid)?.running == 0 else { return .running }
                try transaction.putAway(uid, by: caller)
            }
            return .settled
        }
    }
}

extension HeldUser {
    /// The row of an owner, held back or not.
    fileprivate static func owner(_ uid: UInt32, _ db: any Connection) throws -> (name: String, cameAs: String?)? {
        try db.row("SELECT name, came_as FROM owners WHERE uid = ?", [uid]).map { ($0["name"], $0["came_as"]) }
    }
}

extension Transaction {
    /// Allows calls of the owner's jobs again.
    fileprivate func release(_ uid: UInt32) {
        memory.touch(uid)
        wakeCalls()
    }

    /// Cancels the queued jobs of an owner, and moves all of the owner's data to a uid that no user can have. It stays
    /// counted, and administrators can see it.
    fileprivate func putAway(_ uid: UInt32, by caller: Caller) throws {
        let queued = try db.rows("SELECT \(JobRow.columns) FROM jobs WHERE uid = ? AND state = 'queued'", [uid])
        for job in try queued.map(JobRow.init) {
            guard case .advanced(let state) = try advance(job, .canceled) else {
                throw StoreError.damaged("job \(job.id) is queued and cannot be canceled")
            }
            try log(.failed, job: job.id, uid: uid, state: state, actor: caller.uid)
        }
        let last = try value(
            Int64.self, "SELECT max(uid) FROM owners WHERE uid BETWEEN ? AND ?",
            [User.numbersOfNobody.lowerBound, User.numbersOfNobody.upperBound])
        let number = last.map { $0 + 1 } ?? Int64(User.numbersOfNobody.lowerBound)
        try execute(
            """
            INSERT INTO owners
                (uid, name, queued, running, done, failed, archive_bytes, unused_input_bytes, kept_bytes, groups)
            SELECT ?, name || ' (was ' || uid || ')', queued, running, done, failed, archive_bytes, unused_input_bytes,
                kept_bytes, '[]'
            FROM owners WHERE uid = ?
            """, [number, uid])
        let columns = [
            "jobs.uid", "inputs.uid", "usage.uid", "forgotten_usage.uid", "forgotten_keys.uid", "shares.uid",
            "lines.uid",
            "events.uid", "events.actor",
        ]
        for column in columns {
            let parts = column.split(separator: ".")
            try execute("UPDATE \(parts[0]) SET \(parts[1]) = ? WHERE \(parts[1]) = ?", [number, uid])
        }
        // Nobody can send an identical request again.
        try execute("DELETE FROM door_requests WHERE uid = ?", [uid])
        try execute("DELETE FROM owners WHERE uid = ?", [uid])
        memory.forget()
        wakeCalls()
    }
}
