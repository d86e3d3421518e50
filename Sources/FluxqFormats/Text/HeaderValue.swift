/// The value of a header that has parameters, such as `form-data; name="image"; filename="a.png"` (RFC 9110, 5.6.6).
struct HeaderValue: Hashable, Sendable {
    /// Lower case, such as `form-data`.
    let value: String
    /// By their names in lower case.
    let parameters: [String: String]

    /// nil if the text is something else, or gives a parameter twice.
    init?(_ text: some StringProtocol) {
        var rest = Array(text.utf8)[...]
        let value = Self.takeToken(&rest, and: "/")
        guard !value.isEmpty else { return nil }
        var parameters: [String: String] = [:]
        while true {
            Self.skipBlanks(&rest)
            guard let separator = rest.popFirst() else { break }
            guard separator == UInt8(ascii: ";") else { return nil }
            Self.skipBlanks(&rest)
            // A separator at the end, or two of them, say nothing.
            if rest.isEmpty || rest.first == UInt8(ascii: ";") { continue }
            let name = Self.takeToken(&rest)
            guard !name.isEmpty, rest.popFirst() == UInt8(ascii: "=") else { return nil }
            let isQuoted = rest.first == UInt8(ascii: "\"")
            guard let text = isQuoted ? Self.takeQuoted(&rest) : Self.takeWord(&rest),
                parameters.updateValue(text, forKey: name.lowercased()) == nil
            else { return nil }
        }
        self.value = value.lowercased()
        self.parameters = parameters
    }

    private static func skipBlanks(_ rest: inout ArraySlice<UInt8>) {
        rest = rest.drop { $0 == 0x20 || $0 == 0x09 }
    }

    /// - Parameter others: bytes that are no part of a token, but of this one.
    private static func takeToken(_ rest: inout ArraySlice<UInt8>, and others: String = "") -> String {
        let token = rest.prefix { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "!#$%&'*+-.^_`|~".utf8.contains(byte) || others.utf8.contains(byte)
            }
        }
        rest = rest[token.endIndex...]
        return String(decoding: token, as: UTF8.self)
    }

    /// Of whatever bytes a client has left without quotes: `image[]` is no token.
    private static func takeWord(_ rest: inout ArraySlice<UInt8>) -> String {
        let word = rest.prefix { $0 > 0x20 && $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "\"") }
        rest = rest[word.endIndex...]
        return String(decoding: word, as: UTF8.self)
    }

    /// A backslash stands for itself, unless a quote or another one follows: browsers send paths with it.
    private static func takeQuoted(_ rest: inout ArraySlice<UInt8>) -> String? {
        rest.removeFirst()
        var bytes: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: bytes, as: UTF8.self)
            case UInt8(ascii: "\\") where rest.first == UInt8(ascii: "\"") || rest.first == UInt8(ascii: "\\"):
                bytes.append(rest.removeFirst())
            default: bytes.append(byte)
            }
        }
        return nil
    }
}
