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
        // Of an answer it says why it was cut off.
        message = entry.billing == .billed ? entry.message?.phrase : entry.message?.words
        answer = entry.imagesCame ?? 0 == 0 ? entry.excerpt : nil
        images = entry.imagesCame
        price = entry.priceMicros.map(LimitKind.Unit.money.wire)
        currency = entry.currency
    }
}
