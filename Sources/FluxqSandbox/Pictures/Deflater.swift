import CZlib

/// Compresses bytes as servers do.
enum Deflater {
    enum Format: Hashable, Sendable {
        case gzip, zlib
        /// Deflate without a header.
        case raw

        fileprivate var windowBits: Int32 {
            switch self {
            case .gzip: 31
            case .zlib: 15
            case .raw: -15
            }
        }
    }

    /// - Throws: `SandboxError` if zlib has no memory.
    static func compress(_ bytes: [UInt8], as format: Format) throws(SandboxError) -> [UInt8] {
        // Stays at one address, because zlib keeps pointers to it.
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        defer { stream.deallocate() }
        let size = Int32(MemoryLayout<z_stream>.size)
        guard
            deflateInit2_(
                stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, format.windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size)
                == Z_OK
        else { throw .noMemory }
        defer { deflateEnd(stream) }
        var input = bytes
        let room = Int(deflateBound(stream, UInt(bytes.count))) + 64
        var output = [UInt8](repeating: 0, count: room)
        let code = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.pointee.next_in = input.baseAddress
                stream.pointee.avail_in = UInt32(input.count)
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = UInt32(room)
                return deflate(stream, Z_FINISH)
            }
        }
        guard code == Z_STREAM_END else { throw .noMemory }
        return Array(output.prefix(room - Int(stream.pointee.avail_out)))
    }
}
