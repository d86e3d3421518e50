import FluxqHost
import Glibc
import NIOCore
import NIOPosix
import Synchronization
package import SystemPackage

/// An open file or stream to upload, as often as needed. The caller that opened it closes it.
package struct UploadSource: Sendable {
    package let descriptor: Int32
    /// nil for a stream, which is sent in chunks until it ends.
    package let sizeBytes: Int64?
    /// The file offset at which the upload begins.
    package let start: Int64
    /// The data of a stream, which can be read only once.
    private let kept = Kept()

    private final class Kept: Sendable {
        let bytes = Mutex<[UInt8]>([])
    }

    /// The data read from a stream so far.
    package var keptBytes: [UInt8] { kept.bytes.withLock { $0 } }

    package init(descriptor: Int32, sizeBytes: Int64?) {
        self.descriptor = descriptor
        self.sizeBytes = sizeBytes
        start = sizeBytes == nil ? 0 : Int64(max(lseek(descriptor, 0, SEEK_CUR), 0))
    }

    package enum ReadError: Error, Hashable, Sendable {
        case system(Errno)
        /// The file became shorter while it was being sent.
        case shrank(toBytes: Int64)
    }

    static let pieceBytes = 64 * 1024
    /// How soon a read from a silent stream notices that the upload was canceled.
    private static let patienceMilliseconds: Int32 = 100

    /// The next piece; nil at the end, which is set by the size even if the file has grown.
    ///
    /// - Parameter sent: bytes that earlier calls of this upload returned.
    func next(after sent: Int64, allocator: ByteBufferAllocator) async throws -> ByteBuffer? {
        let wanted = sizeBytes.map { Int(min($0 - sent, Int64(Self.pieceBytes))) } ?? Self.pieceBytes
        if wanted == 0 { return nil }
        while true {
            try Task.checkCancellation()
            if sizeBytes == nil, let piece = keptPiece(after: sent, allocator) { return piece }
            let piece = try await NIOThreadPool.singleton.runIfActive { [self] () -> ByteBuffer? in
                try read(wanted, at: start + sent, allocator: allocator)
            }
            guard let piece else { continue }
            if piece.readableBytes > 0 { return piece }
            guard sizeBytes == nil else { throw ReadError.shrank(toBytes: sent) }
            return nil
        }
    }

    /// A piece that an earlier upload has read from the stream; nil if there are no more.
    private func keptPiece(after sent: Int64, _ allocator: ByteBufferAllocator) -> ByteBuffer? {
        kept.bytes.withLock { bytes in
            let rest = bytes.dropFirst(Int(sent))
            return rest.isEmpty ? nil : allocator.buffer(bytes: rest.prefix(Self.pieceBytes))
        }
    }

    /// nil if a stream has no data yet; an empty piece at the end.
    private func read(_ wanted: Int, at offset: Int64, allocator: ByteBufferAllocator) throws(ReadError) -> ByteBuffer?
    {
        if sizeBytes == nil {
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let count = poll(&ready, 1, Self.patienceMilliseconds)
            if count == 0 || (count < 0 && errno == EINTR) { return nil }
        }
        var piece = allocator.buffer(capacity: wanted)
        var failure: Errno?
        piece.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { room in
            let count =
                sizeBytes == nil
                ? Glibc.read(descriptor, room.baseAddress, wanted)
                : pread(descriptor, room.baseAddress, wanted, off_t(offset))
            if count < 0 { failure = .last }
            return max(count, 0)
        }
        switch failure {
        case nil:
            if sizeBytes == nil { kept.bytes.withLock { $0 += piece.readableBytesView } }
            return piece
        case .interrupted, .resourceTemporarilyUnavailable: return nil
        case let code?: throw .system(code)
        }
    }
}
