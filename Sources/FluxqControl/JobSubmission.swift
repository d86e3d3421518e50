package import FluxqFormats
package import FluxqModel
import FoundationEssentials

/// The body of `POST /v1/jobs`: the API's own fields, and what fluxq takes beside them.
package struct JobSubmission: Hashable, Sendable {
    package var request: EditRequest.Draft
    package var options: Options

    package struct Options: Hashable, Sendable {
        /// −100 to 100, 0 if absent.
        package var priority: Int?
        package var label: String?
        package var notBefore: WireTime?
        package var onUnknown: OnUnknown?
        /// The same key with the same body returns the same job.
        package var key: String?

        package init(
            priority: Int? = nil, label: String? = nil, notBefore: WireTime? = nil, onUnknown: OnUnknown? = nil,
            key: String? = nil
        ) {
            self.priority = priority
            self.label = label
            self.notBefore = notBefore
            self.onUnknown = onUnknown
            self.key = key
        }
    }

    package init(request: EditRequest.Draft, options: Options = .init()) {
        self.request = request
        self.options = options
    }
}

extension JobSubmission {
    /// Reads a submission from JSON, or says every field that is unknown or of the wrong type.
    /// Ranges of the request's fields are the business of `EditRequest.Draft.validated`.
    package init(json: JSONValue) throws(EditRequest.Invalid) {
        let (submission, wrong) = Self.reading(json)
        guard wrong.isEmpty else { throw .init(fields: wrong) }
        self = submission
    }

    /// Reads what can be read from JSON, and says every field that is unknown or of the wrong type; that one is absent. Which
    /// further fields `request` may have depends on its model: those that could be sent become `parameters`.
    package static func reading(_ json: JSONValue) -> (submission: JobSubmission, wrong: [EditRequest.FieldError]) {
        var reader = FieldReader(path: "")
        guard case .object(let members) = json else {
            let problem = "must be a JSON object, but is \(json.kind)"
            return (JobSubmission(request: .init()), [.init(field: "body", problem: problem)])
        }
        reader.known(["request", "options"], in: members)
        let request = reader.object("request", of: members)
        if request == nil, members["request"] == nil {
            reader.wrong.append(.init(field: "request", problem: "is missing: it holds the API's fields"))
        }
        let options = reader.object("options", of: members)

        var draft = EditRequest.Draft()
        if let request {
            var fields = FieldReader(path: "")
            draft.model = fields.string("model", of: request)
            draft.prompt = fields.string("prompt", of: request)
            draft.image = fields.string("image", of: request).map(EditRequest.Image.init(wire:))
            draft.n = fields.integer("n", of: request)
            draft.strength = fields.number("strength", of: request)
            draft.seed = fields.integer("seed", of: request)
            draft.steps = fields.integer("steps", of: request)
            draft.guidanceScale = fields.number("guidance_scale", of: request)
            draft.negativePrompt = fields.string("negative_prompt", of: request)
            draft.responseFormat = fields.choice("response_format", of: request)
            draft.parameters = fields.parameters(of: request)
            reader.wrong += fields.wrong
        }
        var chosen = Options()
        if let options {
            var fields = FieldReader(path: "options.")
            fields.known(["priority", "label", "not_before", "on_unknown", "key"], in: options)
            chosen.priority = fields.integer("priority", of: options)
            fields.check("priority", chosen.priority.map(Job.Bounds.priority.contains), "must be from -100 to 100")
            chosen.label = fields.text("label", of: options, maxBytes: Job.Bounds.labelBytes)
            chosen.notBefore = fields.time("not_before", of: options)
            chosen.onUnknown = fields.choice("on_unknown", of: options)
            chosen.key = fields.text("key", of: options, maxBytes: Job.Bounds.keyBytes)
            reader.wrong += fields.wrong
        }
        return (JobSubmission(request: draft, options: chosen), reader.wrong)
    }
}

/// Takes typed members out of a JSON object and collects every one that is not what it must be.
private struct FieldReader {
    let path: String
    var wrong: [EditRequest.FieldError] = []

    init(path: String) {
        self.path = path
    }

    /// Unknown members that are named; somebody who sends more sends something else.
    private static let mostUnknown = 10

    mutating func known(_ names: [String], in members: [String: JSONValue]) {
        let unknown = members.keys.filter { !names.contains($0) }.sorted()
        for name in unknown.prefix(Self.mostUnknown) {
            fail(name, "is not a field that fluxq knows: it takes \(names.joined(separator: ", "))")
        }
        if unknown.count > Self.mostUnknown {
            fail("…", "and \(unknown.count - Self.mostUnknown) more fields that fluxq does not know")
        }
    }

    mutating func fail(_ name: String, _ problem: String) {
        wrong.append(.init(field: path + name, problem: problem))
    }

    /// nothing to check where the field is absent.
    mutating func check(_ name: String, _ holds: Bool?, _ problem: String) {
        if holds == false { fail(name, problem) }
    }

