import NIOCore

/// Joins small pieces of a body before they are processed. The sender chooses the number of pieces, and a chunk for
/// every byte must not cost a write for every byte.
struct GatheredPieces {
    static let enoughBytes = 64 * 1024

    private var held = ByteBuffer()

    /// - Returns: all bytes so far, once there are enough.
    mutating func add(_ piece: ByteBuffer) -> ByteBuffer? {
        if held.readableBytes == 0, piece.readableBytes >= Self.enoughBytes { return piece }
        held.writeImmutableBuffer(piece)
        return held.readableBytes >= Self.enoughBytes ? take() : nil
    }

    /// Returns the remaining bytes at the body's end; nil if there are none.
    mutating func take() -> ByteBuffer? {
        guard held.readableBytes > 0 else { return nil }
        defer { held = ByteBuffer() }
        return held
    }
}
