package import FluxqModel

/// The rules by which the store moves jobs: the configuration, and values that only tests change.
package struct StorePolicy: Sendable {
    /// The price of one image of a model at the time of a claim.
    package struct Price: Hashable, Sendable {
        /// In millionths of the currency's unit.
        package var micros: Int64
        package var currency: String

        package init(micros: Int64, currency: String) {
            self.micros = micros
            self.currency = currency
        }
    }

    /// `workers.max_attempts`.
    package var maxAttempts = 5
    /// The pause between attempts that ended with a server error.
    package var attemptBackoff = Backoff(base: .seconds(2), cap: .seconds(300))
    /// The pause between tries to fetch a link.
    package var downloadBackoff = Backoff(base: .seconds(2), cap: .seconds(3600))
    /// The pause between tries to fetch a link whose deadline has passed, and the number of answers without the picture
    /// after which the link counts as dead. The deadline alone does not decide, because the clock may be wrong.
    package var overdueBackoff = Backoff(base: .seconds(2), cap: .seconds(60))
    package var overdueTries = 4
    /// The time after its deadline for which a link with an unreachable host is tried, because the local network may be
    /// down.
    package var unreachableGrace = Duration.seconds(7 * 86_400)
    /// The time after which a canceled job stops waiting for a link whose host says that it does not give the picture.
    package var goneAfterCancel = Duration.seconds(120)
    /// The number of complete bodies that are no picture and all different after which the last one is kept, and no
    /// more are fetched.
    package var unusableTries = 8
    package var pauses = LaneGate.Pauses()
    /// `prices` by model.
    package var prices: [String: Price] = [:]
    /// `retention`.
    package var retention = Retention()
    /// `limits`.
    package var limits = LimitRules()
    /// The time after which an unused input is removed.
    package var inputLifetime = Duration.seconds(24 * 3600)
    /// The age at which events are pruned.
    package var eventLifetime = Duration.seconds(30 * 24 * 3600)

    /// The time for which a job is tried that this host cannot call, for example because its input cannot be opened.
    /// After that, each further try counts as a failed attempt.
    package var localPatience = Duration.seconds(3600)

    /// The models that can be called, and their endpoints.
    package var catalog = ModelCatalog(
        endpoints: [.init(name: Lane.defaultEndpoint, models: [])], defaultModel: EditRequest.modelThatRequiresImage)

    package init() {}
}
