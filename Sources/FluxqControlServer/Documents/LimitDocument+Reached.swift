package import FluxqControl
package import FluxqModel

extension LimitDocument {
    package init(_ reached: LimitReached) {
        let unit = reached.kind.unit
        self.init(
            name: reached.kind.rawValue, limit: unit.wire(reached.limit), used: unit.wire(reached.used),
            onTheWay: reached.onTheWay > 0 ? unit.wire(reached.onTheWay) : nil, asked: unit.wire(reached.asked),
            currency: reached.currency, renewedAt: reached.freesAt.map(WireTime.init))
    }
}
