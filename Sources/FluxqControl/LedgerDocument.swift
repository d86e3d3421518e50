extension JobDocument {
    /// One call of the job, as the ledger keeps it.
    package struct LedgerDocument: Hashable, Sendable, Codable {
        package var number: Int
        package var begunAt: WireTime
        /// When the request's last byte left; left out where it never did or nobody knows.
        package var sentAt: WireTime?
        /// Left out while the call is in flight.
        package var settledAt: WireTime?
        /// `reserved`, `billed`, `not_billed` or `unknown`.
        package var billing: String
        /// One word, such as `answered`, `rate_limited` or `unknown`.
        package var outcome: String?
        /// HTTP status of the answer.
        package var status: Int?
        package var requestID: String?
        package var message: String?
        /// What the API answered where it brought no picture, for a person to look at.
        package var answer: String?
        package var imagesWanted: Int
        /// Pictures that came.
        package var images: Int?
        /// Of one picture, in the currency's unit.
        package var price: Double?
        package var currency: String?

        package enum CodingKeys: String, CodingKey {
            case number
            case begunAt = "begun_at"
            case sentAt = "sent_at"
            case settledAt = "settled_at"
            case billing, outcome, status
            case requestID = "request_id"
            case message, answer
            case imagesWanted = "images_wanted"
            case images, price, currency
        }

        /// With what every call has; the rest is set afterwards.
        package init(number: Int, begunAt: WireTime, billing: String, imagesWanted: Int) {
            self.number = number
            self.begunAt = begunAt
            self.billing = billing
            self.imagesWanted = imagesWanted
        }
    }
}
