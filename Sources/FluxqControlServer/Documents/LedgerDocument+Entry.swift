import FluxqControl
import FluxqModel
import FluxqWords

extension JobDocument.LedgerDocument {
    init(_ entry: LedgerEntry) {
        self.init(
            number: entry.number, begunAt: WireTime(entry.begunAt), billing: entry.billing.rawValue,
            imagesWanted: entry.imagesWanted)
        sentAt = entry.sentAt.map(WireTime.init)
        settledAt = entry.settledAt.map(WireTime.init)
        outcome = entry.outcome
        status = entry.status
        requestID = entry.requestID
        // For a billed answer it is the reason why the answer was cut off: a part of a sentence.
        message = entry.billing == .billed ? entry.message?.phrase : entry.message?.words
        answer = entry.imagesCame ?? 0 == 0 ? entry.excerpt : nil
        images = entry.imagesCame
        price = entry.priceMicros.map(LimitKind.Unit.money.wire)
        currency = entry.currency
    }
}
