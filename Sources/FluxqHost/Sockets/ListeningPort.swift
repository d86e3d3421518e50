import Glibc
import SystemPackage

/// A TCP port of a loopback address on which this program listens: bound here, or passed by systemd.
package struct ListeningPort: Hashable, Sendable {
    package let address: LoopbackAddress
    /// Listening, closed on exec. The server closes it.
    package let descriptor: Int32

    /// Binds and listens.
    ///
    /// - Parameter address: port 0 stands for any free port.
    package static func bind(_ address: LoopbackAddress) throws(ListeningPortError) -> ListeningPort {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(address.family, type, 0)
        guard descriptor >= 0 else { throw ListeningPortError(address, SystemError("socket")) }
        do throws(ListeningPortError) {
            // Connections of an earlier process may still be in TIME_WAIT. It does not allow a second listener.
            setOption(descriptor, SOL_SOCKET, SO_REUSEADDR)
            guard address.withSocketAddress({ Glibc.bind(descriptor, $0, $1) }) == 0 else {
                throw ListeningPortError(address, SystemError("bind"))
            }
            guard listen(descriptor, ListeningSocket.backlog) == 0 else {
                throw ListeningPortError(address, SystemError("listen"))
            }
            guard let port = ListeningPort(descriptor: descriptor) else {
                throw .failed(address, SystemError("getsockname"))
            }
            return port
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// nil if the descriptor is anything but a listening TCP socket of a loopback address.
    package init?(descriptor: Int32) {
        // Of an IPv6 socket with an IPv4 address, peers would have IPv6 addresses.
        guard let address = LoopbackAddress(ofSocket: descriptor),
            SocketOption.read(SO_DOMAIN, of: descriptor) == address.family,
            SocketOption.read(SO_TYPE, of: descriptor) == Int32(SOCK_STREAM.rawValue),
            SocketOption.read(SO_PROTOCOL, of: descriptor) == Int32(IPPROTO_TCP),
            SocketOption.read(SO_ACCEPTCONN, of: descriptor) == 1
        else { return nil }
        self.address = address
        self.descriptor = descriptor
        // Accepted connections inherit it: an answer's last packet must not wait for an acknowledgement.
        Self.setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
    }

    /// Switches an option on. Neither of them can fail for a TCP socket.
    private static func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32) {
        var value: Int32 = 1
        setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}

/// The reason why this program cannot listen on a port.
package enum ListeningPortError: Error, Hashable, Sendable {
    /// Another program listens there.
    case inUse(LoopbackAddress)
    /// Only root may listen on such a low port.
    case notPermitted(LoopbackAddress)
    /// The host does not have the address: IPv6 is off.
    case noSuchAddress(LoopbackAddress)
    case failed(LoopbackAddress, SystemError)

    fileprivate init(_ address: LoopbackAddress, _ error: SystemError) {
        self =
            switch error.code {
            case .addressInUse: .inUse(address)
            case .permissionDenied, .notPermitted: .notPermitted(address)
            case .addressNotAvailable, .addressFamilyNotSupported: .noSuchAddress(address)
            default: .failed(address, error)
            }
    }
}

extension LoopbackAddress {
    /// The local address of a socket; nil if it is not a loopback address, or if the descriptor is not a socket.
    package init?(ofSocket descriptor: Int32) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let address = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                getsockname(descriptor, pointer, &length) == 0 ? LoopbackAddress(pointer, length: length) : nil
            }
        }
        guard let address else { return nil }
        self = address
    }
}
