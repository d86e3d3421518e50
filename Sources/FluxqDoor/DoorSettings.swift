import FluxqModel

extension Door {
    /// `door.*` of the configuration.
    package struct Settings: Hashable, Sendable {
        /// How long an answer that was not delivered, or an unknown outcome, belongs to the next identical request.
        package var adoptTime = Duration.seconds(3600)
        /// The longest time for which a request waits for its job.
        package var patience = Duration.seconds(280)
        /// The models that are called for names which clients send: an exact name, or a beginning followed by `*`.
        package var models: [String: String] = [:]

        package init() {}

        /// The model to call for a name that a client has sent; an exact name wins over a pattern, a longer pattern over
        /// a shorter one.
        package func model(for name: String) -> String {
            if let exact = models[name] { return exact }
            let fitting = models.filter { pattern, _ in
                pattern.hasSuffix("*") && name.hasPrefix(pattern.dropLast())
            }
            return fitting.max { $0.key.utf8.count < $1.key.utf8.count }?.value ?? name
        }
    }
}
