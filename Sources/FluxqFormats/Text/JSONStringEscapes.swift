/// Decodes the escapes of a JSON string byte by byte, wherever the text is cut. Invalid escapes are read leniently:
/// `\x` is `x`, half of a surrogate pair is U+FFFD.
struct JSONStringEscapes {
    enum Step {
        /// The decoded byte, as UTF-8; empty while an escape is open.
        case bytes([UInt8])
        /// The closing quote.
        case end
    }

    private enum State {
        case plain
        case backslash
        /// After `\u`: the digits so far.
        case hex(value: UInt32, digits: Int)
    }

    private var state = State.plain
    /// The first half of a surrogate pair whose second half has not arrived yet.
    private var high: UInt32?

    /// True if the next byte must go through `read`, because it may belong to an escape.
    var isOpen: Bool {
        if case .plain = state { high != nil } else { true }
    }

    mutating func read(_ byte: UInt8) -> Step {
        switch state {
        case .plain:
            switch byte {
            case UInt8(ascii: "\\"):
                state = .backslash
                return .bytes([])
            case UInt8(ascii: "\""):
                // A half pair at the end of the string is dropped.
                high = nil
                return .end
            default: return .bytes(endHalfPair() + [byte])
            }
        case .backslash:
            if byte == UInt8(ascii: "u") {
                state = .hex(value: 0, digits: 0)
                return .bytes([])
            }
            state = .plain
            return .bytes(endHalfPair() + [Self.short(byte)])
        case .hex(let value, let digits):
            guard let digit = Self.hexDigit(byte) else {
                state = .plain
                let broken = endHalfPair() + Self.replacement
                // The closing quote ends the string even inside an escape.
                return byte == UInt8(ascii: "\"") ? .end : .bytes(broken + [byte])
            }
            if digits < 3 {
                state = .hex(value: value << 4 | digit, digits: digits + 1)
                return .bytes([])
            }
            state = .plain
            return .bytes(end(unit: value << 4 | digit))
        }
    }

    /// Ends one UTF-16 code unit.
    private mutating func end(unit: UInt32) -> [UInt8] {
        if let first = high, (0xDC00...0xDFFF).contains(unit) {
            high = nil
            return Self.utf8(0x10000 + ((first - 0xD800) << 10) + (unit - 0xDC00))
        }
        let before = endHalfPair()
        if (0xD800...0xDBFF).contains(unit) {
            high = unit
            return before
        }
        return before + Self.utf8(unit)
    }

    private mutating func endHalfPair() -> [UInt8] {
        guard high != nil else { return [] }
        high = nil
        return Self.replacement
    }

    private static let replacement = Array("\u{FFFD}".utf8)

    private static func utf8(_ value: UInt32) -> [UInt8] {
        Unicode.Scalar(value).map { Array(String(Character($0)).utf8) } ?? replacement
    }

    private static func short(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: byte
        }
    }

    private static func hexDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}
