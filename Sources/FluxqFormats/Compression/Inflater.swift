import CZlib

/// Unpacks deflated bytes (RFC 1950, 1951, 1952) piece by piece: a small body cannot become large in memory. The reader of the
/// output says how much is too much.
///
/// Without memory it ends the process, as every allocation of Swift does: that says nothing about the bytes.
package final class Inflater {
    package enum Wrapping {
        case gzip, zlib
        /// gzip, or zlib as the coding `deflate` is defined: the first byte tells which.
        case gzipOrZlib
        /// None, as some servers send the coding `deflate`.
        case bare

        /// Of the window's 15 bits: 16 more is gzip, 32 more has the wrapping found out, and less than none says that there is
        /// none.
        fileprivate var windowBits: Int32 {
            switch self {
            case .gzip: 15 + 16
            case .zlib: 15
            case .gzipOrZlib: 15 + 32
            case .bare: -15
            }
        }
    }

    /// The bytes are not what they were said to be.
    package struct Broken: Error, Hashable, Sendable {
        package init() {}
    }

    /// What one step has done.
    package struct Step {
        package enum State {
            /// It has filled the room or taken all bytes.
            case running
            /// It can do nothing without more bytes.
            case starved
            /// The end mark has been read.
            case ended
            /// What has been written is good; what follows is not what it was said to be.
            case broken
        }

        /// Bytes that it has taken.
        package let read: Int
        /// Bytes that it has written.
        package let written: Int
        package let state: State
    }

    /// What a step writes at most, here.
    package static let pieceLength = 65_536

    /// At one address for its whole life: zlib keeps pointers to it.
    private let stream: UnsafeMutablePointer<z_stream>
    private let wrapping: Wrapping
    /// Room of `inflate`; empty until it is called.
    private var output: [UInt8] = []
    /// Everything has been unpacked; what follows is not part of it.
    package private(set) var isAtEnd = false
    /// The last step has filled its room: more may be ready without any more bytes.
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

    /// Takes as many bytes as fill the room.
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

    /// Unpacks what these bytes hold.
    ///
    /// - Parameter take: gets each piece of at most 64 KiB; what it throws ends the unpacking.
    /// - Throws: `Broken`, or what `take` throws.
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
                // A gzip file may be several, one after the other (RFC 1952, 2.2).
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
