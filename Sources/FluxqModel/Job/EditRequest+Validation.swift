extension EditRequest.Draft {
    /// Checks every field, and adds the fields that fluxq always sends to a model that accepts them.
    ///
    /// - Parameters:
    /// - catalog: the models, and the fields that each accepts.
    ///   - drawSeed: called once if the draft has no seed and the model accepts one; returns one of
    ///     `Bounds.drawnSeeds`.
    /// - Returns: the request, or all invalid fields in the vendor's order; the model's own fields come last.
    package func validated(
        by catalog: ModelCatalog, drawSeed: () -> Int64
    ) -> Result<EditRequest, EditRequest.Invalid> {
        typealias Bounds = EditRequest.Bounds
        var wrong: [EditRequest.FieldError] = []
        func check(_ field: String, _ holds: Bool, _ problem: @autoclosure () -> String) {
            if !holds { wrong.append(.init(field: field, problem: problem())) }
        }
        func check(_ field: String, by rule: TextRule, _ text: String) {
            if let problem = rule.problem(of: text) { wrong.append(.init(field: field, problem: problem)) }
        }

        let prompt = prompt ?? ""
        check("prompt", prompt.contains { !$0.isWhitespace }, "must say what to do with the picture, but is empty")
        check(
            "prompt", prompt.utf8.count <= Bounds.promptBytes,
            "must be at most \(Bounds.promptBytes) bytes, but is \(prompt.utf8.count)")
        check("prompt", by: .lines, prompt)

        let model = model ?? catalog.defaultModel
        check("model", !model.isEmpty, "must name a model, but is empty")
        check(
            "model", model.utf8.count <= Bounds.modelBytes,
            "must be at most \(Bounds.modelBytes) bytes, but is \(model.utf8.count)")
        check("model", by: .oneLine, model)
        // The other checks depend on the model.
        if !wrong.contains(where: { $0.field == "model" }), catalog.lane(for: model) == nil {
            return .failure(.init(unknownModel: .init(name: model, offered: catalog.models)))
        }
        let rules = catalog.rules(for: model)
        wrong += problemsOfImage(model: model, isRequired: rules.requiresImage)
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
            check("negative_prompt", by: .lines, negativePrompt)
        }
        // A field that is not sent must not be accepted: the user would expect a different picture.
        for field in EditRequest.CodingKeys.allCases where rules.omit.contains(field.rawValue) && isSet(field) {
            wrong.removeAll { $0.field == field.rawValue }
            wrong.append(.init(field: field.rawValue, problem: "is not a field that \(model) takes. Leave it out"))
        }
        wrong += problemsOfParameters(model: model, catalog)

        guard wrong.isEmpty else { return .failure(.init(fields: wrong)) }
        let takesSeed = !rules.omit.contains(EditRequest.CodingKeys.seed.rawValue)
        let takesFormat = !rules.omit.contains(EditRequest.CodingKeys.responseFormat.rawValue)
        return .success(
            EditRequest(
                model: model, prompt: prompt, image: image, n: n, strength: strength,
                seed: takesSeed ? seed ?? drawSeed() : nil, steps: steps, guidanceScale: guidanceScale,
                negativePrompt: negativePrompt, responseFormat: takesFormat ? responseFormat ?? .url : nil,
                parameters: parameters))
    }

    private func isSet(_ field: EditRequest.CodingKeys) -> Bool {
        switch field {
        case .model: model != nil
        case .prompt: prompt != nil
        case .image: image != nil
        case .n: n != nil
        case .strength: strength != nil
        case .seed: seed != nil
        case .steps: steps != nil
        case .guidanceScale: guidanceScale != nil
        case .negativePrompt: negativePrompt != nil
        case .responseFormat: responseFormat != nil
        }
    }

    private func problemsOfImage(model: String, isRequired: Bool) -> [EditRequest.FieldError] {
        var problems: [String] = []
        switch image {
        case .content: break
        case .link(let link):
            if link.utf8.count > EditRequest.Bounds.linkBytes {
                problems.append(
                    "must be a link of at most \(EditRequest.Bounds.linkBytes) bytes, but has \(link.utf8.count)")
            }
            if !Self.isWebLink(link) {
                problems.append(
                    "must be a picture file, a data: URI, or a link that begins with http:// or https:// and names a host"
                )
            }
        case nil:
            if isRequired { problems.append("is required by \(model): give the picture to edit") }
        }
        return problems.map { .init(field: "image", problem: $0) }
    }

    /// The maximum number of unknown fields that are named; a request with more is something else entirely.
    private static let mostUnknown = 10

    private func problemsOfParameters(model: String, _ catalog: ModelCatalog) -> [EditRequest.FieldError] {
        var problems: [EditRequest.FieldError] = []
        let allowed = catalog.rules(for: model).parameters
        let unknown = parameters.keys.filter { !allowed.contains($0) }.sorted()
        for name in unknown.prefix(Self.mostUnknown) {
            let taken = catalog.fields(of: model).map(\.name).joined(separator: ", ")
            problems.append(.init(field: name, problem: "is not a field that \(model) takes: it takes \(taken)"))
        }
        if unknown.count > Self.mostUnknown {
            let rest = unknown.count - Self.mostUnknown
            problems.append(.init(field: "…", problem: "and \(rest) more fields that \(model) does not take"))
        }
        for (name, value) in parameters.sorted(by: { $0.key < $1.key }) where allowed.contains(name) {
            if let problem = Self.problem(of: value) { problems.append(.init(field: name, problem: problem)) }
        }
        return problems
    }

    private static func problem(of value: EditRequest.ParameterValue) -> String? {
        switch value {
        case .text(let text):
            if text.utf8.count > EditRequest.Bounds.parameterBytes {
                return "must be at most \(EditRequest.Bounds.parameterBytes) bytes, but is \(text.utf8.count)"
            }
            return TextRule.lines.problem(of: text)
        case .number(let number):
            // A whole number beyond 64 bits would be sent as a different number.
            return number.isFinite && number.magnitude < 0x1p63 ? nil : "must be a number of at most 64 bits"
        case .integer, .truth: return nil
        }
    }

    /// True for an http or https link with a host and no character that would end a header line. The rest is up to the
    /// API.
    private static func isWebLink(_ link: String) -> Bool {
        let lowered = link.lowercased()
        guard let scheme = ["https://", "http://"].first(where: lowered.hasPrefix) else { return false }
        let host = link.dropFirst(scheme.count).prefix { !"/?#".contains($0) }
        return !host.isEmpty && !link.utf8.contains(0x20) && TextRule.oneLine.problem(of: link) == nil
    }
}

extension EditRequest {
    /// The reason why a draft cannot be sent.
    package struct Invalid: Error, Hashable, Sendable, CustomStringConvertible {
        /// A model that no endpoint offers.
        package struct UnknownModel: Hashable, Sendable {
            package let name: String
            /// The models that can be requested, in the order of the configuration.
            package let offered: [String]
        }

        /// All invalid fields. Never empty.
        package let fields: [FieldError]
        /// If this is set, nothing else was checked: the allowed fields depend on the model.
        package let unknownModel: UnknownModel?

        package init(fields: [FieldError]) {
            self.fields = fields
            unknownModel = nil
        }

        fileprivate init(unknownModel: UnknownModel) {
            fields = [
                .init(
                    field: "model",
                    problem: "must be one of \(unknownModel.offered.joined(separator: ", ")), "
                        + "but is \(unknownModel.name)")
            ]
            self.unknownModel = unknownModel
        }

        package var description: String { fields.map(\.description).joined(separator: "; ") }
    }
}
