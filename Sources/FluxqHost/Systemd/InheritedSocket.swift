import Glibc

/// The listening socket that systemd made and passed on: sd_listen_fds(3).
package enum InheritedSocket {
    package enum Invalid: Error, Hashable, Sendable {
        case count(String)
        case notListening
        case failed(SystemError)
    }

    /// The first descriptor that the protocol passes.
    private static let firstDescriptor: Int32 = 3

    /// The socket's descriptor, closed on exec from now on; nil if none was passed to this process. Variables that name
    /// another process are for that process, so nothing must be unset for children.
    ///
    /// - Parameter descriptor: where the socket is expected.
    package static func take(
        environment: [String: String], processID: Int32 = getpid(), descriptor: Int32 = firstDescriptor
    ) throws(Invalid) -> Int32? {
        guard let owner = environment["LISTEN_PID"].flatMap(Int32.init), owner == processID,
            let count = environment["LISTEN_FDS"], count != "0"
        else { return nil }
        guard count == "1" else { throw .count(count) }
        let flags = fcntl(descriptor, F_GETFD)
        guard flags >= 0, fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) == 0 else {
            throw .failed(SystemError("fcntl"))
        }
        guard option(SO_DOMAIN, of: descriptor) == AF_UNIX,
            option(SO_TYPE, of: descriptor) == Int32(SOCK_STREAM.rawValue),
            option(SO_ACCEPTCONN, of: descriptor) == 1
        else { throw .notListening }
        return descriptor
    }

    /// nil if the descriptor is not a socket.
    private static func option(_ name: Int32, of descriptor: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
    }
}
