import FluxqModel

/// Holds owners' use against their limits, in whatever transaction it is asked.
struct LimitsReader {
    let db: any Connection
    let policy: StorePolicy
    let now: Timestamp
    /// What the claim has found out already; nil for nothing.
    var memory: LineMemory?

    /// Whether the claim passes by an owner's first job in a lane, for a limit that keeps it.
    func isMarked(_ uid: UInt32, _ lane: Lane) -> Bool { memory?.isMarked(uid, in: lane) ?? false }

    /// What counts against an owner's limits now.
    func use(of owner: OwnerRow) throws -> UserUse {
        let today = UTCDay(now)
        let sql = Self.tallies
        let tallies = try db.row(
            sql,
            [
                today.rawValue, owner.uid, today.firstOfMonth.rawValue, today.firstOfNextMonth.rawValue,
                currency ?? "",
            ])
        var use = owner.use(on: today)
        use.running = try calling(of: owner.uid)
        use.today = UserUse.Tally(tallies, prefix: "today_")
        use.month = UserUse.Tally(tallies, prefix: "month_")
        return use
    }

    /// Jobs whose call is being made. Those that only wait for their links hold up none of their owner's others.
    private func calling(of uid: UInt32) throws -> Int64 {
        try db.value(Int64.self, "SELECT count(*) FROM jobs WHERE phase = 'calling' AND uid = ?", [uid]) ?? 0
    }

    /// Pictures of all calls; money in the currency of the present prices alone, for no two currencies add up.
    private static let tallies: String = {
        let columns =
            UserUse.Tally.imageColumns.flatMap { LimitsReader.sums(of: $0, where: nil) }
            + UserUse.Tally.moneyColumns.flatMap { LimitsReader.sums(of: $0, where: "currency = ?5") }
        return "SELECT \(columns.joined(separator: ", ")) \(LimitsReader.month)"
    }()

    private static let month = "FROM usage WHERE uid = ?2 AND day >= ?3 AND day < ?4"

    /// - Parameter condition: which rows count; nil for all.
    private static func sums(of column: String, where condition: String?) -> [String] {
        let conditions = [condition].compactMap(\.self)
        return [("today", conditions + ["day = ?1"]), ("month", conditions)].map { period, conditions in
            let filter = conditions.isEmpty ? "" : " FILTER (WHERE \(conditions.joined(separator: " AND ")))"
            return "coalesce(sum(\(column))\(filter), 0) AS \(period)_\(column)"
        }
    }

    /// What the owner has spent this month in every currency; of calls without a price there is nothing to say.
    func money(of uid: UInt32) throws -> [CurrencyUse] {
        let today = UTCDay(now)
        return try db.rows(
            Self.currencies, [today.rawValue, uid, today.firstOfMonth.rawValue, today.firstOfNextMonth.rawValue]
        ).map { row in
            CurrencyUse(
                currency: row["currency"], today: UserUse.Tally(row, prefix: "today_"),
                month: UserUse.Tally(row, prefix: "month_"))
        }
    }

    private static let currencies: String = {
        let columns = UserUse.Tally.columns.flatMap { LimitsReader.sums(of: $0, where: nil) }
        return """
            SELECT currency, \(columns.joined(separator: ", ")) \(LimitsReader.month) AND currency <> ''
            GROUP BY currency ORDER BY currency
            """
    }()

    /// The limit that keeps a job of the owner from being called now.
    func obstacle(to request: EditRequest, of owner: OwnerRow) throws -> LimitReached? {
        let limits = try owner.limits(policy.limits)
        return limits.concernCalls ? try obstacle(to: call(request), of: owner, limits) : nil
    }

    /// The limit that keeps the owner's first job in a lane, and with it all that are ready there, from being called now.
    func obstacle(toFirstJobOf owner: OwnerRow, in lane: Lane) throws -> LimitReached? {
        let limits = try owner.limits(policy.limits)
        guard limits.concernCalls else { return nil }
        let first = try db.row(QueueLine.jobsOfOwner, [owner.uid, lane.endpoint, lane.model, 1, 0])
        guard let first else { return nil }
        let call = LimitedCall(images: first["images"], price: policy.prices[lane.model]?.micros)
        return try obstacle(to: call, of: owner, limits)
    }

    func obstacle(toFirstJobOf uid: UInt32, in lane: Lane) throws -> LimitReached? {
        let row = try db.row("SELECT * FROM owners WHERE uid = ?", [uid])
        return try row.flatMap { try obstacle(toFirstJobOf: OwnerRow($0), in: lane) }
    }

    private func obstacle(to call: LimitedCall, of owner: OwnerRow, _ limits: UserLimits) throws -> LimitReached? {
        priced(limits.obstacle(to: call, use: try use(of: owner), now: now))
    }

    /// With the currency that its numbers are in.
    func priced(_ reached: LimitReached?) -> LimitReached? {
        guard var reached, reached.kind.unit == .money else { return reached }
        reached.currency = currency
        return reached
    }

    /// Of all prices; nil where there are none.
    var currency: String? { policy.prices.values.first?.currency }

    func call(_ request: EditRequest) -> LimitedCall {
        LimitedCall(images: request.imagesWanted, price: policy.prices[request.model]?.micros)
    }
}

extension Transaction {
    /// The limit that keeps one more job of an owner from being queued.
    func obstacle(toQueueing request: EditRequest, uid: UInt32) throws -> LimitReached? {
        try obstacle(uid, request) { limits, call, use in limits.obstacle(toQueueing: call, use: use) }
    }

    /// The limit that keeps a failed job from being queued again: its owner's, whoever asks.
    func obstacle(toRetrying job: JobRow) throws -> LimitReached? {
        try obstacle(job.uid, job.request) { limits, call, use in
            limits.obstacle(toRetrying: call, use: use, now: now)
        }
    }

    private func obstacle(
        _ uid: UInt32, _ request: EditRequest, _ obstacle: (UserLimits, LimitedCall, UserUse) -> LimitReached?
    ) throws -> LimitReached? {
        guard let owner = try owner(uid) else { return nil }
        let limits = try owner.limits(policy.limits)
        if limits.areNone { return nil }
        let reader = LimitsReader(db: db, policy: policy, now: now)
        // The use by day is looked up only where a limit counts it.
        let use = limits.concernCalls ? try reader.use(of: owner) : owner.use(on: UTCDay(now))
        return reader.priced(obstacle(limits, reader.call(request), use))
    }
}

extension UserUse.Tally {
    /// Of the table `usage`.
    static let imageColumns = ["images", "reserved_images", "unknown_images"]
    static let moneyColumns = ["spent", "reserved", "unknown"]
    static let columns = imageColumns + moneyColumns

    init(_ row: Row?, prefix: String) {
        func sum(_ column: String) -> Int64 { row?[prefix + column] ?? 0 }
        self.init(
            images: sum("images"), reservedImages: sum("reserved_images"), unknownImages: sum("unknown_images"),
            spent: sum("spent"), reserved: sum("reserved"), unknown: sum("unknown"))
    }
}
