package import FluxqControl
package import FluxqModel
import FluxqStore

extension UsageDocument {
    init(_ usage: OwnerUsage) {
        self.init(
            owner: usage.owner, limits: usage.limits, use: usage.use, currency: usage.currency,
            money: usage.money.map { .init(currency: $0.currency, today: Tally($0.today), month: Tally($0.month)) },
            dayEnds: usage.dayEnds, monthEnds: usage.monthEnds)
    }

    /// - Parameters:
    ///   - dayEnds: and `monthEnds`: when what counts by the calendar is renewed.
    package init(
        owner: User, limits: UserLimits, use: UserUse, currency: String?, money: [Money] = [], dayEnds: Timestamp,
        monthEnds: Timestamp
    ) {
        var all: [String: Limit] = [:]
        for kind in LimitKind.allCases {
            let value = kind.unit.wire
            let adds = kind != .inputBytes
            let renewedAt: Timestamp? =
                switch kind.period {
                case .day: dayEnds
                case .month: monthEnds
                case nil: nil
                }
            all[kind.rawValue] = Limit(
                limit: limits[kind].map(value), used: adds ? value(use[kind]) : nil,
                left: adds ? limits[kind].map { value(max($0 - use[kind], 0)) } : nil,
                renewedAt: renewedAt.map(WireTime.init))
        }
        self.init(
            owner: owner.name, uid: owner.uid, weight: limits.weight, currency: currency, money: money,
            imagesToday: use.today.images, today: Tally(use.today), month: Tally(use.month), limits: all)
    }
}

extension UsageDocument.Tally {
    package init(_ tally: UserUse.Tally) {
        let money = LimitKind.Unit.money
        self.init(
            images: tally.images, imagesReserved: tally.reservedImages, imagesUnknown: tally.unknownImages,
            spent: money.wire(tally.spent), spendReserved: money.wire(tally.reserved),
            spendUnknown: money.wire(tally.unknown))
    }
}
