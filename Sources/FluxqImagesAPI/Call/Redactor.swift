/// Redacts text from the API or the network before it is stored or shown. It removes keys and characters that control a
/// terminal, and limits the length.
struct Redactor: Sendable {
    static let messageLimit = 1_000
    static let wordLimit = 200
    /// A piece of the key of this length is hidden anywhere in a text. A shorter piece does not reveal enough.
    private static let tellingPiece = 12
    /// At the end of a text, where the key may have been cut, a shorter beginning of it is hidden too.
    private static let tellingBeginning = 4
    private static let mark = Array("[hidden]".unicodeScalars)

    private struct Secret {
        let text: [Unicode.Scalar]
        /// The positions in the key of each of its characters.
        let places: [Unicode.Scalar: [Int]]
        /// For ASCII pairs: true if the key contains the two characters in a row. The index is 128 times the first plus
        /// the second.
        private let isPair: [Bool]

        init(_ key: APIKey) {
            let text = Array(key.secret.unicodeScalars)
            self.text = text
            places = Dictionary(grouping: text.indices, by: { text[$0] })
            var isPair = Array(repeating: false, count: 128 * 128)
            for (first, second) in zip(text, text.dropFirst()) where first.isASCII && second.isASCII {
                isPair[Int(first.value) * 128 + Int(second.value)] = true
            }
            self.isPair = isPair
        }

        /// True if a piece of the key may begin with these two. This check alone excludes most texts.
        func mayBegin(with first: Unicode.Scalar, _ second: Unicode.Scalar) -> Bool {
            if text.count < 2 || !first.isASCII || !second.isASCII { return true }
            if Self.isEscape(first) || Self.isEscape(second) { return true }
            return isPair[Int(first.value) * 128 + Int(second.value)]
        }

        private static func isEscape(_ scalar: Unicode.Scalar) -> Bool { scalar == "%" || scalar == "\\" }
    }

    private let secrets: [Secret]

    /// - Parameter keys: the keys of all endpoints.
    init(hiding keys: [APIKey]) {
        secrets = keys.map(Secret.init)
    }

    /// - Parameter limit: the number of characters that are kept.
    func clean(_ text: String, limit: Int = messageLimit) -> String {
        let hidden = hidingKeys(in: Array(text.unicodeScalars))
        var whole = text
        if hidden != nil || text.unicodeScalars.contains(where: Self.isObeyed) {
            var clean = String.UnicodeScalarView()
            for scalar in hidden ?? Array(text.unicodeScalars) { clean.append(Self.isObeyed(scalar) ? " " : scalar) }
            whole = String(clean)
        }
        return whole.utf8.count <= limit || whole.count <= limit ? whole : whole.prefix(limit) + "…"
    }

    func clean(ifAny text: String?, limit: Int) -> String? {
        guard let text, !text.isEmpty else { return nil }
        return clean(text, limit: limit)
    }

    /// True if the text contains a key, or a telling piece of one.
    func isTelling(_ text: String) -> Bool {
        hidingKeys(in: Array(text.unicodeScalars)) != nil
    }

    /// Compares scalars: a mark that combines with the key's last character would make it another character.
    ///
    /// - Returns: nil if nothing has to be hidden.
    private func hidingKeys(in text: [Unicode.Scalar]) -> [Unicode.Scalar]? {
        var result: [Unicode.Scalar] = []
        var isHiding = false
        // The text before this index is in the result.
        var kept = 0
        var index = 0
        while index < text.count {
            guard let end = endOfPiece(in: text, from: index) else {
                index += 1
                continue
            }
            isHiding = true
            result += text[kept..<index]
            result += Self.mark
            kept = end
            index = end
        }
        return isHiding ? result + text[kept...] : nil
    }

    /// Returns the end of the longest piece of a key that begins there; nil if there is none, or only one too short to
    /// tell.
    private func endOfPiece(in text: [Unicode.Scalar], from start: Int) -> Int? {
        var longest: Int?
        for secret in secrets
        where start + 1 == text.count || secret.mayBegin(with: text[start], text[start + 1]) {
            if let end = endOfPiece(of: secret, in: text, from: start) { longest = max(longest ?? 0, end) }
        }
        return longest
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

    /// Returns the characters that may be meant at an index, and the number of scalars that spell each: the character
    /// itself, `%41` of a link, `\u0041` and `\/` of JSON.
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

    /// True for control characters and for marks that change the direction of writing. Line breaks stay.
    private static func isObeyed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0A: false
        case 0..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
