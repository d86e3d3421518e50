package import FluxqControl
package import FluxqModel
package import FluxqStore

extension ModelList {
    package init(_ catalog: ModelCatalog, prices: [String: StorePolicy.Price]) {
        self.init(
            data: catalog.models.compactMap { model in
                // A model that several endpoints offer is called at the first of them.
                guard let lane = catalog.lane(for: model) else { return nil }
                let price = prices[model]
                return ModelDocument(
                    id: model, endpoint: lane.endpoint, isDefault: model == catalog.defaultModel,
                    price: price.map { LimitKind.Unit.money.wire($0.micros) }, currency: price?.currency,
                    fields: catalog.fields(of: model).map(ModelDocument.Field.init))
            })
    }
}

extension ModelDocument.Field {
    package init(_ field: ModelField) {
        self.init(name: field.name, type: "string", required: field.isRequired)
        switch field.kind {
        case .text(let bytes): maxBytes = bytes
        case .picture: break
        case .whole(let range):
            type = "integer"
            (minimum, maximum) = (Double(range.lowerBound), Double(range.upperBound))
        case .number(let range):
            type = "number"
            (minimum, maximum) = (range.lowerBound, range.upperBound)
        case .choice(let choices): values = choices
        case .any(let bytes):
            type = "any"
            maxBytes = bytes
        }
    }
}
