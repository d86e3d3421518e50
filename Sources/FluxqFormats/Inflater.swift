import CZlib

/// Unpacks deflated bytes (RFC 1950, 1951, 1952) piece by piece. It holds 32 KiB of window and one piece of output;
/// whoever takes the output says how much is too much.
package final class Inflater {
    package enum Wrapping {
        /// gzip, or zlib as the coding `deflate` is defined: the first byte tells which.
        case gzipOrZlib
        /// None, as some servers send the coding `deflate`.
        case bare
    }

    /// The bytes are not what they were said to be.
    package struct Broken: Error, Hashable, Sendable {
        package init() {}
    }

    private static let pieceLength = 65_536

    private let stream: UnsafeMutablePointer<z_stream>
    private let wrapping: Wrapping
    private var output = [UInt8](repeating: 0, count: pieceLength)
    /// Everything has been unpacked; what follows is not part of it.
    package private(set) var isAtEnd = false

    package init(_ wrapping: Wrapping) throws(Broken) {
        self.wrapping = wrapping
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // Of the window's 15 bits: 32 more has the wrapping found out, and less than none says that there is none.
        let bits: Int32 = wrapping == .bare ? -15 : 15 + 32
        guard inflateInit2_(stream, bits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            stream.deallocate()
            throw Broken()
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Unpacks what these bytes hold.
    ///
    /// - Parameter take: gets each piece of at most 64 KiB; what it throws ends the unpacking.
    /// - Throws: `Broken`, or what `take` throws.
    package func inflate(
        _ bytes: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard let start = bytes.bindMemory(to: UInt8.self).baseAddress, !isAtEnd else { return }
        stream.pointee.next_in = UnsafeMutablePointer(mutating: start)
        stream.pointee.avail_in = UInt32(bytes.count)
        while !isAtEnd {
            let (status, count) = output.withUnsafeMutableBufferPointer { output -> (Int32, Int) in
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = UInt32(output.count)
                let status = CZlib.inflate(stream, Z_NO_FLUSH)
                return (status, output.count - Int(stream.pointee.avail_out))
            }
            if count > 0 {
                try output.withUnsafeBytes { try take(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            }
            switch status {
            case Z_STREAM_END:
                // A gzip file may be several, one after the other (RFC 1952, 2.2).
                guard wrapping == .gzipOrZlib, stream.pointee.avail_in > 1, let next = stream.pointee.next_in,
                    next[0] == 0x1F, next[1] == 0x8B, inflateReset(stream) == Z_OK
                else {
                    isAtEnd = true
                    return
                }
            case Z_OK:
                if stream.pointee.avail_in == 0, stream.pointee.avail_out > 0 { return }
            case Z_BUF_ERROR:
                return  // More bytes are needed.
            default:
                throw Broken()
            }
        }
    }
}
