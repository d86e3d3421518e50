import FoundationEssentials

/// How much structure a JSON text of somebody else's may have. A decoder's work and memory follow the number of values and
/// their depth rather than the number of bytes: a megabyte of `{},{},…` is 350,000 objects.
package enum JSONBounds {
    /// An answer of the API has three levels. What is kept of one is shown inside of other JSON, whose readers have limits
    /// of their own.
    package static let depth = 32
    package static let values = 10_000

    /// Whether a text keeps within both; says nothing about whether it is JSON.
    package static func hold(for text: [UInt8], values valueLimit: Int = Self.values) -> Bool {
        var depth = 0
        var values = 1
        var isString = false
        var isEscaped = false
        for byte in text {
            if isString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                values += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: ","): values += 1
            default: break
            }
            if depth > Self.depth || values > valueLimit { return false }
        }
        return true
    }
}

extension JSONValue {
    /// A text of somebody else's; nil if it is not JSON or goes beyond `JSONBounds`.
    package init?(bounded text: [UInt8]) {
        guard JSONBounds.hold(for: text), let value = try? JSONDecoder().decode(JSONValue.self, from: Data(text)) else {
            return nil
        }
        self = value
    }
}
