import FoundationEssentials

/// A message for people as the database holds it: a code with parameters, not a sentence. `FluxqWords` words it where it is
/// shown, so a better wording also reaches old jobs.
///
/// Its JSON is an object with the code as its only key, or a string for text of somebody else:
/// `{"noEndpoint":{"named":"spare"}}`, `"HTTP 503"`.
package enum StoredMessage<Code: Hashable & Codable & Sendable>: Hashable, Sendable {
    /// Text of the API, the network or the operating system, or text that an earlier fluxqd stored.
    case said(String)
    case code(Code)
    /// A code that only a later fluxqd knows.
    case unknown(code: String)
}

extension StoredMessage: Codable {
    private struct AnyKey: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Never throws: a message that only another version understands must not make its job unreadable.
    package init(from decoder: any Decoder) throws {
        if let text = try? decoder.singleValueContainer().decode(String.self) {
            self = .said(text)
        } else if let code = try? Code(from: decoder) {
            self = .code(code)
        } else {
            let keys = (try? decoder.container(keyedBy: AnyKey.self).allKeys) ?? []
            self = .unknown(code: keys.first?.stringValue ?? "?")
        }
    }

    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .said(let text):
            var container = encoder.singleValueContainer()
            try container.encode(text)
        case .code(let code):
            try code.encode(to: encoder)
        case .unknown(let name):
            var container = encoder.container(keyedBy: AnyKey.self)
            try container.encode([String: String](), forKey: AnyKey(stringValue: name))
        }
    }

    /// Text that is not JSON becomes `said`.
    package init(json text: String) {
        self = (try? JSONDecoder().decode(Self.self, from: Data(text.utf8))) ?? .said(text)
    }

    /// JSON text with its keys in a fixed order.
    package var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        } catch {
            // Strings and whole numbers alone can always be written.
            preconditionFailure("a message cannot be written as JSON: \(error)")
        }
    }
}
