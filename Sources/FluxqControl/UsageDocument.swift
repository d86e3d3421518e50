package import FluxqModel

/// What one user has used and may: part of `GET /v1/queue`, and the answer of `GET /v1/usage`.
package struct UsageDocument: Hashable, Sendable, Codable {
    package var owner: String
    package var uid: UInt32
    /// The user's share of the calls against others'.
    package var weight: Int
    /// Of the money in `today`, `month` and `limits`: that of the present prices, which alone counts against limits. nil
    /// where nothing has a price.
    package var currency: String?
    /// What was spent this month in each currency, also in those that prices had before. No two of them add up.
    package var money: [Money]
    /// Pictures that were billed since 00:00 UTC.
    package var imagesToday: Int64
    /// Since 00:00 UTC, and since the first of the month.
    package var today: Tally
    package var month: Tally
    /// By the limits' names in the configuration; of kinds without a limit, only what is used.
    package var limits: [String: Limit]

    /// Money is in units of the currency.
    package struct Tally: Hashable, Sendable, Codable {
        package var images: Int64
        /// Of calls in flight.
        package var imagesReserved: Int64
        /// Of calls whose outcome nobody knows: they may have been billed, and count.
        package var imagesUnknown: Int64
        package var spent: Double
        package var spendReserved: Double
        package var spendUnknown: Double

        package enum CodingKeys: String, CodingKey {
            case images, spent
            case imagesReserved = "images_reserved"
            case imagesUnknown = "images_unknown"
            case spendReserved = "spend_reserved"
            case spendUnknown = "spend_unknown"
        }

        package init(
            images: Int64, imagesReserved: Int64, imagesUnknown: Int64, spent: Double, spendReserved: Double,
            spendUnknown: Double
        ) {
            self.images = images
            self.imagesReserved = imagesReserved
            self.imagesUnknown = imagesUnknown
            self.spent = spent
            self.spendReserved = spendReserved
            self.spendUnknown = spendUnknown
        }
    }

    /// Use in one currency, in its units; the pictures are those of its calls.
    package struct Money: Hashable, Sendable, Codable {
        package var currency: String
        package var today: Tally
        package var month: Tally

        package init(currency: String, today: Tally, month: Tally) {
            self.currency = currency
            self.today = today
            self.month = month
        }
    }

    /// Counts, bytes, or units of the currency.
    package struct Limit: Hashable, Sendable, Codable {
        /// Absent if there is none.
        package var limit: Double?
        /// What counts against it; absent for what does not add up.
        package var used: Double?
        package var left: Double?
        /// When it is renewed by the calendar.
        package var renewedAt: WireTime?

        package enum CodingKeys: String, CodingKey {
            case limit, used, left
            case renewedAt = "renewed_at"
        }

        package init(limit: Double?, used: Double?, left: Double?, renewedAt: WireTime?) {
            self.limit = limit
            self.used = used
            self.left = left
            self.renewedAt = renewedAt
        }
    }

    package enum CodingKeys: String, CodingKey {
        case owner, uid, weight, currency, money, today, month, limits
        case imagesToday = "images_today"
    }

    package init(
        owner: String, uid: UInt32, weight: Int, currency: String?, money: [Money], imagesToday: Int64, today: Tally,
        month: Tally, limits: [String: Limit]
    ) {
        self.owner = owner
        self.uid = uid
        self.weight = weight
        self.currency = currency
        self.money = money
        self.imagesToday = imagesToday
        self.today = today
        self.month = month
        self.limits = limits
    }
}

/// The answer of `GET /v1/usage?all=true`, by number of user.
package struct UsageList: Hashable, Sendable, Codable {
    package var users: [UsageDocument]

    package init(users: [UsageDocument]) {
        self.users = users
    }
}

extension LimitKind.Unit {
    private static let micros: Double = 1_000_000

    /// As a number on the wire: money in units of the currency.
    package func wire(_ value: Int64) -> Double {
        self == .money ? Double(value) / Self.micros : Double(value)
    }

    /// What `wire` made of it; nil for a number that it makes of none.
    package func value(wire number: Double) -> Int64? {
        Int64(exactly: (self == .money ? number * Self.micros : number).rounded())
    }
}
