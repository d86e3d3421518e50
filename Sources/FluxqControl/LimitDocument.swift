/// A limit that stands in the way: of a problem, or of a job that waits for it. Counts, bytes, or units of the currency.
package struct LimitDocument: Hashable, Sendable, Codable {
    /// The key below `limits:` in the configuration, such as `images_per_day`.
    package var name: String
    package var limit: Double
    package var used: Double
    /// Bytes of the user's other uploads, where it is only they that stand in the way: it frees within minutes.
    package var onTheWay: Double?
    /// What was refused, or the owner's next job, would add.
    package var asked: Double
    package var currency: String?
    /// When it is renewed by the calendar; absent where only something that ends can free it.
    package var renewedAt: WireTime?

    package enum CodingKeys: String, CodingKey {
        case name, limit, used
        case onTheWay = "on_the_way"
        case asked, currency
        case renewedAt = "renewed_at"
    }

    package init(
        name: String, limit: Double, used: Double, onTheWay: Double?, asked: Double, currency: String?,
        renewedAt: WireTime?
    ) {
        self.name = name
        self.limit = limit
        self.used = used
        self.onTheWay = onTheWay
        self.asked = asked
        self.currency = currency
        self.renewedAt = renewedAt
    }
}
