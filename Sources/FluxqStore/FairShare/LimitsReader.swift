import FluxqModel

/// Compares owners' use with their limits, in any transaction.
struct LimitsReader {
    let db: any Connection
    let policy: StorePolicy
    let now: Timestamp
    /// The claim's cached results; nil for none.
    var memory: LineMemory?

    /// Owners whose first jobs in a lane the claim skips, because a limit blocks them.
    func marks(in lane: Lane) -> [UInt32: LineMemory.Mark] { memory?.marks(in: lane) ?? [:] }

    /// The use that counts against an owner's limits now.
    func use(of owner: OwnerRow) throws -> UserUse {
        let calls = try UseByCalls(db.row(Self.useByCalls, period + [currency ?? "", owner.uid]))
        return owner.use(on: UTCDay(now)).with(calls)
    }

    /// The number of owners in one query, because a statement has a maximum number of parameters.
    static let mostAtOnce = 1024

    /// Returns the current use by the calls of each of these owners, read in one query.
    ///
    /// - Parameter uids: at least one and at most `mostAtOnce`; duplicates are allowed.
    func useByCalls(of uids: [UInt32]) throws -> [UInt32: UseByCalls] {
        var uses: [UInt32: UseByCalls] = [:]
        let sql = Self.useByCalls(ofMany: uids.count)
        try db.forEachRow(sql, period + [currency ?? ""] + Arguments(uids)) { row in
            uses[row[UseByCalls.columnCount]] = UseByCalls(row)
            return true
        }
        return uses
    }

    /// Returns the owner's spending of this month in every currency. Calls without a price are not included.
    func money(of uid: UInt32) throws -> [CurrencyUse] {
        try db.rows(Self.currencies, period + [uid]).map { row in
            CurrencyUse(
                currency: row[2 * UserUse.Tally.columnCount], today: UserUse.Tally(row, from: 0),
                month: UserUse.Tally(row, from: UserUse.Tally.columnCount))
        }
    }

    /// Today, and the first days of this month and of the next one: the arguments of `sums` and `month`.
    private var period: Arguments {
        let today = UTCDay(now)
        return [today.rawValue, today.firstOfMonth.rawValue, today.firstOfNextMonth.rawValue]
    }

    /// Pictures of all calls, but only money in the currency of the current prices, because currencies cannot be added.
    private static let useByCalls = """
        SELECT \(sumsInCurrency), (SELECT count(*) FROM jobs WHERE phase = 'calling' AND jobs.uid = ?5)
        FROM usage WHERE uid = ?5 AND \(month)
        """

    private static func useByCalls(ofMany count: Int) -> String {
        """
        SELECT \(sumsInCurrency), coalesce(max(calls), 0), owners.uid
        FROM owners LEFT JOIN usage ON usage.uid = owners.uid AND \(month)
            LEFT JOIN (SELECT uid AS caller, count(*) AS calls FROM jobs WHERE phase = 'calling' GROUP BY uid) AS callers
                ON caller = owners.uid
        WHERE owners.uid IN (\((5..<5 + count).map { "?\($0)" }.joined(separator: ", ")))
        GROUP BY owners.uid
        """
    }

    private static let currencies = """
        SELECT \(sums(money: nil)), currency FROM usage WHERE uid = ?4 AND \(month) AND currency <> ''
        GROUP BY currency ORDER BY currency
        """

    private static let sumsInCurrency = sums(money: "currency = ?4")

    private static let month = "day >= ?2 AND day < ?3"

    /// The sums of today, then of the month, each in the order of a tally.
    ///
    /// - Parameter money: a condition on the rows whose money counts; nil for all.
    private static func sums(money: String?) -> String {
        func sums(_ columns: [String], _ conditions: [String?]) -> [String] {
            let conditions = conditions.compactMap(\.self)
            let filter = conditions.isEmpty ? "" : " FILTER (WHERE \(conditions.joined(separator: " AND ")))"
            return columns.map { "coalesce(sum(\($0))\(filter), 0)" }
        }
        return ["day = ?1", nil].flatMap { day in
            sums(UserUse.Tally.imageColumns, [day]) + sums(UserUse.Tally.moneyColumns, [day, money])
        }.joined(separator: ", ")
    }

    /// The limit that blocks a call of the owner with that many images now.
    func obstacle(toCalling images: Int, in lane: Lane, of owner: OwnerRow) throws -> LimitReached? {
        let limits = try owner.limits(policy.limits)
        return limits.concernCalls ? try obstacle(to: call(images, in: lane), of: owner, limits) : nil
    }

