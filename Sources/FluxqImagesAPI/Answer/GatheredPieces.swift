import NIOCore

/// Puts small pieces of a body together before anything is done with them: a sender chooses how many there are, and a
/// chunk for every byte must not cost a write for every byte.
struct GatheredPieces {
    static let enoughBytes = 64 * 1024

    private var held = ByteBuffer()

    /// - Returns: everything so far, once it is enough.
    mutating func add(_ piece: ByteBuffer) -> ByteBuffer? {
        if held.readableBytes == 0, piece.readableBytes >= Self.enoughBytes { return piece }
        held.writeImmutableBuffer(piece)
        return held.readableBytes >= Self.enoughBytes ? take() : nil
    }

    /// What is left at the body's end; nil if nothing is.
    mutating func take() -> ByteBuffer? {
        guard held.readableBytes > 0 else { return nil }
        defer { held = ByteBuffer() }
        return held
    }
}