    /// The member, with null the same as absent; where it is of another kind, says so.
    private mutating func take<Value>(
        _ name: String, of members: [String: JSONValue], _ wanted: String, _ read: (JSONValue) -> Value?
    ) -> Value? {
        guard let member = members[name], member != .null else { return nil }
        guard let value = read(member) else {
            fail(name, "must be \(wanted), but is \(member.kind)")
            return nil
        }
        return value
    }

    /// The members that are no fields of fluxq's own.
    mutating func parameters(of members: [String: JSONValue]) -> [String: EditRequest.ParameterValue] {
        let others = members.filter { EditRequest.CodingKeys(rawValue: $0.key) == nil }
        let nested = others.filter { $0.value != .null && EditRequest.ParameterValue($0.value) == nil }
        for (name, value) in nested.sorted(by: { $0.key < $1.key }).prefix(Self.mostUnknown) {
            fail(name, "must be a text, a number, or true or false, but is \(value.kind)")
        }
        if nested.count > Self.mostUnknown {
            fail("…", "and \(nested.count - Self.mostUnknown) more fields that are lists or objects")
        }
        return others.compactMapValues { EditRequest.ParameterValue($0) }
    }

    mutating func object(_ name: String, of members: [String: JSONValue]) -> [String: JSONValue]? {
        take(name, of: members, "an object") { if case .object(let object) = $0 { object } else { nil } }
    }

    mutating func string(_ name: String, of members: [String: JSONValue]) -> String? {
        take(name, of: members, "a string", \.string)
    }

    mutating func number(_ name: String, of members: [String: JSONValue]) -> Double? {
        take(name, of: members, "a number", \.double)
    }

    mutating func integer<Integer: FixedWidthInteger>(_ name: String, of members: [String: JSONValue]) -> Integer? {
        take(name, of: members, "a whole number") { $0.integer.flatMap(Integer.init(exactly:)) }
    }

    mutating func time(_ name: String, of members: [String: JSONValue]) -> WireTime? {
        take(name, of: members, "an ISO 8601 time with a zone, such as 2026-11-22T10:00:00Z") {
            $0.string.flatMap(WireTime.init(_:))
        }
    }

    mutating func choice<Choice: CaseIterable & RawRepresentable<String>>(
        _ name: String, of members: [String: JSONValue]
    ) -> Choice? {
        take(name, of: members, Choice.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: " or ")) {
            $0.string.flatMap(Choice.init(rawValue:))
        }
    }

    /// A short text for people: not empty, bounded, on one line.
    mutating func text(_ name: String, of members: [String: JSONValue], maxBytes: Int) -> String? {
        guard let text = string(name, of: members) else { return nil }
        check(name, !text.isEmpty, "must not be empty")
        check(name, text.utf8.count <= maxBytes, "must be at most \(maxBytes) bytes, but is \(text.utf8.count)")
        if let problem = TextRule.oneLine.problem(of: text) { fail(name, problem) }
        return text
    }
}

extension JobSubmission: Encodable {
    private enum CodingKeys: String, CodingKey { case request, options }

    private enum OptionKeys: String, CodingKey {
        case priority, label
        case notBefore = "not_before"
        case onUnknown = "on_unknown"
        case key
    }

    /// Writes the fields that are set.
    package func encode(to encoder: any Encoder) throws {
        var body = encoder.container(keyedBy: CodingKeys.self)
        var fields = body.nestedContainer(keyedBy: EditRequest.CodingKeys.self, forKey: .request)
        try fields.encodeIfPresent(request.model, forKey: .model)
        try fields.encodeIfPresent(request.prompt, forKey: .prompt)
        try fields.encodeIfPresent(request.image?.wire, forKey: .image)
        try fields.encodeIfPresent(request.n, forKey: .n)
        try fields.encodeIfPresent(request.strength, forKey: .strength)
        try fields.encodeIfPresent(request.seed, forKey: .seed)
        try fields.encodeIfPresent(request.steps, forKey: .steps)
        try fields.encodeIfPresent(request.guidanceScale, forKey: .guidanceScale)
        try fields.encodeIfPresent(request.negativePrompt, forKey: .negativePrompt)
        try fields.encodeIfPresent(request.responseFormat, forKey: .responseFormat)
        if !request.parameters.isEmpty {
            var others = body.nestedContainer(keyedBy: EditRequest.FieldName.self, forKey: .request)
            for (name, value) in request.parameters { try others.encode(value, forKey: .init(name)) }
        }
        var chosen = body.nestedContainer(keyedBy: OptionKeys.self, forKey: .options)
        try chosen.encodeIfPresent(options.priority, forKey: .priority)
        try chosen.encodeIfPresent(options.label, forKey: .label)
        try chosen.encodeIfPresent(options.notBefore, forKey: .notBefore)
        try chosen.encodeIfPresent(options.onUnknown?.rawValue, forKey: .onUnknown)
        try chosen.encodeIfPresent(options.key, forKey: .key)
    }
}

extension EditRequest.ParameterValue {
    /// Nil for null, a list and an object.
    package init?(_ json: JSONValue) {
        switch json {
        case .string(let text): self = .text(text)
        case .integer(let integer): self = .integer(integer)
        case .number(let number): self = .number(number)
        case .bool(let truth): self = .truth(truth)
        case .null, .array, .object: return nil
        }
    }
}
