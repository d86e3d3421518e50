/// A value as somebody wrote it, in the file or in the environment, before anything is known about it.
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

    /// Of the key, or of the element of a list.
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
        // `.nested` is refused before it comes here.
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
    /// Without the characters at both ends for which `condition` holds.
    func trimming(while condition: (Character) -> Bool) -> SubSequence {
        let tail = drop(while: condition)
        guard let last = tail.lastIndex(where: { !condition($0) }) else { return tail.prefix(0) }
        return tail[...last]
    }
}

/// Why a value cannot be taken. Never empty.
struct SettingRejection: Error {
    struct Reason {
        var origin: ConfigurationError.Origin
        /// What follows the key's name in a sentence: "must be …, but is …".
        var text: String
        /// Nothing need be wrong with the value: the next try may take it.
        var isPassing = false

        /// As it reads for what the value is a part of.
        func of(_ whole: String) -> Reason {
            Reason(origin: origin, text: "\(whole) \(text)", isPassing: isPassing)
        }
    }

    var reasons: [Reason]
}
