/// Makes what the API or the network said fit to be stored and shown: without any key, without anything that a terminal
/// would obey, and not too long.
struct Quotation: Sendable {
    static let messageLimit = 1_000
    static let wordLimit = 200
    /// A piece of the key as long as that is hidden wherever it stands; what is shorter tells nobody enough.
    private static let tellingPiece = 12
    /// At the end of a text, where somebody may have cut it in the middle of the key, less is taken for one.
    private static let tellingBeginning = 4
    private static let mark = Array("[hidden]".unicodeScalars)

    private struct Secret {
        let text: [Unicode.Scalar]
        /// Where in the key each of its characters stands.
        let places: [Unicode.Scalar: [Int]]

        init(_ key: APIKey) {
            let text = Array(key.secret.unicodeScalars)
            self.text = text
            places = Dictionary(grouping: text.indices, by: { text[$0] })
        }
    }

    private let secrets: [Secret]

    /// - Parameter keys: of every endpoint.
    init(hiding keys: [APIKey]) {
        secrets = keys.map(Secret.init)
    }

    /// - Parameter limit: how many characters are kept.
    func clean(_ text: String, limit: Int = messageLimit) -> String {
        var clean = String.UnicodeScalarView()
        for scalar in hidingKeys(in: Array(text.unicodeScalars)) {
            clean.append(Self.isObeyed(scalar) ? " " : scalar)
        }
        let whole = String(clean)
        return whole.count <= limit ? whole : whole.prefix(limit) + "…"
    }

    func clean(ifAny text: String?, limit: Int) -> String? {
        guard let text, !text.isEmpty else { return nil }
        return clean(text, limit: limit)
    }

    /// Whether a key stands in the text, or enough of one.
    func isTelling(_ text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        return hidingKeys(in: scalars) != scalars
    }

    /// Scalar by scalar: a mark that combines with the key's last character would make it another character.
    private func hidingKeys(in text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            if let end = endOfPiece(in: text, from: index) {
                result += Self.mark
                index = end
            } else {
                result.append(text[index])
                index += 1
            }
        }
        return result
    }

    /// Where a piece of a key ends that begins there, the longest; nil if none does, or one too short to tell.
    private func endOfPiece(in text: [Unicode.Scalar], from start: Int) -> Int? {
        secrets.compactMap { endOfPiece(of: $0, in: text, from: start) }.max()
    }

    private func endOfPiece(of key: Secret, in text: [Unicode.Scalar], from start: Int) -> Int? {
        guard key.places[text[start]] != nil || text[start] == "%" || text[start] == "\\" else { return nil }
        let secret = key.text
        var longest: Int?
        for first in Set(spellings(in: text, at: start).map(\.scalar)).flatMap({ key.places[$0] ?? [] }) {
            var (place, index) = (first, start)
            while place < secret.count,
                let spelling = spellings(in: text, at: index).first(where: { $0.scalar == secret[place] })
            {
                place += 1
                index += spelling.length
            }
            let rest = text[index...]
            let isLast = rest.isEmpty || rest.count < 6 && (rest.first == "%" || rest.first == "\\")
            let isCut = isLast && first == 0 && place >= Self.tellingBeginning
            if place - first >= min(secret.count, Self.tellingPiece) || isCut { longest = max(longest ?? 0, index) }
        }
        return longest
    }

    /// The characters that may be meant at a place, and how many scalars spell them: itself, `%41` of a link, `\u0041` and
    /// `\/` of JSON.
    private func spellings(in text: [Unicode.Scalar], at index: Int) -> [(scalar: Unicode.Scalar, length: Int)] {
        guard index < text.count else { return [] }
        var spellings = [(text[index], 1)]
        func number(from start: Int, digits: Int) -> Unicode.Scalar? {
            guard start + digits <= text.count else { return nil }
            var value: UInt32 = 0
            for digit in text[start..<start + digits] {
                guard let digit = Character(digit).hexDigitValue else { return nil }
                value = value * 16 + UInt32(digit)
            }
            return Unicode.Scalar(value)
        }
        switch text[index] {
        case "%":
            if let scalar = number(from: index + 1, digits: 2) { spellings.append((scalar, 3)) }
        case "\\":
            guard index + 1 < text.count else { break }
            spellings.append((text[index + 1], 2))
            if text[index + 1] == "u", let scalar = number(from: index + 2, digits: 4) { spellings.append((scalar, 6)) }
        default: break
        }
        return spellings
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
