import FluxqFormats
import FluxqHost
import FluxqModel
import Glibc
import SystemPackage

/// Makes a system call, and repeats it if a signal interrupted it.
/// - Returns: what the call returned.
@discardableResult
func system<Value: FixedWidthInteger & SignedInteger>(
    _ operation: ArchiveError.Operation, _ path: String, _ call: () -> Value
) throws(ArchiveError) -> Value {
    while true {
        let value = call()
        if value >= 0 { return value }
        let code = Errno.last
        if code != .interrupted { throw ArchiveError(operation, path, errno: code) }
    }
}

/// A file descriptor, closed when the last reference goes. Every call blocks.
final class OpenFile: Sendable {
    let path: String
    private let descriptor: CInt

    /// - Parameter mode: the mode of a new file.
    init(_ path: String, _ flags: CInt, mode: mode_t = 0) throws(ArchiveError) {
        self.path = path
        descriptor = try system(flags & O_CREAT == 0 ? .open : .create, path) {
            Glibc.open(path, flags | O_CLOEXEC, mode)
        }
    }

    deinit {
        // Everything important has been synced before; other errors cannot be handled here.
        _ = close(descriptor)
    }

    /// Makes the entries of a directory durable. A file system that cannot sync a directory makes its entries durable
    /// by other means, or not at all. A backup may be on such a file system.
    static func syncDirectory(_ path: String) throws(ArchiveError) {
        do throws(ArchiveError) {
            try OpenFile(path, O_RDONLY | O_DIRECTORY).sync()
        } catch .failed(.sync, _, let code) where ExclusiveRename.isUnsupported(code) {
            return
        }
    }

    func size() throws(ArchiveError) -> Int64 {
        var status = stat()
        try system(.measure, path) { fstat(descriptor, &status) }
        return Int64(status.st_size)
    }

    /// Writes all of the bytes at `offset`. After an error some of them may have been written.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(ArchiveError) {
        var written = 0
        while written < bytes.count {
            written += try system(.write, path) {
                pwrite(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written, Int(offset) + written)
            }
        }
    }

    /// Writes all of the bytes to an empty file.
    func write(_ bytes: [UInt8]) throws(ArchiveError) {
        // The standard library's version has no typed throws for its closure.
        let result = bytes.withUnsafeBytes { space in
            Result { () throws(ArchiveError) in try write(space, at: 0) }
        }
        try result.get()
    }

    /// Cuts off the bytes after `size`.
    func truncate(to size: Int64) throws(ArchiveError) {
        try system(.write, path) { ftruncate(descriptor, Int(size)) }
    }

    /// Fills the space and returns the number of bytes read, fewer than the space holds only at the end of the file.
    func read(at offset: Int64, into space: UnsafeMutableRawBufferPointer) throws(ArchiveError) -> Int {
        var filled = 0
        while filled < space.count {
            let count = try system(.read, path) {
                pread(descriptor, space.baseAddress.map { $0 + filled }, space.count - filled, Int(offset) + filled)
            }
            if count == 0 { break }
            filled += count
        }
        return filled
    }

    /// Writes every byte again in its place, so that a sync after a failed one has something to do: the kernel counts
    /// what it could not write as written.
    func rewrite(size: Int64) throws(ArchiveError) {
        try withPieces(of: size) { (piece, offset) throws(ArchiveError) in
            try write(UnsafeRawBufferPointer(piece), at: offset)
        }
    }

    /// Reads the first `size` bytes piece by piece.
    func withPieces(
        of size: Int64, _ body: (UnsafeMutableRawBufferPointer, _ offset: Int64) throws(ArchiveError) -> Void
    ) throws(ArchiveError) {
        let space = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { space.deallocate() }
        var offset: Int64 = 0
        while offset < size {
            let piece = UnsafeMutableRawBufferPointer(rebasing: space[..<Int(min(Int64(space.count), size - offset))])
            guard try read(at: offset, into: piece) == piece.count else {
                throw .failed(operation: .sync, path: path, errno: .ioError)
            }
            try body(piece, offset)
            offset += Int64(piece.count)
        }
    }

    /// Reserves disk space for the first `count` bytes.
    func reserve(_ count: Int64) throws(ArchiveError) {
        while case let code = posix_fallocate(descriptor, 0, off_t(max(count, 1))), code != 0 {
            if code != EINTR { throw ArchiveError(.write, path, errno: Errno(rawValue: code)) }
        }
    }

    func makeReadOnly() throws(ArchiveError) {
        try system(.makeReadOnly, path) { fchmod(descriptor, 0o400) }
    }

    /// Sets the time of its last change to now.
    func touch() throws(ArchiveError) {
        try system(.write, path) { futimens(descriptor, nil) }
    }

    func sync() throws(ArchiveError) {
        try system(.sync, path) { fsync(descriptor) }
    }
}

/// A file for readers that block the calling thread.
package struct FileBytes: ByteSource {
    let file: OpenFile
    package let size: Int64

    /// - Throws: `ArchiveError`.
    package func read(at offset: Int64, count: Int) throws -> [UInt8] {
        let count = clampedCount(at: offset, count: count)
        return try [UInt8](unsafeUninitializedCapacity: count) { space, filled in
            filled = try file.read(
                at: offset, into: UnsafeMutableRawBufferPointer(start: space.baseAddress, count: count))
        }
    }

    /// Returns how many of `count` bytes from `offset` exist.
    func clampedCount(at offset: Int64, count: Int) -> Int {
        guard offset >= 0, offset < size, count > 0 else { return 0 }
        return Int(min(Int64(count), size - offset))
    }
}
