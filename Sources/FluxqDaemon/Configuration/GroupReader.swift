/// Reads a group of keys nested in a group, such as one endpoint: each key by its own type, and each error with its own
/// line.
struct GroupReader {
    private let node: SettingNode
    private let entries: [SettingNode.Entry]
    private var reasons: [SettingRejection.Reason] = []

    /// - Parameters:
    ///   - keys: all allowed keys.
    ///   - kind: the kind of the group, with its article; follows "is no key of".
    /// - Throws: if the node is not a group.
    init(_ node: SettingNode, keys: [String], of kind: String) throws(SettingRejection) {
        guard case .mapping(let entries) = node.content else {
            throw node.rejection("must be a group with the keys \(keys.joined(separator: ", ")), but is \(node.kind)")
        }
        self.node = node
        self.entries = entries
        for entry in entries where !keys.contains(entry.name) {
            let near = NearestName.of(entry.name, among: keys).map { "\($0) may be meant" }
            reject(
                "with \(entry.name.quoted) is no key of \(kind); \(near ?? "they are \(keys.joined(separator: ", "))")",
                at: entry.value.origin)
        }
    }

    func has(_ key: String) -> Bool { entries.contains { $0.name == key } }

    /// The value of a key; nil if the key is missing or its value is invalid.
    mutating func read<Value>(_ key: String, _ type: SettingType<Value>) -> Value? {
        guard let entry = entries.first(where: { $0.name == key }) else { return nil }
        do throws(SettingRejection) {
            return try type.read(entry.value)
        } catch {
            reasons += error.reasons.map { $0.of("with \(key.quoted)") }
            return nil
        }
    }

    /// - Parameter key: the key whose line the message gets; nil for the line of the whole group.
    mutating func reject(_ text: String, of key: String? = nil) {
        let entry = key.flatMap { key in entries.first { $0.name == key } }
        reject(key.map { "with \($0.quoted) \(text)" } ?? text, at: (entry?.value ?? node).origin)
    }

    private mutating func reject(_ text: String, at origin: ConfigurationError.Origin) {
        reasons.append(.init(origin: origin, text: text))
    }

    /// - Throws: everything that was rejected.
    func finish() throws(SettingRejection) {
        if !reasons.isEmpty { throw SettingRejection(reasons: reasons) }
    }
}

extension SettingNode {
    /// Reads each entry of a group of named groups; an error begins with the entry's name.
    func readEach<Value>(
        _ expectation: String, _ read: (Entry) throws(SettingRejection) -> Value
    ) throws(SettingRejection) -> [Value] {
        guard case .mapping(let entries) = content else {
            throw rejection("must be \(expectation), but is \(kind)")
        }
        var values: [Value] = []
        var reasons: [SettingRejection.Reason] = []
        for entry in entries {
            do throws(SettingRejection) {
                values.append(try read(entry))
            } catch {
                reasons += error.reasons.map { $0.of("of \(entry.name.quoted)") }
            }
        }
        guard reasons.isEmpty else { throw SettingRejection(reasons: reasons) }
        return values
    }
}
