import FluxqModel

extension SettingType<[String: Configuration.Model]> {
    /// `MODEL:` with the differences from the usual rules; only in the file.
    static var modelRules: SettingType {
        SettingType(
            shape: .nested,
            read: { node throws(SettingRejection) in
                let pairs = try node.readEach("a group of models, each with its keys") {
                    entry throws(SettingRejection) -> (String, Configuration.Model) in
                    let name = SettingNode(origin: entry.value.origin, content: .text(entry.name))
                    return (try SettingType<String>.modelName.read(name), try Configuration.Model(entry))
                }
                // The names are unique: the parser rejects a repeated key.
                return Dictionary(pairs) { first, _ in first }
            },
            write: { _ in nil })
    }
}

extension SettingType<[String: String]> {
    /// The model to call, by the name that a client sends.
    static var modelAliases: SettingType {
        SettingType(
            shape: .mapping,
            read: { node throws(SettingRejection) in
                let pairs = try node.readEach("a group of names, each with its model") {
                    entry throws(SettingRejection) -> (String, String) in
                    let star = entry.name.firstIndex(of: "*")
                    guard !entry.name.isEmpty, star == nil || star == entry.name.indices.last else {
                        throw entry.value.rejection(
                            "belongs to the name \(entry.name.quoted), which may have a * only at its end")
                    }
                    return (entry.name, try SettingType<String>.modelName.read(entry.value))
                }
                return Dictionary(pairs) { first, _ in first }
            },
            write: { models in
                models.isEmpty
                    ? nil : models.sorted { $0.key < $1.key }.map { "\($0): \($1)" }.joined(separator: ", ")
            })
    }
}

extension Configuration.Model {
    private static let keys = ["requires_image", "omit", "parameters"]

    fileprivate init(_ entry: SettingNode.Entry) throws(SettingRejection) {
        var reader = try GroupReader(entry.value, keys: Self.keys, of: "a model")
        self.init()
        requiresImage = reader.read("requires_image", .truth)
        omit = Set(reader.read("omit", .omittedFields) ?? [])
        parameters = reader.read("parameters", .parameterNames) ?? []
        let needsImage = requiresImage ?? ModelCatalog.Rules.usual(for: entry.name).requiresImage
        if needsImage, omit.contains(EditRequest.CodingKeys.image.rawValue) {
            reader.reject("holds image, which the model requires. Remove it, or set requires_image: false", of: "omit")
        }
        try reader.finish()
    }
}

extension SettingType<Bool> {
    static var truth: SettingType {
        .one("true or false", write: { "\($0)" }) { ["true": true, "false": false][$0] }
    }
}

extension SettingType<[String]> {
    fileprivate static var omittedFields: SettingType {
        .list(of: .omittedField, "a list of fields, such as [seed, response_format]", make: { $0 }, elements: { $0 })
            .once
    }

    fileprivate static var parameterNames: SettingType {
        .list(of: .parameterName, "a list of fields, such as [size, quality]", make: { $0 }, elements: { $0 }).once
    }
}

extension SettingType<String> {
    private static let ownFields = EditRequest.CodingKeys.allCases

    fileprivate static var omittedField: SettingType {
        SettingType(
            read: { node throws(SettingRejection) in
                let names = ownFields.filter(\.mayBeOmitted).map(\.rawValue)
                let text = try node.word("a field that fluxq sends")
                if names.contains(text) { return text }
                if ownFields.contains(where: { $0.rawValue == text }) {
                    throw node.rejection("must not be \(text.quoted): every request has it")
                }
                let near = NearestName.of(text, among: names).map { "; \($0) may be meant" }
                throw node.rejection(
                    "must be one of \(names.joined(separator: ", ")), but is \(text.quoted)\(near ?? "")")
            }, write: { $0 })
    }

    fileprivate static var parameterName: SettingType {
        SettingType(
            read: { node throws(SettingRejection) in
                let expectation = "the name of a field of the model's own, such as size"
                let text = try node.word(expectation)
                if ownFields.contains(where: { $0.rawValue == text }) {
                    throw node.rejection(
                        "must not be \(text.quoted): it is one of fluxq's own fields, which are always allowed")
                }
                let isName = text.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "=") }
                guard isName, !text.isEmpty, text.utf8.count <= EditRequest.Bounds.parameterNameBytes else {
                    throw node.rejection("must be \(expectation), but is \(text.quoted)")
                }
                return text
            }, write: { $0 })
    }
}
