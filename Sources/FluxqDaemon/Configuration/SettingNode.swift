/// A value as written in the file or in the environment, before it is checked.
struct SettingNode: Sendable {
    enum Content: Sendable {
        case text(String)
        /// A key without a value.
        case nothing
        case list([SettingNode])
        case mapping([Entry])
    }

    struct Entry: Sendable {
        var name: String
        var value: SettingNode
    }

    /// The place of the key, or of the element of a list.
    var origin: ConfigurationError.Origin
    var content: Content
}

extension SettingNode {
    /// A value of the environment.
    init(variable: String, text: String, shape: Setting.Shape) {
        let origin = ConfigurationError.Origin.environment(variable)
        func node(_ text: some StringProtocol) -> SettingNode {
            let trimmed = text.trimming(while: \.isWhitespace)
            return SettingNode(origin: origin, content: trimmed.isEmpty ? .nothing : .text(String(trimmed)))
        }
        let whole = node(text)
        let parts: [Substring] =
            if case .nothing = whole.content {
                []
            } else {
                text.split(separator: ",", omittingEmptySubsequences: false)
            }
        switch shape {
        // `.nested` has already been refused.
        case .one, .nested: self = whole
        case .list: self.init(origin: origin, content: .list(parts.map(node)))
        case .mapping:
            let entries = parts.map { part in
                let name = part.prefix { $0 != "=" }
                return Entry(
                    name: String(name.trimming(while: \.isWhitespace)), value: node(part.dropFirst(name.count + 1)))
            }
            self.init(origin: origin, content: .mapping(entries))
        }
    }
}

extension StringProtocol {
    /// Removes characters at both ends for which `condition` is true.
    func trimming(while condition: (Character) -> Bool) -> SubSequence {
        let tail = drop(while: condition)
        guard let last = tail.lastIndex(where: { !condition($0) }) else { return tail.prefix(0) }
        return tail[...last]
    }
}

/// The reasons why a value is rejected. Never empty.
struct SettingRejection: Error {
    struct Reason {
        var origin: ConfigurationError.Origin
        /// Follows the key's name in a sentence: "must be …, but is …".
        var text: String
        /// True if the value may be correct: the next try may succeed.
        var isPassing = false

        /// The same reason in a message about `whole`, of which the value is a part.
        func of(_ whole: String) -> Reason {
            Reason(origin: origin, text: "\(whole) \(text)", isPassing: isPassing)
        }
    }

    var reasons: [Reason]
}
