import FluxqControl
import FluxqControlServer
import FluxqFormats
import FluxqModel

/// A request's fields as its client wrote them, in multipart or JSON, before their types are looked at.
struct DoorForm {
    /// The values by name; in multipart all of them are strings.
    var fields: [String: JSONValue] = [:]
    var image: SubmittedImage
    /// How many pictures it has. All but the first are discarded as they come.
    var pictures = 0
    /// Names of files that are no picture to edit, such as `mask`.
    var otherFiles: Set<String> = []

    /// The fields that hold a picture, in every spelling: `image`, `image[]`, `image[0]`.
    static func isPicture(_ name: String) -> Bool { isList(name, of: "image") }

    private static func isList(_ name: String, of field: String) -> Bool {
        guard name.hasPrefix(field) else { return false }
        let rest = name.dropFirst(field.count)
        if rest.isEmpty { return true }
        return rest.first == "[" && rest.last == "]" && rest.dropFirst().dropLast().allSatisfy(\.isWholeNumber)
    }
}

extension DoorForm {
    /// The submission that the form asks for, with every field that is wrong.
    struct Reading {
        var submission = JobSubmission(request: .init())
        var wrong: [EditRequest.FieldError] = []
        /// nil if the client did not say.
        var format: EditRequest.ResponseFormat?
        var isStreamed = false
        /// The model that the client named; it may stand for another one.
        var namedModel: String?
        /// Names of fields that were sent and have no effect, in alphabetical order.
        var ignored: [String] = []
    }

    /// Fields that fluxq reads besides those of a request.
    private static let ownFields: Set<String> = ["stream", "user"]
    private static let impossibleFormats: Set<String> = ["svg", "gif"]

    func reading(by settings: Door.Settings, _ catalog: ModelCatalog) -> Reading {
        var result = Reading()
        var reader = TextualFields(fields: fields)
        result.namedModel = reader.text("model")
        result.format = reader.choice("response_format")
        result.isStreamed = reader.truth("stream") ?? false
        if let user = reader.text("user"), !user.isEmpty, user.utf8.count <= Job.Bounds.labelBytes,
            TextRule.oneLine.problem(of: user) == nil
        {
            result.submission.options.label = user
        }
        var draft = EditRequest.Draft()
        draft.model = result.namedModel.map(settings.model)
        draft.prompt = reader.text("prompt")
        draft.n = reader.integer("n")
        draft.strength = reader.number("strength")
        draft.seed = reader.integer("seed")
        draft.steps = reader.integer("steps")
        draft.guidanceScale = reader.number("guidance_scale")
        draft.negativePrompt = reader.text("negative_prompt")
        let rules = catalog.rules(for: draft.model ?? catalog.defaultModel)
        for name in fields.keys.sorted()
        where EditRequest.CodingKeys(rawValue: name) == nil && !Self.ownFields.contains(name) {
            if rules.parameters.contains(name) {
                draft.parameters[name] = reader.parameter(name)
            } else if fields[name] != .null {
                result.ignored.append(name)
            }
        }
        result.submission.request = draft
        result.wrong = reader.wrong
        // Without these the model would make another picture than was asked for.
        for name in otherFiles.sorted() {
            result.wrong.append(
                .init(
                    field: name,
                    problem: "is not supported: the model edits one whole picture. Leave it out, and say in the prompt "
                        + "what to change"))
        }
        if let frames: Int = reader.integer("frame_count"), frames > 1 {
            result.wrong.append(.init(field: "frame_count", problem: "must be 1: the model makes still pictures"))
        }
        if let format = reader.text("output_format"), Self.impossibleFormats.contains(format.lowercased()) {
            result.wrong.append(
                .init(field: "output_format", problem: "must be png, jpeg or webp, but is \(format.prefix(40))"))
        }
        if pictures > 1 {
            result.wrong.append(
                .init(field: "image", problem: "must be one picture, but there are \(pictures): the model edits one"))
        }
        return result
    }
}

/// Reads typed fields whose values may also come as text, and collects every error.
private struct TextualFields {
    let fields: [String: JSONValue]
    var wrong: [EditRequest.FieldError] = []

    /// nil for an absent field; an empty text is one too, except for the prompt.
    private func value(_ name: String) -> JSONValue? {
        switch fields[name] {
        case nil, .null?: nil
        case .string("")? where name != "prompt": nil
        case let value?: value
        }
    }

    private mutating func take<Value>(_ name: String, _ wanted: String, _ read: (JSONValue) -> Value?) -> Value? {
        guard let given = value(name) else { return nil }
        guard let value = read(given) else {
            let found =
                if case .string(let text) = given { "\"\(text.prefix(40))\"" } else { given.kind }
            wrong.append(.init(field: name, problem: "must be \(wanted), but is \(found)"))
            return nil
        }
        return value
    }

    mutating func text(_ name: String) -> String? { take(name, "a string", \.string) }

    mutating func number(_ name: String) -> Double? {
        take(name, "a number") { value in
            let number = value.double ?? value.string.flatMap(Double.init)
            return number.flatMap { $0.isFinite ? $0 : nil }
        }
    }

    mutating func integer<Integer: FixedWidthInteger>(_ name: String) -> Integer? {
        take(name, "a whole number") { value in
            if let whole = value.integer ?? value.string.flatMap({ Int64($0) }) { return Integer(exactly: whole) }
            return (value.double ?? value.string.flatMap(Double.init)).flatMap(Integer.init(exactly:))
        }
    }

    mutating func truth(_ name: String) -> Bool? {
        take(name, "true or false") { value in
            switch value {
            case .bool(let truth): truth
            case .string(let text): ["true": true, "false": false][text.lowercased()]
            default: nil
            }
        }
    }

    mutating func choice<Choice: CaseIterable & RawRepresentable<String>>(_ name: String) -> Choice? {
        take(name, Choice.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: " or ")) {
            $0.string.flatMap(Choice.init(rawValue:))
        }
    }

    mutating func parameter(_ name: String) -> EditRequest.ParameterValue? {
        take(name, "a text, a number, or true or false", EditRequest.ParameterValue.init)
    }
}
