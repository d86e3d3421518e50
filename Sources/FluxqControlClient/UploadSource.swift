import Glibc
import NIOCore
import NIOPosix

/// An open file or stream whose bytes are to be uploaded. Whoever opened it closes it.
package struct UploadSource: Sendable {
    package let descriptor: Int32
    /// nil for a stream, which is sent in chunks until it ends.
    package let sizeBytes: Int64?

    package init(descriptor: Int32, sizeBytes: Int64?) {
        self.descriptor = descriptor
        self.sizeBytes = sizeBytes
    }

    package enum ReadError: Error, Hashable, Sendable {
        case system(errno: Int32)
        /// The file became shorter while it was being sent.
        case shrank(toBytes: Int64)
    }

    static let pieceBytes = 64 * 1024
    /// How soon the reading of a stream that brings nothing notices that nobody wants it any more.
    private static let patienceMilliseconds: Int32 = 100

    /// The next piece; nil at the end, which is where the size says, even where the file has grown.
    ///
    /// - Parameter sent: bytes that earlier calls returned.
    func next(after sent: Int64, allocator: ByteBufferAllocator) async throws -> ByteBuffer? {
        let wanted = sizeBytes.map { Int(min($0 - sent, Int64(Self.pieceBytes))) } ?? Self.pieceBytes
        if wanted == 0 { return nil }
        while true {
            try Task.checkCancellation()
            let piece = try await NIOThreadPool.singleton.runIfActive { [self] () -> ByteBuffer? in
                try read(wanted, allocator: allocator)
            }
            guard let piece else { continue }
            if piece.readableBytes > 0 { return piece }
            guard sizeBytes == nil else { throw ReadError.shrank(toBytes: sent) }
            return nil
        }
    }

    /// nil where a stream has nothing yet; an empty piece at the end.
    private func read(_ wanted: Int, allocator: ByteBufferAllocator) throws(ReadError) -> ByteBuffer? {
        if sizeBytes == nil {
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let count = poll(&ready, 1, Self.patienceMilliseconds)
            if count == 0 || (count < 0 && errno == EINTR) { return nil }
        }
        var piece = allocator.buffer(capacity: wanted)
        var failure: Int32?
        piece.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { room in
            let count = Glibc.read(descriptor, room.baseAddress, wanted)
            if count < 0 { failure = errno }
            return max(count, 0)
        }
        switch failure {
        case nil: return piece
        case EINTR, EAGAIN: return nil
        case let code?: throw .system(errno: code)
        }
    }
}
