/// The use that counts against one user's limits at a moment.
package struct UserUse: Hashable, Sendable {
    /// The use in one period: what was billed, what is reserved for calls in flight, and what may have been billed.
    package struct Tally: Hashable, Sendable {
        package var images: Int64
        package var reservedImages: Int64
        package var unknownImages: Int64
        /// In millionths of the currency.
        package var spent: Int64
        package var reserved: Int64
        package var unknown: Int64

        package init(
            images: Int64 = 0, reservedImages: Int64 = 0, unknownImages: Int64 = 0, spent: Int64 = 0,
            reserved: Int64 = 0, unknown: Int64 = 0
        ) {
            self.images = images
            self.reservedImages = reservedImages
            self.unknownImages = unknownImages
            self.spent = spent
            self.reserved = reserved
            self.unknown = unknown
        }

        /// The images that count. A call with an unknown outcome may have been billed, so it counts too.
        package var allImages: Int64 { images + reservedImages + unknownImages }
        package var allSpend: Int64 { spent + reserved + unknown }
    }

    package var queued: Int64
    package var running: Int64
    package var today: Tally
    package var month: Tally
    package var retriesToday: Int64
    package var unusedInputBytes: Int64
    package var archiveBytes: Int64
    package var keptBytes: Int64

    package init(
        queued: Int64 = 0, running: Int64 = 0, today: Tally = .init(), month: Tally = .init(), retriesToday: Int64 = 0,
        unusedInputBytes: Int64 = 0, archiveBytes: Int64 = 0, keptBytes: Int64 = 0
    ) {
        self.queued = queued
        self.running = running
        self.today = today
        self.month = month
        self.retriesToday = retriesToday
        self.unusedInputBytes = unusedInputBytes
        self.archiveBytes = archiveBytes
        self.keptBytes = keptBytes
    }

    /// The use in the kind's unit; 0 for `.inputBytes`, which has no total.
    package subscript(_ kind: LimitKind) -> Int64 {
        switch kind {
        case .queuedJobs: queued
        case .runningJobs: running
        case .imagesPerDay: today.allImages
        case .spendPerDay: today.allSpend
        case .spendPerMonth: month.allSpend
        case .retriesPerDay: retriesToday
        case .inputBytes: 0
        case .unusedInputBytes: unusedInputBytes
        case .archiveBytes: archiveBytes
        case .keptBytes: keptBytes
        }
    }
}

/// A limit that prevents something.
package struct LimitReached: Hashable, Sendable {
    package var kind: LimitKind
    /// In the kind's unit.
    package var limit: Int64
    package var used: Int64
    /// The size of the user's uploads in progress, if only they prevent another one.
    package var onTheWay: Int64 = 0
    /// The amount that the job or input would add.
    package var asked: Int64
    /// The time when the limit is renewed; nil if only the end of something can free it.
    package var freesAt: Timestamp?
    /// The currency of the amounts, if they are money.
    package var currency: String?
    /// True if the job's model has no price, so that nothing can be counted.
    package var isUnpriced: Bool

    package init(
        kind: LimitKind, limit: Int64, used: Int64, asked: Int64, freesAt: Timestamp? = nil, currency: String? = nil,
        isUnpriced: Bool = false
    ) {
        self.kind = kind
        self.limit = limit
        self.used = used
        self.asked = asked
        self.freesAt = freesAt
        self.currency = currency
        self.isUnpriced = isUnpriced
    }

    /// True if waiting does not help: the request alone exceeds the limit.
    package var canNeverFit: Bool { isUnpriced || asked > limit }

    /// The waiting reason of a job that waits for the limit.
    package var waiting: Waiting {
        kind.unit == .money ? .budget : .userLimit
    }
}

/// The data of a call that limits need.
package struct LimitedCall: Hashable, Sendable {
    package var images: Int
    /// The price of one image, in millionths; nil if the model has no price.
    package var price: Int64?

    package init(images: Int, price: Int64?) {
        self.images = images
        self.price = price
    }

    fileprivate func amount(_ unit: LimitKind.Unit) -> Int64 {
        switch unit {
        case .count, .bytes: Int64(images)
        case .money: (price ?? 0).multipliedReportingOverflow(by: Int64(images)).partialValue
        }
    }
}

