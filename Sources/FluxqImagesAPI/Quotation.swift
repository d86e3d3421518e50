/// Makes what the API or the network said fit to be stored and shown: without the key, without anything that a terminal
/// would obey, and not too long.
struct Quotation: Sendable {
    static let messageLimit = 1_000
    static let wordLimit = 200

    private let secret: [Unicode.Scalar]

    init(hiding key: APIKey) {
        secret = Array(key.secret.unicodeScalars)
    }

    /// - Parameter limit: how many characters are kept.
    func clean(_ text: String, limit: Int = messageLimit) -> String {
        // Scalar by scalar: a mark that combines with the key's last character would make it another character.
        let hidden = text.unicodeScalars.replacing(secret, with: "[hidden]".unicodeScalars)
        var clean = String.UnicodeScalarView()
        for scalar in hidden {
            clean.append(Self.isObeyed(scalar) ? " " : scalar)
        }
        let whole = String(clean)
        return whole.count <= limit ? whole : whole.prefix(limit) + "…"
    }

    func clean(ifAny text: String?, limit: Int) -> String? {
        guard let text, !text.isEmpty else { return nil }
        return clean(text, limit: limit)
    }

    /// Controls, and the marks that turn the direction of writing round; line breaks stay.
    private static func isObeyed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0A: false
        case 0..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
