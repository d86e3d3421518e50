package import FluxqModel

/// What one user has used, and may.
package struct OwnerUsage: Hashable, Sendable {
    package var owner: Owner
    package var limits: UserLimits
    package var use: UserUse
    /// Of the money in `use`, which alone counts against limits; nil if nothing has a price.
    package var currency: String?
    /// Money of this month in every currency, by its name: also in those in which prices were before.
    package var money: [CurrencyUse] = []
    /// When the day and the month of `use` end.
    package var dayEnds: Timestamp
    package var monthEnds: Timestamp
}

extension Store {
    /// A user's own use; of somebody who has never submitted anything, all zeros.
    package func usage(of owner: Owner) async throws(StoreError) -> OwnerUsage {
        let policy = policy
        return try await read { db, now in try LimitsReader(db: db, policy: policy, now: now).usage(of: owner) }
    }

    /// Everybody's use, by number: for administrators.
    package func usageOfAll() async throws(StoreError) -> [OwnerUsage] {
        let policy = policy
        return try await read { db, now in
            let reader = LimitsReader(db: db, policy: policy, now: now)
            return try db.rows("SELECT \(OwnerRow.columns) FROM owners ORDER BY uid").map { row in
                let owner = OwnerRow(row)
                return try reader.usage(
                    of: Owner(uid: owner.uid, name: owner.name), use: reader.use(of: owner),
                    limits: owner.limits(policy.limits))
            }
        }
    }

    /// What limits a user's uploads, and what counts against that now, without those on their way; less to look up than `usage`.
    package func archiveUse(
        of owner: Owner
    ) async throws(StoreError) -> (limits: UserLimits, use: UserUse) {
        let policy = policy
        return try await read { db, now in
            let row = try LimitsReader(db: db, policy: policy, now: now).row(of: owner)
            return (row.limits, row.owner?.use(on: UTCDay(now)) ?? UserUse())
        }
    }

    /// Whether a user has an input of so many bytes.
    ///
    /// - Parameter orMore: or of more.
    package func hasInput(ofBytes bytes: Int64, orMore: Bool, uid: UInt32) async throws(StoreError) -> Bool {
        try await read { db, _ in
            let sql = "SELECT 1 FROM inputs WHERE uid = ? AND bytes \(orMore ? ">=" : "=") ? LIMIT 1"
            return try db.row(sql, [uid, bytes]) != nil
        }
    }

    /// The limit that would keep an input of so many bytes from being taken; `addInput` has the last word.
    package func obstacle(
        toInput hash: ContentHash, bytes: Int64, of owner: Owner
    ) async throws(StoreError) -> LimitReached? {
        let policy = policy
        return try await read { db, now in
            try LimitsReader(db: db, policy: policy, now: now).obstacle(toInput: hash, bytes, of: owner)
        }
    }

    /// Users whose groups decide about limits although they may not come again: those with jobs that wait or run.
    package func ownersWithWork() async throws(StoreError) -> [Owner] {
        try await read { db, _ in
            try db.rows("SELECT uid, name FROM owners WHERE queued > 0 OR running > 0 ORDER BY uid").map {
                Owner(uid: $0["uid"], name: $0["name"])
            }
        }
    }

    /// Records a user's groups, and the name of one who is new.
    package func recordOwner(_ owner: Owner) async throws(StoreError) {
        _ = try await write { transaction in try transaction.remember(owner) }
    }
}

/// What was spent in one currency.
package struct CurrencyUse: Hashable, Sendable {
    package var currency: String
    package var today: UserUse.Tally
    package var month: UserUse.Tally

    package init(currency: String, today: UserUse.Tally, month: UserUse.Tally) {
        self.currency = currency
        self.today = today
        self.month = month
    }
}

extension LimitsReader {
    /// One that the owner has already adds nothing, so it is always taken; no answer tells what others have.
    func obstacle(toInput hash: ContentHash, _ bytes: Int64, of owner: Owner) throws -> LimitReached? {
        let known = try db.row("SELECT 1 FROM inputs WHERE uid = ? AND hash = ?", [owner.uid, hash])
        if known != nil { return nil }
        let usage = try usage(of: owner)
        return usage.limits.obstacle(toInput: bytes, use: usage.use)
    }

    func usage(of owner: Owner) throws -> OwnerUsage {
        let row = try row(of: owner)
        return try usage(of: owner, use: try row.owner.map(use) ?? UserUse(), limits: row.limits)
    }

    /// A user's row, nil for one who has never been seen, and the limits by the groups of now.
    func row(of owner: Owner) throws -> (owner: OwnerRow?, limits: UserLimits) {
        let row = try db.row(OwnerRow.byNumber, [owner.uid]).map(OwnerRow.init)
        let limits =
            if let groups = owner.groups {
                policy.limits.limits(uid: owner.uid, groups: groups)
            } else {
                try row?.limits(policy.limits) ?? policy.limits.limits(uid: owner.uid, groups: [])
            }
        return (row, limits)
    }

    func usage(of owner: Owner, use: UserUse, limits: UserLimits) throws -> OwnerUsage {
        let today = UTCDay(now)
        return OwnerUsage(
            owner: owner, limits: limits, use: use, currency: currency, money: try money(of: owner.uid),
            dayEnds: today.next.start, monthEnds: today.firstOfNextMonth.start)
    }
}
