import CZlib

/// Unpacks deflated bytes (RFC 1950, 1951, 1952) piece by piece, so that a small body cannot become large in memory.
/// The reader of the output limits the total size.
///
/// If memory runs out, it ends the process, as every allocation of Swift does: that is no fault of the bytes.
package final class Inflater {
    package enum Wrapping {
        case gzip, zlib
        /// gzip or zlib, which is how the coding `deflate` is defined. The first byte shows which.
        case gzipOrZlib
        /// No wrapping: some servers send the coding `deflate` so.
        case bare

        /// The 15 bits of the window. 16 more means gzip, 32 more detects the wrapping, and a negative number means no
        /// wrapping.
        fileprivate var windowBits: Int32 {
            switch self {
            case .gzip: 15 + 16
            case .zlib: 15
            case .gzipOrZlib: 15 + 32
            case .bare: -15
            }
        }
    }

    /// The bytes do not have the expected format.
    package struct Broken: Error, Hashable, Sendable {
        package init() {}
    }

    /// The result of one step.
    package struct Step {
        package enum State {
            /// The step has filled the room or read all bytes.
            case running
            /// The step needs more bytes.
            case starved
            /// The end mark has been read.
            case ended
            /// The bytes written are good, but the following input is invalid.
            case broken
        }

        /// The number of bytes read.
        package let read: Int
        /// The number of bytes written.
        package let written: Int
        package let state: State
    }

    /// The largest piece that `inflate` passes on.
    package static let pieceLength = 65_536

    /// Allocated at a fixed address: zlib keeps pointers to it.
    private let stream: UnsafeMutablePointer<z_stream>
    private let wrapping: Wrapping
    /// The buffer of `inflate`; empty until its first call.
    private var output: [UInt8] = []
    /// True once everything is unpacked. Any further bytes are not part of it.
    package private(set) var isAtEnd = false
    /// True if the last step has filled its room: more output may be ready without further input.
    package private(set) var mayHoldMore = false

    package init(_ wrapping: Wrapping) {
        self.wrapping = wrapping
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let size = Int32(MemoryLayout<z_stream>.size)
        let result = inflateInit2_(stream, wrapping.windowBits, ZLIB_VERSION, size)
        precondition(result == Z_OK, "zlib cannot begin: error \(result)")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Reads bytes until the room is full.
    package func step(_ bytes: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer) -> Step {
        stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = UInt32(bytes.count)
        stream.pointee.next_out = room.bindMemory(to: UInt8.self).baseAddress
        stream.pointee.avail_out = UInt32(room.count)
        let state: Step.State =
            switch CZlib.inflate(stream, Z_NO_FLUSH) {
            case Z_OK: .running
            case Z_BUF_ERROR: .starved
            case Z_STREAM_END: .ended
            case Z_MEM_ERROR: fatalError("zlib has no memory")
            default: .broken
            }
        let written = room.count - Int(stream.pointee.avail_out)
        isAtEnd = state == .ended
        mayHoldMore = written == room.count && state != .starved
        return Step(read: bytes.count - Int(stream.pointee.avail_in), written: written, state: state)
    }

    /// Unpacks these bytes.
    ///
    /// - Parameter take: receives each piece of at most 64 KiB; an error of it ends the unpacking.
    /// - Throws: `Broken`, or the error of `take`.
    package func inflate(
        _ bytes: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var rest = bytes
        guard !rest.isEmpty else { return }
        if output.isEmpty { output = [UInt8](repeating: 0, count: Self.pieceLength) }
        while !isAtEnd {
            let done = output.withUnsafeMutableBytes { step(rest, into: $0) }
            rest = UnsafeRawBufferPointer(rebasing: rest[done.read...])
            if done.written > 0 {
                try output.withUnsafeBytes { try take(UnsafeRawBufferPointer(rebasing: $0[..<done.written])) }
            }
            switch done.state {
            case .running:
                if rest.isEmpty, !mayHoldMore { return }
            case .starved:
                return
            case .ended:
                // A gzip file may consist of several members in a row (RFC 1952, 2.2).
                guard wrapping == .gzipOrZlib, rest.starts(with: [0x1F, 0x8B]), inflateReset(stream) == Z_OK else {
                    return
                }
                isAtEnd = false
            case .broken:
                throw Broken()
            }
        }
    }
}
