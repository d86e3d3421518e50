/// The vendor's field names. One encoding serves the call, the database and the wire.
extension EditRequest: Codable {
    package enum CodingKeys: String, CodingKey, CaseIterable {
        case model, prompt, image, n, strength, seed, steps
        case guidanceScale = "guidance_scale"
        case negativePrompt = "negative_prompt"
        case responseFormat = "response_format"
    }

    /// Decodes a request that was validated before it was encoded; ranges are not checked again.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        model = try fields.decode(String.self, forKey: .model)
        prompt = try fields.decode(String.self, forKey: .prompt)
        image = try fields.decodeIfPresent(String.self, forKey: .image).map(Image.init(wire:))
        n = try fields.decodeIfPresent(Int.self, forKey: .n)
        strength = try fields.decodeIfPresent(Double.self, forKey: .strength)
        seed = try fields.decodeIfPresent(Int64.self, forKey: .seed)
        steps = try fields.decodeIfPresent(Int.self, forKey: .steps)
        guidanceScale = try fields.decodeIfPresent(Double.self, forKey: .guidanceScale)
        negativePrompt = try fields.decodeIfPresent(String.self, forKey: .negativePrompt)
        responseFormat = try fields.decodeIfPresent(ResponseFormat.self, forKey: .responseFormat)
        let all = try decoder.container(keyedBy: FieldName.self)
        parameters = try all.allKeys.reduce(into: [:]) { parameters, name in
            guard CodingKeys(rawValue: name.stringValue) == nil else { return }
            parameters[name.stringValue] = try all.decode(ParameterValue.self, forKey: name)
        }
    }

    /// Encodes the fields that are set; `image` as `sha256:…` or as the link.
    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(model, forKey: .model)
        try fields.encode(prompt, forKey: .prompt)
        try fields.encodeIfPresent(image?.wire, forKey: .image)
        try fields.encodeIfPresent(n, forKey: .n)
        try fields.encodeIfPresent(strength, forKey: .strength)
        try fields.encodeIfPresent(seed, forKey: .seed)
        try fields.encodeIfPresent(steps, forKey: .steps)
        try fields.encodeIfPresent(guidanceScale, forKey: .guidanceScale)
        try fields.encodeIfPresent(negativePrompt, forKey: .negativePrompt)
        try fields.encodeIfPresent(responseFormat, forKey: .responseFormat)
        var others = encoder.container(keyedBy: FieldName.self)
        for (name, value) in parameters { try others.encode(value, forKey: FieldName(name)) }
    }

    /// The name of any field, including the model's own.
    package struct FieldName: CodingKey {
        package let stringValue: String
        package var intValue: Int? { nil }

        package init(_ name: String) {
            stringValue = name
        }

        package init?(stringValue: String) {
            self.init(stringValue)
        }

        package init?(intValue: Int) {
            return nil
        }
    }
}

extension EditRequest.ResponseFormat: Codable {}

extension EditRequest.Image {
    /// Any text other than `sha256:<64 hex digits>` is treated as a link; validation checks whether it is one.
    package init(wire text: String) {
        self = ContentHash(wire: text).map(Self.content) ?? .link(text)
    }

    package var wire: String {
        switch self {
        case .content(let hash): hash.description
        case .link(let link): link
        }
    }
}