    /// The limit that blocks the owner's first job in a lane now, and so all ready jobs of the owner there.
    func obstacle(toFirstJobOf owner: OwnerRow, in lane: Lane) throws -> LimitReached? {
        let limits = try owner.limits(policy.limits)
        guard limits.concernCalls else { return nil }
        let first = try db.row(QueueLine.jobsOfOwner, [owner.uid, lane.endpoint, lane.model, 1, 0])
        return try first.map { call($0["images"], in: lane) }.flatMap { try obstacle(to: $0, of: owner, limits) }
    }

    func obstacle(toFirstJobOf uid: UInt32, in lane: Lane) throws -> LimitReached? {
        let row = try db.row(OwnerRow.byNumber, [uid])
        return try row.flatMap { try obstacle(toFirstJobOf: OwnerRow($0), in: lane) }
    }

    private func obstacle(to call: LimitedCall, of owner: OwnerRow, _ limits: UserLimits) throws -> LimitReached? {
        priced(limits.obstacle(to: call, use: try use(of: owner), now: now))
    }

    /// Adds the currency of its amounts.
    func priced(_ reached: LimitReached?) -> LimitReached? {
        guard var reached, reached.kind.unit == .money else { return reached }
        reached.currency = currency
        return reached
    }

    /// The currency of all prices; nil if there are none.
    var currency: String? { policy.prices.values.first?.currency }

    func call(_ images: Int, in lane: Lane) -> LimitedCall {
        LimitedCall(images: images, price: policy.prices[lane.model]?.micros)
    }
}

extension Transaction {
    /// The limit that prevents another job of the owner, with that many images, from being queued.
    func obstacle(toQueueing images: Int, in lane: Lane, of owner: OwnerRow) throws -> LimitReached? {
        try obstacle(images, lane, owner) { limits, call, use in limits.obstacle(toQueueing: call, use: use) }
    }

    /// The limit that prevents a failed job from being queued again: its owner's, even if an administrator asks.
    func obstacle(toRetrying job: JobRow) throws -> LimitReached? {
        guard let owner = try owner(job.uid) else { return nil }
        return try obstacle(job.images, job.lane, owner) { limits, call, use in
            limits.obstacle(toRetrying: call, use: use, now: now)
        }
    }

    private func obstacle(
        _ images: Int, _ lane: Lane, _ owner: OwnerRow,
        _ obstacle: (UserLimits, LimitedCall, UserUse) -> LimitReached?
    ) throws -> LimitReached? {
        let limits = try owner.limits(policy.limits)
        if limits.areNone { return nil }
        let reader = LimitsReader(db: db, policy: policy, now: now)
        // The use by day is read only if a limit counts it.
        let use = limits.concernCalls ? try reader.use(of: owner) : owner.use(on: UTCDay(now))
        return reader.priced(obstacle(limits, reader.call(images, in: lane), use))
    }
}

extension UserUse.Tally {
    /// Columns of the table `usage`.
    static let imageColumns = ["images", "reserved_images", "unknown_images"]
    static let moneyColumns = ["spent", "reserved", "unknown"]
    static let columnCount = imageColumns.count + moneyColumns.count

    /// - Parameter first: the position of the first column of the tally.
    fileprivate init(_ row: Row, from first: Int) {
        self.init(
            images: row[first], reservedImages: row[first + 1], unknownImages: row[first + 2],
            spent: row[first + 3], reserved: row[first + 4], unknown: row[first + 5])
    }
}

/// The use of an owner's calls that counts against limits: current calls, and the sums of today and this month.
struct UseByCalls {
    fileprivate static let columnCount = 2 * UserUse.Tally.columnCount + 1

    var running: Int64 = 0
    var today = UserUse.Tally()
    var month = UserUse.Tally()

    init() {}

    fileprivate init(_ row: Row) {
        today = UserUse.Tally(row, from: 0)
        month = UserUse.Tally(row, from: UserUse.Tally.columnCount)
        running = row[2 * UserUse.Tally.columnCount]
    }

    fileprivate init(_ row: Row?) {
        self = row.map { UseByCalls($0) } ?? UseByCalls()
    }
}

extension UserUse {
    /// Adds the use by calls to the use from the owner's row.
    func with(_ calls: UseByCalls) -> UserUse {
        var use = self
        use.running = calls.running
        use.today = calls.today
        use.month = calls.month
        return use
    }
}