extension UserLimits {
    /// The limit that blocks a call now; of several, the one that lasts longest.
    package func obstacle(to call: LimitedCall, use: UserUse, now: Timestamp) -> LimitReached? {
        if let limit = self[.archiveBytes], use.archiveBytes >= limit {
            return LimitReached(kind: .archiveBytes, limit: limit, used: use.archiveBytes, asked: 0)
        }
        for kind in [LimitKind.spendPerMonth, .spendPerDay, .imagesPerDay] {
            guard let limit = self[kind] else { continue }
            if let reached = reached(kind, limit, by: call, used: use[kind], now: now) { return reached }
        }
        if let limit = self[.runningJobs], use.running >= limit {
            return LimitReached(kind: .runningJobs, limit: limit, used: use.running, asked: 1)
        }
        return nil
    }

    /// The limit that prevents a job from being queued: too many are queued, or the job could never run.
    package func obstacle(toQueueing call: LimitedCall, use: UserUse) -> LimitReached? {
        if let limit = self[.queuedJobs], use.queued >= limit {
            return LimitReached(kind: .queuedJobs, limit: limit, used: use.queued, asked: 1)
        }
        if let limit = self[.archiveBytes], use.archiveBytes >= limit {
            return LimitReached(kind: .archiveBytes, limit: limit, used: use.archiveBytes, asked: 0)
        }
        if let limit = self[.keptBytes], use.keptBytes >= limit {
            return LimitReached(kind: .keptBytes, limit: limit, used: use.keptBytes, asked: 0)
        }
        if self[.runningJobs] == 0 { return LimitReached(kind: .runningJobs, limit: 0, used: use.running, asked: 1) }
        for kind in [LimitKind.imagesPerDay, .spendPerDay, .spendPerMonth] {
            guard let limit = self[kind] else { continue }
            let isUnpriced = kind.unit == .money && call.price == nil
            let asked = call.amount(kind.unit)
            if isUnpriced || asked > limit {
                return LimitReached(kind: kind, limit: limit, used: use[kind], asked: asked, isUnpriced: isUnpriced)
            }
        }
        return nil
    }

    /// The limit that prevents a retry of a failed job by hand: as for a new job, or the day's retries are used up.
    package func obstacle(toRetrying call: LimitedCall, use: UserUse, now: Timestamp) -> LimitReached? {
        if let reached = obstacle(toQueueing: call, use: use) { return reached }
        guard let limit = self[.retriesPerDay], use.retriesToday >= limit else { return nil }
        var reached = LimitReached(kind: .retriesPerDay, limit: limit, used: use.retriesToday, asked: 1)
        if !reached.canNeverFit { reached.freesAt = UTCDay(now).next.start }
        return reached
    }

    /// The limit that prevents an input of that many bytes from being accepted.
    ///
    /// - Parameter onTheWay: the bytes of other inputs that are being uploaded.
    package func obstacle(toInput bytes: Int64, use: UserUse, onTheWay: Int64 = 0) -> LimitReached? {
        for kind in [LimitKind.inputBytes, .unusedInputBytes, .archiveBytes] {
            guard let limit = self[kind] else { continue }
            let used = use[kind]
            let others = kind == .inputBytes ? 0 : onTheWay
            let (sum, isTooMuch) = used.addingReportingOverflow(bytes)
            guard isTooMuch || sum > limit - others else { continue }
            var reached = LimitReached(kind: kind, limit: limit, used: used, asked: bytes)
            // Without the others it fits, so it may fit later if one of them is given up.
            if !isTooMuch, sum <= limit { reached.onTheWay = others }
            return reached
        }
        return nil
    }

    private func reached(
        _ kind: LimitKind, _ limit: Int64, by call: LimitedCall, used: Int64, now: Timestamp
    ) -> LimitReached? {
        let isUnpriced = kind.unit == .money && call.price == nil
        let asked = call.amount(kind.unit)
        guard isUnpriced || used + asked > limit else { return nil }
        var reached = LimitReached(kind: kind, limit: limit, used: used, asked: asked, isUnpriced: isUnpriced)
        let today = UTCDay(now)
        if !reached.canNeverFit {
            switch kind.period {
            case .day: reached.freesAt = today.next.start
            case .month: reached.freesAt = today.firstOfNextMonth.start
            case nil: break
            }
        }
        return reached
    }
}
