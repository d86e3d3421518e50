import FluxqFormats
import Glibc
package import NIOCore
import SystemPackage

/// A file of the archive, open for reading until the last reference is released. Removing it from the archive does not
/// disturb readers.
package final class ArchivedFile: Sendable {
    /// The same bytes for readers that block.
    package let blocking: FileBytes
    private let offloaded: OffloadedWork

    init(_ file: OpenFile, offloaded: OffloadedWork) throws(ArchiveError) {
        self.offloaded = offloaded
        blocking = FileBytes(file: file, size: try file.size())
    }

    /// Bytes.
    package var size: Int64 { blocking.size }

    /// Returns up to `count` bytes from `offset`, fewer only at the end of the file.
    package func read(at offset: Int64, count: Int) async throws(ArchiveError) -> ByteBuffer {
        let count = blocking.clampedCount(at: offset, count: count)
        return try await offloaded { () throws(ArchiveError) in
            var buffer = ByteBufferAllocator().buffer(capacity: count)
            try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { (space) throws(ArchiveError) in
                try self.blocking.file.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: space[..<count]))
            }
            return buffer
        }
    }

    /// Returns the format and size of the picture, or its defect.
    func inspect() async throws(ArchiveError) -> Result<PictureInfo, PictureDefect> {
        try await offloaded { () throws(ArchiveError) in
            do {
                return try PictureReader.inspect(self.blocking)
            } catch {
                // `inspect` throws only what its byte source throws.
                throw error as? ArchiveError
                    ?? .failed(operation: .read, path: self.blocking.file.path, errno: .ioError)
            }
        }
    }
}
