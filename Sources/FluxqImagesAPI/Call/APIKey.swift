/// The API key, which calls are billed to. Every way of printing it shows `[hidden]`, and its text is visible in this
/// module alone.
package struct APIKey: Sendable {
    package enum Invalid: Error, Hashable, Sendable, CustomStringConvertible {
        case empty
        case tooLong(limit: Int)
        /// A line break, a space, or anything else that is not a visible ASCII character.
        case notPrintable(position: Int)

        package var description: String {
            switch self {
            case .empty: "The API key is empty."
            case .tooLong(let limit): "The API key is longer than \(limit) bytes."
            case .notPrintable(let position):
                "The API key is not one line of visible ASCII characters: character \(position) is a blank, a line "
                    + "break or no ASCII."
            }
        }
    }

    package static let longest = 4096

    let secret: String

    /// The key for a stand-in of the API, which accepts any key. It occurs in none of the stand-in's messages, where it
    /// would be hidden.
    package static let ofSandbox = APIKey(secret: "any-key-will-do")

    private init(secret: String) {
        self.secret = secret
    }

    /// - Throws: an error if the text cannot be an HTTP header value. The error does not contain the text.
    package init(_ text: String) throws(Invalid) {
        guard !text.isEmpty else { throw .empty }
        guard text.utf8.count <= Self.longest else { throw .tooLong(limit: Self.longest) }
        if let position = text.unicodeScalars.enumerated().first(where: { !("!"..."~").contains($0.element) }) {
            throw .notPrintable(position: position.offset + 1)
        }
        secret = text
    }
}

extension APIKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "[hidden]" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
