/// One edit as it is sent to the images API: the vendor's fields (the vendor's page of flux-kontext-max, "Request Parameters"), checked.
///
/// A field that is nil is not sent. There is no way to make one but `EditRequest.Draft.validated(defaultModel:drawSeed:)`
/// and reading back what that made.
package struct EditRequest: Hashable, Sendable {
    package enum ResponseFormat: String, CaseIterable, Sendable {
        case url
        case b64JSON = "b64_json"
    }

    /// The picture to edit.
    package enum Image: Hashable, Sendable {
        /// Bytes in the archive; sent as a `data:` URI.
        case content(ContentHash)
        /// An http or https link; sent as it is.
        case link(String)
    }

    package let model: String
    package let prompt: String
    package let image: Image?
    package let n: Int?
    package let strength: Double?
    /// Drawn by fluxq where the user set none, so that the result can be asked for again; −1 leaves the draw to the API.
    package let seed: Int64
    package let steps: Int?
    package let guidanceScale: Double?
    package let negativePrompt: String?
    package let responseFormat: ResponseFormat

    /// How many pictures the request asks for.
    package var imagesWanted: Int { n ?? 1 }
}

extension EditRequest {
    /// What a user asked for, before anything is checked. `image` is still text unless it came as bytes.
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

        package init() {}
    }

    /// One field that cannot be sent, and what it may be.
    package struct FieldError: Error, Hashable, Sendable, CustomStringConvertible {
        /// The vendor's name of the field, such as `guidance_scale`.
        package let field: String
        /// What it must be and what it was: "must be a whole number from 1 to 4, but is 9".
        package let problem: String

        package init(field: String, problem: String) {
            self.field = field
            self.problem = problem
        }

        package var description: String { "\(field) \(problem)" }
    }

    /// The vendor's ranges, and fluxq's own bounds where the vendor gives none.
    package enum Bounds {
        package static let n = 1...4
        package static let strength = 0.0...1.0
        package static let steps = 1...50
        package static let guidanceScale = 1.0...10.0
        package static let lowestSeed: Int64 = -1
        /// The vendor gives no upper end; every known server of this model takes 32 bits.
        package static let highestSeed: Int64 = 4_294_967_295
        package static let promptBytes = 32_768
        package static let modelBytes = 200
        package static let linkBytes = 8_192
        /// Seeds that fluxq draws fit a signed 32-bit integer, the narrowest that servers are known to use.
        package static let drawnSeeds: ClosedRange<Int64> = 0...2_147_483_647
    }

    /// The vendor requires `image` for its own model only.
    package static let modelThatRequiresImage = "black-forest-labs/flux-kontext-max"
}

extension EditRequest.Draft {
    /// Checks every field and fills in what fluxq always sends.
    ///
    /// - Parameters:
    ///   - defaultModel: `api.model`, where the draft names none.
    ///   - drawSeed: called once where the draft has no seed; returns one of `Bounds.drawnSeeds`.
    /// - Returns: the request, or every field that is wrong, in the vendor's order.
    package func validated(
        defaultModel: String, drawSeed: () -> Int64
    ) -> Result<EditRequest, EditRequest.Invalid> {
        typealias Bounds = EditRequest.Bounds
        var wrong: [EditRequest.FieldError] = []
        func check(_ field: String, _ holds: Bool, _ problem: @autoclosure () -> String) {
            if !holds { wrong.append(.init(field: field, problem: problem())) }
        }

        let prompt = prompt ?? ""
        check("prompt", prompt.contains { !$0.isWhitespace }, "must say what to do with the picture, but is empty")
        check(
            "prompt", prompt.utf8.count <= Bounds.promptBytes,
            "must be at most \(Bounds.promptBytes) bytes, but is \(prompt.utf8.count)")
        check("prompt", !Self.hasControlCharacters(prompt), "must not contain control characters but tab and new line")

        let model = model ?? defaultModel
        check("model", !model.isEmpty, "must name a model, but is empty")
        check(
            "model", model.utf8.count <= Bounds.modelBytes,
            "must be at most \(Bounds.modelBytes) bytes, but is \(model.utf8.count)")
        check("model", !model.utf8.contains { $0 < 0x20 }, "must not contain control characters")

        switch image {
        case .content: break
        case .link(let link):
            check(
                "image", link.utf8.count <= Bounds.linkBytes,
                "must be a link of at most \(Bounds.linkBytes) bytes, but has \(link.utf8.count)")
            check(
                "image", Self.isWebLink(link),
                "must be a picture file, a data: URI, or a link that begins with http:// or https:// and names a host")
        case nil:
            check(
                "image", model != EditRequest.modelThatRequiresImage,
                "is required by \(EditRequest.modelThatRequiresImage): give the picture to edit")
        }

        if let n { check("n", Bounds.n.contains(n), "must be a whole number from 1 to 4, but is \(n)") }
        if let strength {
            check("strength", Bounds.strength.contains(strength), "must be a number from 0 to 1, but is \(strength)")
        }
        if let seed {
            check(
                "seed", (Bounds.lowestSeed...Bounds.highestSeed).contains(seed),
                "must be a whole number from -1 to \(Bounds.highestSeed), but is \(seed)")
        }
        if let steps {
            check("steps", Bounds.steps.contains(steps), "must be a whole number from 1 to 50, but is \(steps)")
        }
        if let guidanceScale {
            check(
                "guidance_scale", Bounds.guidanceScale.contains(guidanceScale),
                "must be a number from 1 to 10, but is \(guidanceScale)")
        }
        if let negativePrompt {
            check(
                "negative_prompt", negativePrompt.utf8.count <= Bounds.promptBytes,
                "must be at most \(Bounds.promptBytes) bytes, but is \(negativePrompt.utf8.count)")
            check(
                "negative_prompt", !Self.hasControlCharacters(negativePrompt),
                "must not contain control characters but tab and new line")
        }

        guard wrong.isEmpty else { return .failure(.init(fields: wrong)) }
        return .success(
            EditRequest(
                model: model, prompt: prompt, image: image, n: n, strength: strength, seed: seed ?? drawSeed(),
                steps: steps, guidanceScale: guidanceScale, negativePrompt: negativePrompt,
                responseFormat: responseFormat ?? .url))
    }

    /// Text of several lines is fine; what a terminal or a log would act on is not.
    private static func hasControlCharacters(_ text: String) -> Bool {
        text.utf8.contains { ($0 < 0x20 && ![0x09, 0x0A, 0x0D].contains($0)) || $0 == 0x7F }
    }

    /// An http or https link with a host and nothing that would end a header line; what lies behind it is the API's business.
    private static func isWebLink(_ link: String) -> Bool {
        let lowered = link.lowercased()
        guard let scheme = ["https://", "http://"].first(where: lowered.hasPrefix) else { return false }
        let host = link.dropFirst(scheme.count).prefix { !"/?#".contains($0) }
        return !host.isEmpty && !link.utf8.contains { $0 <= 0x20 || $0 == 0x7F }
    }
}

extension EditRequest {
    /// Every field of a draft that cannot be sent. Never empty.
    package struct Invalid: Error, Hashable, Sendable, CustomStringConvertible {
        package let fields: [FieldError]

        package init(fields: [FieldError]) {
            self.fields = fields
        }

        package var description: String { fields.map(\.description).joined(separator: "; ") }
    }
}
