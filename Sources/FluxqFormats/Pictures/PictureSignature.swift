/// Checks whether bytes begin as a picture, in one of fluxq's formats or in others that a paid answer may contain.
package enum PictureSignature {
    /// The number of first bytes that are enough to decide.
    package static let length = 12

    /// - Parameter head: the first bytes; fewer than `length` only if there are no more.
    package static func matches(_ head: some Collection<UInt8>) -> Bool {
        let head = Array(head.prefix(ContentGuess.headLength))
        if ContentGuess.format(ofHead: head) != nil { return true }
        // HEIC and its relatives, JPEG XL with and without its box, TIFF in both byte orders.
        return head.dropFirst(4).starts(with: "ftyp".utf8)
            || others.contains { head.starts(with: $0) }
    }

    private static let others: [[UInt8]] = [
        [0xFF, 0x0A], [0, 0, 0, 0x0C, 0x4A, 0x58, 0x4C, 0x20], [0x49, 0x49, 0x2A, 0], [0x4D, 0x4D, 0, 0x2A],
    ]
}
