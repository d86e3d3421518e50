import FluxqModel

extension Configuration {
    /// Every API that is called: `endpoints`, or the one of `api`. That one offers the default model, the models with a
    /// price and those with rules.
    var everyEndpoint: [Endpoint] {
        guard endpoints.isEmpty else { return endpoints }
        let others = Set(prices.microsPerImage.keys).union(models.keys).subtracting([api.model])
        return [
            Endpoint(
                name: Lane.defaultEndpoint, baseURL: api.baseURL, keyFile: api.keyFile,
                models: [api.model] + others.sorted())
        ]
    }

    /// The available models and their endpoints.
    var catalog: ModelCatalog {
        ModelCatalog(
            endpoints: everyEndpoint.map { endpoint in
                .init(
                    name: endpoint.name, models: endpoint.models,
                    concurrency: endpoint.concurrency ?? workers.concurrency,
                    ratePerMinute: endpoint.ratePerMinute ?? workers.ratePerMinute)
            },
            rules: models.reduce(into: [:]) { rules, model in
                var rule = ModelCatalog.Rules.usual(for: model.key)
                if let requiresImage = model.value.requiresImage { rule.requiresImage = requiresImage }
                rule.omit = model.value.omit
                rule.parameters = model.value.parameters
                rules[model.key] = rule
            },
            defaultModel: api.model)
    }

    /// The default model if the configuration names none: the vendor's model if it is offered, otherwise the first.
    var usualModel: String {
        let offered = endpoints.flatMap(\.models)
        let vendors = EditRequest.modelThatRequiresImage
        return offered.isEmpty || offered.contains(vendors) ? vendors : offered[0]
    }
}
