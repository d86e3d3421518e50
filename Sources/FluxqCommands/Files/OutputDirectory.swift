import Crypto
import FluxqControl
import FluxqHost
import FluxqModel
import Glibc
import NIOPosix
import SystemPackage

/// A directory that receives pictures, each under its own name and never over another file.
///
/// A picture is written to a file without a name, checked and made durable. Only then it gets its name, by a system
/// call that fails if the name is taken. On a file system without unnamed files, it has a temporary name until then.
struct OutputDirectory: Sendable {
    let path: BytePath
    private let descriptor: Int32

    private static let pieceBytes = 256 * 1024

    /// Opens the directory, and creates it if it is missing; its parent must exist. The caller must call `close()`.
    static func open(_ path: BytePath) async throws(DestinationError) -> OutputDirectory {
        try await offThePool { () throws(DestinationError) in
            var descriptor = path.withCString { Glibc.open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
            if descriptor < 0, errno == ENOENT {
                guard path.withCString({ mkdir($0, 0o777) }) == 0 || errno == EEXIST else {
                    throw .directory(path: path, .last)
                }
                descriptor = path.withCString { Glibc.open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
            }
            guard descriptor >= 0 else { throw .directory(path: path, .last) }
            return OutputDirectory(path: path, descriptor: descriptor)
        }
    }

    private init(path: BytePath, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    func close() {
        // Each name in it was made durable when it was given.
        Glibc.close(descriptor)
    }

    /// The path of a file in it, as printed.
    func path(of name: String) -> BytePath {
        path == BytePath(".") ? BytePath(name) : path.appending(name)
    }

    /// Saves a picture, unless the same picture is already there.
    ///
    /// - Parameter write: writes the picture's bytes to the given descriptor.
    /// - Returns: the path.
    func save(
        _ name: String, hash: ContentHash, bytes: Int64?, write: (Int32) async throws -> Void
    ) async throws -> BytePath {
        let path = path(of: name)
        if try await isThere(name, hash: hash, bytes: bytes) { return path }
        let temporary = try await create(name)
        defer { discard(temporary) }
        try await write(temporary.descriptor)
        try await Self.offThePool { () throws(DestinationError) in
            guard try Self.content(of: temporary.descriptor, path: path) == hash else { throw .damaged(path: path) }
            try Self.sync(temporary.descriptor, path)
        }
        if try await give(name, to: temporary) { return path }
        // Another process was faster.
        if try await isThere(name, hash: hash, bytes: bytes) { return path }
        throw DestinationError.different(path: path)
    }

    /// A file that is still being written.
    private struct Temporary: Sendable {
        let descriptor: Int32
        /// nil for a file without a name.
        let name: String?
    }

    /// True if the same picture is already there under the name.
    ///
    /// - Throws: if something else is there.
    private func isThere(_ name: String, hash: ContentHash, bytes: Int64?) async throws(DestinationError) -> Bool {
        let path = path(of: name)
        return try await Self.offThePool { () throws(DestinationError) in
            let file = openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            guard file >= 0 else {
                switch errno {
                case ENOENT: return false
                case ELOOP: throw .symbolicLink(path: path)
                case ENXIO: throw .notAFile(path: path)
                case EACCES: throw .different(path: path)
                default: throw .system(path: path, .last)
                }
            }
            defer { Glibc.close(file) }
            var facts = stat()
            guard fstat(file, &facts) == 0 else { throw .system(path: path, .last) }
            guard facts.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
            guard bytes == nil || Int64(facts.st_size) == bytes, try Self.content(of: file, path: path) == hash else {
                throw .different(path: path)
            }
            return true
        }
    }

    /// Linux's `O_TMPFILE`, which C's headers define only for GNU programs.
    private static let openWithoutName = 0o20000000 | O_DIRECTORY

    private func create(_ name: String) async throws(DestinationError) -> Temporary {
        try await Self.offThePool { () throws(DestinationError) in
            // The file gets its name through /proc, which some chroots lack.
            if access("/proc/self/fd", X_OK) == 0 {
                let file = openat(descriptor, ".", O_RDWR | Self.openWithoutName | O_CLOEXEC, 0o666)
                if file >= 0 { return Temporary(descriptor: file, name: nil) }
            }
            // `createNamed` reports any other error.
            return try createNamed(name)
        }
    }

    /// Creates a temporary file with its own name. Blocks.
    private func createNamed(_ name: String) throws(DestinationError) -> Temporary {
        let temporary = ".\(name).\(String(UInt64.random(in: 0 ... .max), radix: 36)).part"
        PartialFiles.add(temporary, in: descriptor)
        let file = openat(descriptor, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
        guard file >= 0 else {
            let code = Errno.last
            PartialFiles.forget(temporary, in: descriptor)
            throw .system(path: path(of: name), code)
        }
        return Temporary(descriptor: file, name: temporary)
    }

    /// Closes a temporary file, and removes its temporary name if it still has one.
    private func discard(_ temporary: Temporary) {
        Glibc.close(temporary.descriptor)
        guard let name = temporary.name else { return }
        unlinkat(descriptor, name, 0)
        PartialFiles.forget(name, in: descriptor)
    }

    /// Gives a temporary file its name, durably.
    ///
    /// - Returns: false if the name is taken.
    private func give(_ name: String, to temporary: Temporary) async throws(DestinationError) -> Bool {
        let path = path(of: name)
        return try await Self.offThePool { () throws(DestinationError) in
            let code: Errno?
            if let temporaryName = temporary.name {
                code = ExclusiveRename.move(temporaryName, to: name, in: descriptor)
            } else {
                code = try link(temporary.descriptor, as: name)
            }
            if code == .fileExists { return false }
            if let code { throw .system(path: path, code) }
            try Self.sync(descriptor, path)
            return true
        }
    }

    /// Names an unnamed file. Blocks.
    ///
    /// - Returns: the reason of the failure; nil if it has the name.
    private func link(_ file: Int32, as name: String) throws(DestinationError) -> Errno? {
        if linkat(AT_FDCWD, "/proc/self/fd/\(file)", descriptor, name, AT_SYMLINK_FOLLOW) == 0 { return nil }
        let code = Errno.last
        guard
            ExclusiveRename.isUnsupported(code)
                || [.notPermitted, .noSuchFileOrDirectory, .tooManyLinks].contains(code)
        else { return code }
        // Some file systems have unnamed files but can never name them: copy the bytes to a named file.
        let copy = try createNamed(name)
        defer { discard(copy) }
        let path = path(of: name)
        try Self.forEachPiece(of: file, path) { (piece) throws(DestinationError) in
            var rest = piece
            while !rest.isEmpty {
                let count = Glibc.write(copy.descriptor, rest.baseAddress, rest.count)
                if count < 0, errno != EINTR { throw .system(path: path, .last) }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(max(count, 0)))
            }
        }
        try Self.sync(copy.descriptor, path)
        guard let temporary = copy.name else { return .invalidArgument }
        return ExclusiveRename.move(temporary, to: name, in: descriptor)
    }

    /// Makes a file or the directory durable, if the file system supports it.
    private static func sync(_ descriptor: Int32, _ path: BytePath) throws(DestinationError) {
        guard fsync(descriptor) != 0, !ExclusiveRename.isUnsupported(.last) else { return }
        throw .system(path: path, .last)
    }

    private static func content(of file: Int32, path: BytePath) throws(DestinationError) -> ContentHash {
        var hash = SHA256()
        try forEachPiece(of: file, path) { (piece) throws(DestinationError) in hash.update(bufferPointer: piece) }
        return ContentHash(digest: Array(hash.finalize()))
    }

    private static func forEachPiece(
        of file: Int32, _ path: BytePath, _ body: (UnsafeRawBufferPointer) throws(DestinationError) -> Void
    ) throws(DestinationError) {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceBytes, alignment: 16)
        defer { room.deallocate() }
        var offset: Int64 = 0
        while true {
            let count = pread(file, room.baseAddress, room.count, off_t(offset))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(path: path, .last) }
            if count == 0 { return }
            try body(UnsafeRawBufferPointer(rebasing: room[..<count]))
            offset += Int64(count)
        }
    }

    /// Runs blocking code on a thread of NIO's pool.
    private static func offThePool<Value: Sendable>(
        _ body: @escaping @Sendable () throws(DestinationError) -> Value
    ) async throws(DestinationError) -> Value {
        do {
            return try await NIOThreadPool.singleton.runIfActive(body)
        } catch let error as DestinationError {
            throw error
        } catch {
            // The program is exiting.
            throw .system(path: BytePath(""), .canceled)
        }
    }
}
