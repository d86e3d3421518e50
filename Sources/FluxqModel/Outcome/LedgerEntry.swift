/// One call as its job's ledger keeps it.
package struct LedgerEntry: Hashable, Sendable {
    /// From 1, in the order of the calls.
    package var number: Int
    package var billing: Billing
    package var imagesWanted: Int
    /// nil if no answer came.
    package var imagesCame: Int?
    /// Of one image, in millionths of the currency's unit, by the configuration of its time.
    package var priceMicros: Int64?
    package var currency: String?
    package var begunAt: Timestamp
    /// When the request's last byte was handed to the socket; nil if it never was or nobody knows.
    package var sentAt: Timestamp?
    /// nil while the call is in flight.
    package var settledAt: Timestamp?
    /// One word, such as `answered`, `rate_limited` or `unknown`.
    package var outcome: String?
    /// HTTP status of the answer.
    package var status: Int?
    package var requestID: String?
    package var message: CallTrouble?
    /// The beginning of an answer that brought pictures or should have, without them.
    package var excerpt: String?

    package init(
        number: Int, billing: Billing, imagesWanted: Int, imagesCame: Int?, priceMicros: Int64?, currency: String?,
        begunAt: Timestamp, sentAt: Timestamp?, settledAt: Timestamp?, outcome: String?, status: Int?,
        requestID: String?, message: CallTrouble?, excerpt: String? = nil
    ) {
        self.number = number
        self.billing = billing
        self.imagesWanted = imagesWanted
        self.imagesCame = imagesCame
        self.priceMicros = priceMicros
        self.currency = currency
        self.begunAt = begunAt
        self.sentAt = sentAt
        self.settledAt = settledAt
        self.outcome = outcome
        self.status = status
        self.requestID = requestID
        self.message = message
        self.excerpt = excerpt
    }
}
