/// The models that users can ask for, and the endpoint that each is called at (`endpoints` and `models` of the
/// configuration).
package struct ModelCatalog: Hashable, Sendable {
    package struct Endpoint: Hashable, Sendable {
        package var name: String
        /// The models it offers, in the order of the configuration; empty for every model.
        package var models: [String]
        /// Calls in flight at most, of all its lanes together.
        package var concurrency: Int
        /// Calls begun a minute at most, of all its lanes together; nil for as many as `concurrency` allows.
        package var ratePerMinute: Int?

        package init(name: String, models: [String], concurrency: Int = 4, ratePerMinute: Int? = nil) {
            self.name = name
            self.models = models
            self.concurrency = concurrency
            self.ratePerMinute = ratePerMinute
        }

        package func offers(_ model: String) -> Bool { models.isEmpty || models.contains(model) }
    }

    /// What differs between models.
    package struct Rules: Hashable, Sendable {
        /// Whether a request without a picture is refused.
        package var requiresImage: Bool
        /// Fields of fluxq's own that are not sent, because the model's API refuses them.
        package var omit: Set<String>
        /// Fields of the model's own that users may set and that are sent as they are.
        package var parameters: [String]

        package init(requiresImage: Bool = false, omit: Set<String> = [], parameters: [String] = []) {
            self.requiresImage = requiresImage
            self.omit = omit
            self.parameters = parameters
        }

        /// Of a model of which the configuration says nothing.
        package static func usual(for model: String) -> Rules {
            Rules(requiresImage: model == EditRequest.modelThatRequiresImage)
        }
    }

    /// In the order of the configuration. Never empty.
    package var endpoints: [Endpoint]
    /// By model; a model without an entry has the rules that its vendor documents, or the default ones.
    package var rules: [String: Rules]
    /// Of a request that names none (`api.model`).
    package var defaultModel: String

    package init(endpoints: [Endpoint], rules: [String: Rules] = [:], defaultModel: String) {
        self.endpoints = endpoints
        self.rules = rules
        self.defaultModel = defaultModel
    }

    /// One endpoint, of the name that a configuration of `api.*` alone gives it. The first model is the default one.
    ///
    /// - Parameter models: never empty.
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

    /// Where jobs of a lane are called now: the lane itself if it is still configured, else the first endpoint that offers
    /// its model; nil if none does.
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
