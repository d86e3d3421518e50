import FoundationEssentials

/// Limits on the structure of JSON text from outside. A decoder's work and memory depend on the number of values and
/// their depth rather than on the number of bytes: a megabyte of `{},{},…` is 350,000 objects.
package enum JSONBounds {
    /// An answer of the API has three levels. The stored part of an answer is shown inside other JSON, whose readers
    /// have limits of their own.
    package static let depth = 32
    package static let values = 10_000

    /// True if a text is within both limits. Does not check that it is JSON.
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
    /// Reads a text from outside; nil if it is not JSON or exceeds `JSONBounds`.
    package init?(bounded text: [UInt8]) {
        guard JSONBounds.hold(for: text), let value = try? JSONDecoder().decode(JSONValue.self, from: Data(text)) else {
            return nil
        }
        self = value
    }
}
