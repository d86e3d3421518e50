/// A validated edit with the fields that are sent to the images API: the vendor's (docs/images-api.md, "The request").
///
/// A field that is nil is not sent. Instances come only from `EditRequest.Draft.validated(by:drawSeed:)` or from
/// decoding one of these.
package struct EditRequest: Hashable, Sendable {
    package enum ResponseFormat: String, CaseIterable, Sendable {
        case url
        case b64JSON = "b64_json"
    }

    /// The picture to edit.
    package enum Image: Hashable, Sendable {
        /// Bytes in the archive; sent as a `data:` URI.
        case content(ContentHash)
        /// An http or https link; sent unchanged.
        case link(String)
    }

    package let model: String
    package let prompt: String
    package let image: Image?
    package let n: Int?
    package let strength: Double?
    /// Drawn by fluxq if the user set none, so that the result can be reproduced; −1 leaves the draw to the API. nil if
    /// the model's API has no seed.
    package let seed: Int64?
    package let steps: Int?
    package let guidanceScale: Double?
    package let negativePrompt: String?
    /// nil if the model's API has no such field.
    package let responseFormat: ResponseFormat?
    /// Fields of the model's own (`ModelCatalog.Rules.parameters`), sent unchanged.
    package let parameters: [String: ParameterValue]

    /// The number of pictures that the request asks for.
    package var imagesWanted: Int { n ?? 1 }
}

extension EditRequest {
    /// A user's request before validation. `image` is still text unless it came as bytes.
    package struct Draft: Hashable, Sendable {
        package var model: String?
        package var prompt: String?
        package var image: Image?
        package var n: Int?
        package var strength: Double?
        package var seed: Int64?
        package var steps: Int?
        package var guidanceScale: Double?
        package var negativePrompt: String?
        package var responseFormat: ResponseFormat?
        /// Every other field, by name; which of them may be sent depends on the model.
        package var parameters: [String: ParameterValue] = [:]

        package init() {}
    }

    /// An invalid field, with its allowed values.
    package struct FieldError: Error, Hashable, Sendable, CustomStringConvertible {
        /// The vendor's name of the field, such as `guidance_scale`.
        package let field: String
        /// The requirement and the actual value: "must be a whole number from 1 to 4, but is 9".
        package let problem: String

        package init(field: String, problem: String) {
            self.field = field
            self.problem = problem
        }

        package var description: String { "\(field) \(problem)" }
    }

    /// The vendor's ranges, and fluxq's own bounds if the vendor gives none.
    package enum Bounds {
        package static let n = 1...4
        package static let strength = 0.0...1.0
        package static let steps = 1...50
        package static let guidanceScale = 1.0...10.0
        package static let lowestSeed: Int64 = -1
        /// The vendor gives no upper end; every known server of this model accepts 32 bits.
        package static let highestSeed: Int64 = 4_294_967_295
        package static let promptBytes = 32_768
        package static let modelBytes = 200
        package static let linkBytes = 8_192
        /// The size of a name of a model's own field, and of its value if that is a text.
        package static let parameterNameBytes = 64
        package static let parameterBytes = 4_096
        /// Seeds that fluxq draws fit a signed 32-bit integer, the narrowest that servers are known to use.
        package static let drawnSeeds: ClosedRange<Int64> = 0...2_147_483_647
    }

    /// The vendor requires `image` for its own model only.
    package static let modelThatRequiresImage = "black-forest-labs/flux-kontext-max"
}
