import Glibc

/// Connects to a Unix socket with system calls, which can wait while the backlog is full and accept paths that are not
/// text.
package enum UnixConnect {
    package struct Failure: Error {
        package let errno: Int32
    }

    /// Blocks for up to `patience` while the listener's backlog is full; does not block if it is zero.
    ///
    /// - Returns: a connected descriptor, which the caller must close.
    package static func connect(to path: BytePath, patience: Duration) throws(Failure) -> Int32 {
        let waits = patience > .zero
        let type =
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | (waits ? 0 : Int32(SOCK_NONBLOCK.rawValue))
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { throw Failure(errno: errno) }
        var code: Int32
        let deadline = ContinuousClock.now + patience
        repeat {
            if waits {
                let left = max(deadline - .now, .milliseconds(1)).components
                var limit = timeval(
                    tv_sec: time_t(left.seconds), tv_usec: suseconds_t(left.attoseconds / 1_000_000_000_000))
                setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            }
            code = connect(descriptor, path)
        } while code == EINTR
        guard code == 0 else {
            close(descriptor)
            throw Failure(errno: code)
        }
        return descriptor
    }

    /// - Returns: 0, or an error number.
    private static func connect(_ descriptor: Int32, _ path: BytePath) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // The last byte stays NUL, to end the path.
        guard path.bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return ENAMETOOLONG }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.bytes) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return result == 0 ? 0 : errno
    }
}
