import Glibc
import Synchronization

/// A Unix socket that this program binds itself if systemd passed none.
package final class ListeningSocket: Sendable {
    /// Any user may connect: the kernel identifies each peer, and that decides its rights.
    package static let standardMode: UInt32 = 0o666
    /// Connections that can wait for accept.
    package static let backlog: Int32 = 512

    /// Linux's `O_PATH`, which C's headers define only for GNU programs. The same on x86-64 and arm64.
    private static let openPathOnly: Int32 = 0o10000000

    package let path: String
    /// Listening, closed on exec. The server closes it.
    package let descriptor: Int32
    /// Keeps the bound file of `path` open, so that no other file gets its inode; nil once removed.
    private let file: Mutex<Int32?>

    private init(path: String, descriptor: Int32, file: Int32) {
        self.path = path
        self.descriptor = descriptor
        self.file = Mutex(file)
    }

    /// Binds and listens. A stale socket at `path` is replaced.
    package static func bind(
        path: String, mode: UInt32 = standardMode
    ) throws(ListeningSocketError) -> ListeningSocket {
        guard let address = path.hasPrefix("@") ? nil : UnixSocketAddress(path) else { throw .badPath(path) }
        try checkDirectory(of: path)
        try removeStale(path, address)

        let descriptor = try makeSocket(path)
        do throws(ListeningSocketError) {
            guard address.withSocketAddress({ Glibc.bind(descriptor, $0, $1) }) == 0 else {
                switch errno {
                case ENOENT: throw .directoryMissing(path)
                case ENOTDIR: throw .badPath(path)
                case EACCES, EPERM, EROFS: throw .notPermitted(path)
                case EADDRINUSE: throw .inUse(path)
                default: throw .failed(path, SystemError("bind"))
                }
            }
            let file = open(path, openPathOnly | O_NOFOLLOW | O_CLOEXEC)
            guard file >= 0 else { throw .failed(path, SystemError("open")) }
            do throws(ListeningSocketError) {
                // Set before listen, so that no client meets a socket with the wrong mode: until then connections are
                // refused. Set through the opened file, because its name may already belong to another file.
                var status = stat()
                guard fstat(file, &status) == 0 else { throw .failed(path, SystemError("stat")) }
                guard status.st_mode & S_IFMT == S_IFSOCK, status.st_uid == geteuid() else { throw .notASocket(path) }
                guard chmod("/proc/self/fd/\(file)", mode) == 0 else { throw .failed(path, SystemError("chmod")) }
                guard listen(descriptor, backlog) == 0 else { throw .failed(path, SystemError("listen")) }
            } catch {
                close(file)
                throw error
            }
            return ListeningSocket(path: path, descriptor: descriptor, file: file)
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Removes the name, unless another file has it by now. Must be called once no more connections are accepted.
    package func removeName() throws(ListeningSocketError) {
        let held = file.withLock { file in
            defer { file = nil }
            return file
        }
        guard let held else { return }
        defer { close(held) }
        var bound = stat()
        var present = stat()
        guard fstat(held, &bound) == 0, lstat(path, &present) == 0,
            bound.st_dev == present.st_dev, bound.st_ino == present.st_ino
        else { return }
        if unlink(path) != 0, errno != ENOENT { throw .failed(path, SystemError("unlink")) }
    }

    /// In a directory where all users may replace each other's files, any user could put a socket in place of this one.
    private static func checkDirectory(of path: String) throws(ListeningSocketError) {
        var status = stat()
        // bind reports the errors of a directory that stat cannot read.
        guard stat(UnixSocketAddress.directory(of: path), &status) == 0 else { return }
        if status.st_mode & S_IWOTH != 0, status.st_mode & S_ISVTX == 0 { throw .directoryOfEverybody(path) }
    }

    private static func removeStale(_ path: String, _ address: UnixSocketAddress) throws(ListeningSocketError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path) }

        let probe = try makeSocket(path)
        defer { close(probe) }
        if address.withSocketAddress({ connect(probe, $0, $1) }) == 0 { throw .inUse(path) }
        switch errno {
        case ECONNREFUSED: break
        case ENOENT: return
        // Its backlog is full, so another process listens.
        case EAGAIN: throw .inUse(path)
        case EACCES, EPERM: throw .notPermitted(path)
        default: throw .failed(path, SystemError("connect"))
        }
        guard unlink(path) == 0 || errno == ENOENT else {
            switch errno {
            case EACCES, EPERM, EROFS: throw .notPermitted(path)
            default: throw .failed(path, SystemError("unlink"))
            }
        }
    }

    private static func makeSocket(_ path: String) throws(ListeningSocketError) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { throw .failed(path, SystemError("socket")) }
        return descriptor
    }
}
