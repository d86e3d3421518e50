/// A field that requests to a model may have, with its allowed values.
package struct ModelField: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case text(maxBytes: Int)
        /// A picture's bytes, or a link to one.
        case picture
        case whole(ClosedRange<Int64>)
        case number(ClosedRange<Double>)
        case choice([String])
        /// A field of the model's own: a text, a number, or true or false.
        case any(maxBytes: Int)
    }

    /// The name in the request's JSON, such as `guidance_scale`.
    package let name: String
    package let kind: Kind
    package let isRequired: Bool

    package init(name: String, kind: Kind, isRequired: Bool = false) {
        self.name = name
        self.kind = kind
        self.isRequired = isRequired
    }
}

extension EditRequest.CodingKeys {
    /// The allowed values of the field.
    package var kind: ModelField.Kind {
        typealias Bounds = EditRequest.Bounds
        return switch self {
        case .model: .text(maxBytes: Bounds.modelBytes)
        case .prompt, .negativePrompt: .text(maxBytes: Bounds.promptBytes)
        case .image: .picture
        case .n: .whole(Int64(Bounds.n.lowerBound)...Int64(Bounds.n.upperBound))
        case .strength: .number(Bounds.strength)
        case .seed: .whole(Bounds.lowestSeed...Bounds.highestSeed)
        case .steps: .whole(Int64(Bounds.steps.lowerBound)...Int64(Bounds.steps.upperBound))
        case .guidanceScale: .number(Bounds.guidanceScale)
        case .responseFormat: .choice(EditRequest.ResponseFormat.allCases.map(\.rawValue))
        }
    }

    /// True if a model's rules may leave the field out of its requests (`omit`).
    package var mayBeOmitted: Bool { self != .prompt && self != .model }
}

extension ModelCatalog {
    /// The allowed fields of a request to the model: fluxq's own fields first, then the model's.
    package func fields(of model: String) -> [ModelField] {
        let rules = rules(for: model)
        return EditRequest.CodingKeys.allCases.filter { !rules.omit.contains($0.rawValue) }.map {
            ModelField(
                name: $0.rawValue, kind: $0.kind,
                isRequired: $0 == .prompt || $0 == .image && rules.requiresImage)
        } + rules.parameters.map { ModelField(name: $0, kind: .any(maxBytes: EditRequest.Bounds.parameterBytes)) }
    }
}
