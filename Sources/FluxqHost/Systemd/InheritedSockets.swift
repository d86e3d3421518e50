import Glibc

/// The listening sockets that systemd made and passed on: sd_listen_fds_with_names(3).
package struct InheritedSockets: Hashable, Sendable {
    package enum Invalid: Error, Hashable, Sendable {
        /// The number of sockets is not a number, or not that of the names.
        case count(String)
        /// More than one socket is not named `http`.
        case severalControlSockets(Int)
        case notListening
        /// A socket named `http` is not a listening TCP socket of a loopback address.
        case notLoopback
        case failed(SystemError)
    }

    /// The name (FileDescriptorName=) of the sockets that are TCP ports. Any other name, and none, is of the control
    /// socket.
    package static let portName = "http"
    /// The first descriptor that the protocol passes.
    private static let firstDescriptor: Int32 = 3

    /// The control socket's descriptor; nil if none was passed.
    package let control: Int32?
    package let ports: [ListeningPort]

    /// Takes the sockets that were passed to this process. They are closed on exec from now on. Variables that name
    /// another process are for that process, so nothing must be unset for children.
    ///
    /// - Parameter first: the descriptor of the first socket; the others follow it.
    package static func take(
        environment: [String: String], processID: Int32 = getpid(), first: Int32 = firstDescriptor
    ) throws(Invalid) -> InheritedSockets {
        guard let owner = environment["LISTEN_PID"].flatMap(Int32.init), owner == processID,
            let text = environment["LISTEN_FDS"], text != "0"
        else { return InheritedSockets(control: nil, ports: []) }
        guard let count = Int32(text), count > 0, count <= 64 else { throw .count(text) }
        let names = environment["LISTEN_FDNAMES"].map { $0.split(separator: ":", omittingEmptySubsequences: false) }
        guard names == nil || names?.count == Int(count) else { throw .count(text) }

        var control: [Int32] = []
        var ports: [ListeningPort] = []
        for number in 0..<count {
            let descriptor = first + number
            let flags = fcntl(descriptor, F_GETFD)
            guard flags >= 0, fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) == 0 else {
                throw .failed(SystemError("fcntl"))
            }
            if let name = names?[Int(number)], name == portName {
                guard let port = ListeningPort(descriptor: descriptor) else { throw .notLoopback }
                ports.append(port)
            } else {
                control.append(descriptor)
            }
        }
        guard control.count <= 1 else { throw .severalControlSockets(control.count) }
        for descriptor in control {
            guard SocketOption.read(SO_DOMAIN, of: descriptor) == AF_UNIX,
                SocketOption.read(SO_TYPE, of: descriptor) == Int32(SOCK_STREAM.rawValue),
                SocketOption.read(SO_ACCEPTCONN, of: descriptor) == 1
            else { throw .notListening }
        }
        return InheritedSockets(control: control.first, ports: ports)
    }
}
