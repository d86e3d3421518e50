import FluxqControl
import FluxqModel
import FluxqStore
import HummingbirdCore

extension Routes {
    /// `GET /v1/models`: the available models, with fields and prices. The same for all users.
    func listModels(_ call: Call) async throws -> Response {
        try call.takesNoQuery()
        let settings = settings
        return try await perUserLock.take(call.caller.uid) {
            try Response(ModelList(settings.catalog, prices: settings.prices))
        }
    }
}

extension ModelList {
    fileprivate init(_ catalog: ModelCatalog, prices: [String: StorePolicy.Price]) {
        self.init(
            data: catalog.models.compactMap { model in
                // A model that several endpoints offer is called at the first of them.
                guard let lane = catalog.lane(for: model) else { return nil }
                let price = prices[model]
                return ModelDocument(
                    id: model, endpoint: lane.endpoint, isDefault: model == catalog.defaultModel,
                    price: price.map { LimitKind.Unit.money.wire($0.micros) }, currency: price?.currency,
                    fields: catalog.fields(of: model))
            })
    }
}
