/// Decodes base64 as it streams in. It accepts all common variants: with or without a `data:…,` prefix, white space and
/// line breaks anywhere, the standard and the URL-safe alphabet, with or without padding.
///
/// A tolerant decoder decodes damaged text as well. A wrong byte counts as the letter of zero, so that all other bytes
/// keep their places. `damagedAt` is the place of the first wrong byte.
package struct Base64Decoder {
    package enum Failure: Error, Hashable, Sendable {
        /// A byte outside both alphabets.
        case invalidByte(UInt8)
        /// The text ends in the middle of a byte, or continues after padding.
        case truncated
    }

    /// A `data:` prefix may not be longer than this.
    package static let prefixLimit = 256

    private enum Stage {
        /// White space, or the first letters of `data:`. `held` contains these letters as they were written.
        case start(held: [UInt8])
        /// Between `data:` and the comma.
        case prefix([UInt8])
        case text
        /// After `=`; the number of padding characters that may follow.
        case padding(Int)
    }

    private var stage = Stage.start(held: [])
    /// Up to three letters of an unfinished group of four, six bits each, and their number.
    private var group: UInt32 = 0
    private var lettersInGroup = 0

    private let isTolerant: Bool
    /// The number of bytes that earlier calls have decoded.
    private var bytesBefore = 0

    /// The number of bytes decoded before the first damage; nil if there is none. Set only by a tolerant decoder.
    package private(set) var damagedAt: Int?

    package init() {
        isTolerant = false
    }

    package init(tolerant: Bool) {
        isTolerant = tolerant
    }

    /// Decodes any text. Only for a tolerant decoder.
    package mutating func decodeTolerantly(_ text: [UInt8]) -> [UInt8] {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(text.count / 4 * 3 + 3)
        // A tolerant decoder records failures in `damagedAt`.
        _ = text.withUnsafeBufferPointer { decode($0, into: &decoded) }
        bytesBefore += decoded.count
        return decoded
    }

    /// Ends the text and returns the remaining bytes. Only for a tolerant decoder.
    package mutating func finishTolerantly() -> [UInt8] {
        var decoded: [UInt8] = []
        switch stage {
        case .start(let held):
            stage = .text
            decoded = decodeTolerantly(held)
        case .prefix: noteDamage(decoded.count)
        case .text, .padding: break
        }
        if lettersInGroup == 1 { noteDamage(decoded.count) }
        endGroup(into: &decoded)
        return decoded
    }

    private mutating func noteDamage(_ decoded: Int) {
        damagedAt = damagedAt ?? bytesBefore + decoded
    }

    package mutating func decode(_ text: some Sequence<UInt8>) throws(Failure) -> [UInt8] {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(text.underestimatedCount / 4 * 3 + 3)
        let outcome = text.withContiguousStorageIfAvailable { decode($0, into: &decoded) }
        // A sequence that is not contiguous in memory is copied first.
        let failure: Failure?
        if let outcome {
            failure = outcome
        } else {
            failure = Array(text).withUnsafeBufferPointer { decode($0, into: &decoded) }
        }
        if let failure { throw failure }
        return decoded
    }

    /// Ends the text and returns the remaining bytes.
    package mutating func finish() throws(Failure) -> [UInt8] {
        var decoded: [UInt8] = []
        switch stage {
        case .start(let held):
            stage = .text
            decoded = try decode(held)
        case .prefix: throw .truncated
        case .text, .padding: break
        }
        if lettersInGroup == 1 { throw .truncated }
        endGroup(into: &decoded)
        return decoded
    }

    private mutating func decode(_ text: UnsafeBufferPointer<UInt8>, into decoded: inout [UInt8]) -> Failure? {
        var index = 0
        while index < text.count {
            switch stage {
            case .start(var held):
                let byte = text[index]
                if held.isEmpty, Self.values[Int(byte)] == Self.space {
                    index += 1
                } else if (held.count < 4 ? byte | 0x20 : byte) == Self.scheme[held.count] {
                    held.append(byte)
                    stage = held.count == Self.scheme.count ? .prefix([]) : .start(held: held)
                    index += 1
                } else {
                    stage = .text
                    let failure = held.withUnsafeBufferPointer { decode($0, into: &decoded) }
                    if let failure { return failure }
                }
            case .prefix(var prefix):
                // Moved out of the enum while it grows, so that it is not copied for every byte.
                stage = .text
                while index < text.count, text[index] != UInt8(ascii: ","), prefix.count <= Self.prefixLimit {
                    prefix.append(text[index])
                    index += 1
                }
                if prefix.count > Self.prefixLimit {
                    if !isTolerant { return .invalidByte(UInt8(ascii: ":")) }
                    noteDamage(decoded.count)
                } else if index < text.count {
                    index += 1
                } else {
                    stage = .prefix(prefix)
                }
            case .text:
                if let failure = decodeLetters(text, &index, into: &decoded) { return failure }
            case .padding(let allowed):
                switch Self.values[Int(text[index])] {
                case Self.space: break
                case Self.pad where allowed > 0 || isTolerant: stage = .padding(max(allowed - 1, 0))
                case _ where isTolerant:
                    // Another text begins after the end of one.
                    noteDamage(decoded.count)
                    stage = .text
                    continue
                case Self.invalid: return .invalidByte(text[index])
                default: return .truncated
                }
                index += 1
            }
        }
        return nil
    }

    /// Reads letters up to the end of the text or to its padding.
    private mutating func decodeLetters(
        _ text: UnsafeBufferPointer<UInt8>, _ index: inout Int, into decoded: inout [UInt8]
    ) -> Failure? {
        Self.values.withUnsafeBufferPointer { values in
            while index < text.count {
                // The fast path for four letters in a row, which is nearly all of any text.
                while lettersInGroup == 0, index + 4 <= text.count {
                    let first = values[Int(text[index])]
                    let second = values[Int(text[index + 1])]
                    let third = values[Int(text[index + 2])]
                    let fourth = values[Int(text[index + 3])]
                    guard first | second | third | fourth < 64 else { break }
                    decoded.append(first << 2 | second >> 4)
                    decoded.append(second << 4 | third >> 2)
                    decoded.append(third << 6 | fourth)
                    index += 4
                }
                guard index < text.count else { break }
                let value = values[Int(text[index])]
                switch value {
                case 0..<64:
                    group = group << 6 | UInt32(value)
                    lettersInGroup += 1
                    if lettersInGroup == 4 { endGroup(into: &decoded) }
                case Self.space: break
                case Self.pad where isTolerant && lettersInGroup == 0:
                    // Surplus padding does no harm.
                    stage = .padding(0)
                    index += 1
                    return nil
                case Self.pad where isTolerant && lettersInGroup < 2: noteDamage(decoded.count)
                case Self.pad:
                    guard lettersInGroup >= 2 else { return .truncated }
                    stage = .padding(3 - lettersInGroup)
                    endGroup(into: &decoded)
                    index += 1
                    return nil
                default:
                    guard isTolerant else { return .invalidByte(text[index]) }
                    noteDamage(decoded.count)
                    group = group << 6
                    lettersInGroup += 1
                    if lettersInGroup == 4 { endGroup(into: &decoded) }
                }
                index += 1
            }
            return nil
        }
    }

    /// Two letters carry one byte, three carry two, four carry three. Left-over bits are dropped.
    private mutating func endGroup(into decoded: inout [UInt8]) {
        let bits = group << UInt32(6 * (4 - lettersInGroup))
        for byte in 0..<max(lettersInGroup - 1, 0) {
            decoded.append(UInt8(truncatingIfNeeded: bits >> UInt32(16 - 8 * byte)))
        }
        group = 0
        lettersInGroup = 0
    }

    private static let scheme = Array("data:".utf8)
    private static let space: UInt8 = 64
    private static let pad: UInt8 = 65
    private static let invalid: UInt8 = 255

    /// The value of each byte: six bits, or one of the three constants above.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: invalid, count: 256)
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        for (value, letter) in letters.utf8.enumerated() { values[Int(letter)] = UInt8(value) }
        values[Int(UInt8(ascii: "-"))] = 62
        values[Int(UInt8(ascii: "_"))] = 63
        for byte in " \t\n\r\u{0B}\u{0C}".utf8 { values[Int(byte)] = space }
        values[Int(UInt8(ascii: "="))] = pad
        return values
    }()
}
