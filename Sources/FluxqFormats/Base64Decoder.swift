/// Decodes base64 as it streams in, as leniently as it is met in the wild: with or without a `data:…,` prefix, white space
/// and line breaks anywhere, the standard and the URL-safe alphabet, with or without padding.
package struct Base64Decoder {
    package enum Failure: Error, Hashable, Sendable {
        /// A byte that belongs to neither alphabet.
        case invalidByte(UInt8)
        /// Ends in the middle of a byte, or goes on after padding.
        case truncated
    }

    package init() {}

    /// What a `data:` prefix claimed, such as `image/png`, lower case, once it has been read.
    package var claimedMediaType: String? { nil }

    package mutating func decode(_ text: some Sequence<UInt8>) throws(Failure) -> [UInt8] { [] }

    /// Says that the text has ended; the bytes that were still to come.
    package mutating func finish() throws(Failure) -> [UInt8] { [] }
}
