package import FluxqModel

/// The rules by which the store moves jobs: configuration, and what only tests change.
package struct StorePolicy: Sendable {
    /// The price of one image of a model when a call of it is claimed.
    package struct Price: Hashable, Sendable {
        /// Millionths of the currency's unit.
        package var micros: Int64
        package var currency: String

        package init(micros: Int64, currency: String) {
            self.micros = micros
            self.currency = currency
        }
    }

    /// `workers.max_attempts`.
    package var maxAttempts = 5
    /// Between attempts that were answered with a server error.
    package var attemptBackoff = Backoff(base: .seconds(2), cap: .seconds(300))
    /// Between tries to fetch a link.
    package var downloadBackoff = Backoff(base: .seconds(2), cap: .seconds(3600))
    /// Between tries to fetch a link whose deadline has passed, and how many that its host answered without the picture
    /// decide that it is dead. The deadline alone does not: it may be the clock that is wrong.
    package var overdueBackoff = Backoff(base: .seconds(2), cap: .seconds(60))
    package var overdueTries = 4
    /// How long after its deadline a link is tried whose host cannot be reached: it may be the network here that is down.
    package var unreachableGrace = Duration.seconds(7 * 86_400)
    /// A canceled job waits no more for a link whose host has said for so long that it does not give the picture.
    package var goneAfterCancel = Duration.seconds(120)
    /// Whole bodies that are no picture and never the same: the last of so many is kept, and no more are asked for.
    package var unusableTries = 8
    package var pauses = LaneGate.Pauses()
    /// `prices` by model.
    package var prices: [String: Price] = [:]
    /// `retention`.
    package var retention = Retention()
    /// `limits`.
    package var limits = LimitRules()
    /// An input that no job has used for so long is removed.
    package var inputLifetime = Duration.seconds(24 * 3600)
    /// Events older than that are pruned.
    package var eventLifetime = Duration.seconds(30 * 24 * 3600)

    /// A job that this host keeps from being called, such as for an input that cannot be opened, is tried for so long before
    /// each further try counts as a failed attempt.
    package var localPatience = Duration.seconds(3600)

    /// What can be called, and where.
    package var catalog = ModelCatalog(
        endpoints: [.init(name: Lane.defaultEndpoint, models: [])], defaultModel: EditRequest.modelThatRequiresImage)

    package init() {}
}
