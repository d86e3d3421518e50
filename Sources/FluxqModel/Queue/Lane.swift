/// An endpoint and a model. A job belongs to one lane from its submit on, and no lane delays another.
package struct Lane: Hashable, Sendable, CustomStringConvertible {
    /// The endpoint of a configuration that has only `api.*`.
    package static let defaultEndpoint = "default"

    /// A key of `endpoints`.
    package let endpoint: String
    /// The API's name of the model.
    package let model: String

    package init(endpoint: String, model: String) {
        self.endpoint = endpoint
        self.model = model
    }

    package var description: String { "\(endpoint)/\(model)" }
}

extension Lane: Comparable {
    package static func < (one: Lane, other: Lane) -> Bool {
        (one.endpoint, one.model) < (other.endpoint, other.model)
    }
}
