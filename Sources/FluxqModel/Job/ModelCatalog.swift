/// The models that users can request, and the endpoint at which each is called (`endpoints` and `models` of the
/// configuration).
package struct ModelCatalog: Hashable, Sendable {
    package struct Endpoint: Hashable, Sendable {
        package var name: String
        /// The models it offers, in the order of the configuration; empty for every model.
        package var models: [String]
        /// The maximum number of calls in flight, over all its lanes.
        package var concurrency: Int
        /// The maximum number of calls that begin per minute, over all its lanes; nil for as many as `concurrency`
        /// allows.
        package var ratePerMinute: Int?

        package init(name: String, models: [String], concurrency: Int = 4, ratePerMinute: Int? = nil) {
            self.name = name
            self.models = models
            self.concurrency = concurrency
            self.ratePerMinute = ratePerMinute
        }

        package func offers(_ model: String) -> Bool { models.isEmpty || models.contains(model) }
    }

    /// The differences between models.
    package struct Rules: Hashable, Sendable {
        /// True if a request without a picture is refused.
        package var requiresImage: Bool
        /// Fields of fluxq's own that are not sent, because the model's API rejects them.
        package var omit: Set<String>
        /// Fields of the model's own that users may set and that are sent unchanged.
        package var parameters: [String]

        package init(requiresImage: Bool = false, omit: Set<String> = [], parameters: [String] = []) {
            self.requiresImage = requiresImage
            self.omit = omit
            self.parameters = parameters
        }

        /// The rules of a model that is not in the configuration.
        package static func usual(for model: String) -> Rules {
            Rules(requiresImage: model == EditRequest.modelThatRequiresImage)
        }
    }

    /// In the order of the configuration. Never empty.
    package var endpoints: [Endpoint]
    /// The rules by model; a model without an entry has the rules that its vendor documents, or the default ones.
    package var rules: [String: Rules]
    /// The model of a request that names none (`api.model`).
    package var defaultModel: String

    package init(endpoints: [Endpoint], rules: [String: Rules] = [:], defaultModel: String) {
        self.endpoints = endpoints
        self.rules = rules
        self.defaultModel = defaultModel
    }

    /// Creates a catalog with one endpoint, named as in a configuration with only `api.*`. The first model is the
    /// default.
    ///
    /// - Parameter models: must not be empty.
    package init(offering models: [String], rules: [String: Rules] = [:]) {
        self.init(
            endpoints: [.init(name: Lane.defaultEndpoint, models: models)], rules: rules, defaultModel: models[0])
    }

    /// All offered models, in the order of the configuration, each once.
    package var models: [String] {
        var seen: Set<String> = []
        return endpoints.flatMap(\.models).filter { seen.insert($0).inserted }
    }

    /// Every lane, in the order of the configuration.
    package var lanes: [Lane] {
        endpoints.flatMap { endpoint in endpoint.models.map { Lane(endpoint: endpoint.name, model: $0) } }
    }

    /// The lane of a new job: the first endpoint that offers the model; nil if none does.
    package func lane(for model: String) -> Lane? {
        endpoints.first { $0.offers(model) }.map { Lane(endpoint: $0.name, model: model) }
    }

    /// The lane on which jobs of this lane are called now: the lane itself if it is still configured, otherwise that of
    /// the first endpoint that offers its model; nil if none does.
    package func home(of lane: Lane) -> Lane? {
        if let endpoint = endpoint(lane.endpoint), endpoint.offers(lane.model) { return lane }
        return self.lane(for: lane.model)
    }

    package func endpoint(_ name: String) -> Endpoint? {
        endpoints.first { $0.name == name }
    }

    package func rules(for model: String) -> Rules {
        rules[model] ?? .usual(for: model)
    }
}
