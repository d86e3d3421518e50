import CZlib
import NIOCore

/// Undoes one compressed stream with zlib, in pieces of a fixed size: a small body cannot become large in memory.
final class Inflater {
    enum Format {
        case gzip, zlib
        /// Deflate without a frame, as some servers send under that name.
        case raw

        fileprivate var windowBits: Int32 {
            switch self {
            case .gzip: 31
            case .zlib: 15
            case .raw: -15
            }
        }
    }

    /// What came is not such a stream, or not any more.
    struct Broken: Error {}

    private static let pieceBytes = 64 * 1024

    /// At one address for its whole life: zlib keeps pointers to it.
    private let stream: UnsafeMutablePointer<z_stream>
    /// The last piece was full, so more may be ready without any input.
    private var isPieceFull = false
    /// The stream's end mark has been read; what follows is not part of it.
    private(set) var isOver = false

    init(_ format: Format) throws(Broken) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let size = Int32(MemoryLayout<z_stream>.size)
        guard inflateInit2_(stream, format.windowBits, ZLIB_VERSION, size) == Z_OK else {
            stream.deallocate()
            throw Broken()
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Takes as much of the input as one piece of output needs.
    /// - Returns: nil if more input is needed first.
    func next(from input: inout ByteBuffer) throws(Broken) -> ByteBuffer? {
        while !isOver, input.readableBytes > 0 || isPieceFull {
            var output = ByteBuffer()
            var code = Z_OK
            input.readWithUnsafeMutableReadableBytes { bytes in
                stream.pointee.next_in = bytes.bindMemory(to: UInt8.self).baseAddress
                stream.pointee.avail_in = UInt32(bytes.count)
                output.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.pieceBytes) { room in
                    stream.pointee.next_out = room.bindMemory(to: UInt8.self).baseAddress
                    stream.pointee.avail_out = UInt32(Self.pieceBytes)
                    code = inflate(stream, Z_NO_FLUSH)
                    return Self.pieceBytes - Int(stream.pointee.avail_out)
                }
                return bytes.count - Int(stream.pointee.avail_in)
            }
            isPieceFull = output.readableBytes == Self.pieceBytes
            switch code {
            case Z_STREAM_END: isOver = true
            case Z_OK: break
            // Nothing could be done: it needs more input.
            case Z_BUF_ERROR: isPieceFull = false
            default:
                // What came out before is good.
                if output.readableBytes == 0 { throw Broken() }
            }
            if output.readableBytes > 0 { return output }
            if code == Z_BUF_ERROR { return nil }
        }
        return nil
    }
}
