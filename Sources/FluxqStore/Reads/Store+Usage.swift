package import FluxqModel

/// A user's use and limits.
package struct OwnerUsage: Hashable, Sendable {
    package var owner: User
    package var limits: UserLimits
    package var use: UserUse
    /// The currency of the money in `use`, the only one that counts against limits; nil if there are no prices.
    package var currency: String?
    /// The money of this month in every currency, by its name, including the currencies of earlier prices.
    package var money: [CurrencyUse] = []
    /// The times when the day and the month of `use` end.
    package var dayEnds: Timestamp
    package var monthEnds: Timestamp
}

extension Store {
    /// Returns a user's own use; all zeros for a user who has never submitted anything.
    package func usage(of owner: User) async throws(StoreError) -> OwnerUsage {
        let policy = policy
        return try await read { db, now in try LimitsReader(db: db, policy: policy, now: now).usage(of: owner) }
    }

    /// Returns the use of all users by uid, for administrators.
    package func usageOfAll() async throws(StoreError) -> [OwnerUsage] {
        let policy = policy
        return try await read { db, now in
            let reader = LimitsReader(db: db, policy: policy, now: now)
            return try db.rows("SELECT \(OwnerRow.columns) FROM owners ORDER BY uid").map { row in
                let owner = OwnerRow(row)
                return try reader.usage(
                    of: User(uid: owner.uid, name: owner.name), use: reader.use(of: owner),
                    limits: owner.limits(policy.limits))
            }
        }
    }

    /// Returns a user's limits and the use that uploads count against, without uploads in progress; cheaper than
    /// `usage`.
    package func archiveUse(
        of owner: User
    ) async throws(StoreError) -> (limits: UserLimits, use: UserUse) {
        let policy = policy
        return try await read { db, now in
            let row = try LimitsReader(db: db, policy: policy, now: now).row(of: owner)
            return (row.limits, row.owner?.use(on: UTCDay(now)) ?? UserUse())
        }
    }

    /// True if a user has an input of that many bytes.
    ///
    /// - Parameter orMore: true also accepts larger inputs.
    package func hasInput(ofBytes bytes: Int64, orMore: Bool, uid: UInt32) async throws(StoreError) -> Bool {
        try await read { db, _ in
            let sql = "SELECT 1 FROM inputs WHERE uid = ? AND bytes \(orMore ? ">=" : "=") ? LIMIT 1"
            return try db.row(sql, [uid, bytes]) != nil
        }
    }

    /// The limit that would reject an input of that many bytes; `addInput` checks again.
    package func obstacle(
        toInput hash: ContentHash, bytes: Int64, of owner: User
    ) async throws(StoreError) -> LimitReached? {
        let policy = policy
        return try await read { db, now in
            try LimitsReader(db: db, policy: policy, now: now).obstacle(toInput: hash, bytes, of: owner)
        }
    }

    /// Users whose groups affect limits even if they do not connect again: those with waiting or running jobs.
    package func ownersWithWork() async throws(StoreError) -> [User] {
        try await read { db, _ in
            try db.rows("SELECT uid, name FROM owners WHERE queued > 0 OR running > 0 ORDER BY uid").map {
                User(uid: $0["uid"], name: $0["name"])
            }
        }
    }

    /// Records a user's groups, and the name of a new user.
    package func recordOwner(_ owner: User) async throws(StoreError) {
        _ = try await write { transaction in try transaction.remember(owner) }
    }
}

/// The money that was spent in one currency.
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
    /// An input that the owner already has adds nothing, so it is always accepted. No answer reveals which inputs
    /// others have.
    func obstacle(toInput hash: ContentHash, _ bytes: Int64, of owner: User) throws -> LimitReached? {
        let known = try db.row("SELECT 1 FROM inputs WHERE uid = ? AND hash = ?", [owner.uid, hash])
        if known != nil { return nil }
        let usage = try usage(of: owner)
        return usage.limits.obstacle(toInput: bytes, use: usage.use)
    }

    func usage(of owner: User) throws -> OwnerUsage {
        let row = try row(of: owner)
        return try usage(of: owner, use: try row.owner.map(use) ?? UserUse(), limits: row.limits)
    }

    /// A user's row, nil for an unknown user, and the limits for the current groups.
    func row(of owner: User) throws -> (owner: OwnerRow?, limits: UserLimits) {
        let row = try db.row(OwnerRow.byNumber, [owner.uid]).map(OwnerRow.init)
        let limits =
            if let groups = owner.groups {
                policy.limits.limits(uid: owner.uid, groups: groups)
            } else {
                try row?.limits(policy.limits) ?? policy.limits.limits(uid: owner.uid, groups: [])
            }
        return (row, limits)
    }

    func usage(of owner: User, use: UserUse, limits: UserLimits) throws -> OwnerUsage {
        let today = UTCDay(now)
        return OwnerUsage(
            owner: owner, limits: limits, use: use, currency: currency, money: try money(of: owner.uid),
            dayEnds: today.next.start, monthEnds: today.firstOfNextMonth.start)
    }
}
