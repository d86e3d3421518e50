import Crypto
import FluxqModel
import Glibc
import NIOPosix

/// A directory that pictures are put into, each under a name of its own and never over another file.
///
/// A picture is written to a temporary file beside its place, checked, made durable, and only then given its name, by a
/// system call that fails where the name is taken.
struct OutputDirectory: Sendable {
    let path: String
    private let descriptor: Int32

    private static let pieceBytes = 256 * 1024

    /// Opens the directory, making it where it is missing; its parent has to be there. `close()` has to follow.
    static func open(_ path: String) async throws(DestinationError) -> OutputDirectory {
        try await offThePool { () throws(DestinationError) in
            var descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            if descriptor < 0, errno == ENOENT {
                guard mkdir(path, 0o777) == 0 || errno == EEXIST else {
                    throw .directory(path: path, .init(code: errno))
                }
                descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            }
            guard descriptor >= 0 else { throw .directory(path: path, .init(code: errno)) }
            return OutputDirectory(path: path, descriptor: descriptor)
        }
    }

    private init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    func close() {
        // Every name in it was made durable when it was given.
        Glibc.close(descriptor)
    }

    /// The path of a file in it, as it is printed.
    func path(of name: String) -> String {
        path == "." ? name : path.hasSuffix("/") ? path + name : "\(path)/\(name)"
    }

    /// Puts a picture there, unless the very same is there already.
    ///
    /// - Parameter write: writes the picture's bytes to the descriptor that it is given.
    /// - Returns: the path.
    func save(
        _ name: String, hash: ContentHash, bytes: Int64?, write: (Int32) async throws -> Void
    ) async throws -> String {
        let path = path(of: name)
        if try await isThere(name, hash: hash, bytes: bytes) { return path }
        let temporary = ".\(name).\(String(UInt64.random(in: 0 ... .max), radix: 36)).part"
        let file = try await create(temporary)
        defer { Glibc.close(file) }
        do {
            try await write(file)
            try await Self.offThePool { () throws(DestinationError) in
                guard try Self.content(of: file, path: path) == hash else { throw .damaged(path: path) }
                guard fsync(file) == 0 else { throw .system(path: path, .init(code: errno)) }
            }
        } catch {
            unlinkat(descriptor, temporary, 0)
            throw error
        }
        if try await give(name, to: temporary) { return path }
        // Somebody was faster.
        if try await isThere(name, hash: hash, bytes: bytes) { return path }
        throw DestinationError.different(path: path)
    }

    /// Whether the very picture is there under the name.
    ///
    /// - Throws: where something else is.
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
                case let code: throw .system(path: path, .init(code: code))
                }
            }
            defer { Glibc.close(file) }
            var facts = stat()
            guard fstat(file, &facts) == 0 else { throw .system(path: path, .init(code: errno)) }
            guard facts.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
            guard bytes == nil || Int64(facts.st_size) == bytes, try Self.content(of: file, path: path) == hash else {
                throw .different(path: path)
            }
            return true
        }
    }

    private func create(_ name: String) async throws(DestinationError) -> Int32 {
        try await Self.offThePool { () throws(DestinationError) in
            let file = openat(descriptor, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
            guard file >= 0 else { throw .system(path: path(of: name), .init(code: errno)) }
            return file
        }
    }

    /// Gives a temporary file its name, durably.
    ///
    /// - Returns: false where the name is taken; the temporary file is gone either way.
    private func give(_ name: String, to temporary: String) async throws(DestinationError) -> Bool {
        let path = path(of: name)
        return try await Self.offThePool { () throws(DestinationError) in
            var code = linkat(descriptor, temporary, descriptor, name, 0) == 0 ? 0 : errno
            if code == EPERM || code == EOPNOTSUPP {
                // A file system without links, such as FAT: take the name with an empty file, then move over that.
                let taken = openat(descriptor, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
                if taken >= 0 { Glibc.close(taken) }
                code = taken >= 0 && renameat(descriptor, temporary, descriptor, name) == 0 ? 0 : errno
            }
            unlinkat(descriptor, temporary, 0)
            if code == EEXIST { return false }
            guard code == 0 else { throw .system(path: path, .init(code: code)) }
            guard fsync(descriptor) == 0 else { throw .system(path: path, .init(code: errno)) }
            return true
        }
    }

    private static func content(of file: Int32, path: String) throws(DestinationError) -> ContentHash {
        var hash = SHA256()
        var piece = [UInt8](repeating: 0, count: pieceBytes)
        var offset: Int64 = 0
        while true {
            let count = piece.withUnsafeMutableBytes { pread(file, $0.baseAddress, $0.count, off_t(offset)) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(path: path, .init(code: errno)) }
            if count == 0 { return ContentHash(digest: Array(hash.finalize())) }
            piece.withUnsafeBytes { hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            offset += Int64(count)
        }
    }

    /// Runs what may block on a thread made for it.
    private static func offThePool<Value: Sendable>(
        _ body: @escaping @Sendable () throws(DestinationError) -> Value
    ) async throws(DestinationError) -> Value {
        do {
            return try await NIOThreadPool.singleton.runIfActive(body)
        } catch let error as DestinationError {
            throw error
        } catch {
            // The program is being ended.
            throw .system(path: "", .init(code: ECANCELED))
        }
    }
}
