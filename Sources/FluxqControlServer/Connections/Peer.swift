import FluxqHost
import Glibc
import NIOCore

/// The other end of a connection: decided once, at accept.
struct Peer: Hashable, Sendable {
    /// From the kernel; nil if it cannot tell.
    let uid: UInt32?
    let entrance: Entrance
    /// The two ends of a connection to a port, to ask the kernel about; nil for one to the Unix socket, and if the peer's
    /// address is unknown.
    let connection: LoopbackConnection?

    /// Must be called on the channel's event loop before a byte is read. The future is complete at once.
    static func of(_ channel: any Channel, at entrance: Entrance) -> EventLoopFuture<Peer> {
        switch entrance {
        case .socket:
            PeerCredential.uid(of: channel).map { Peer(uid: $0.flatMap(named), entrance: entrance, connection: nil) }
        case .port(let own):
            PortPeer.connection(of: channel, at: own).flatMap { connection in
                PortPeer.uid(of: channel, connection).map {
                    Peer(uid: $0.flatMap(named), entrance: entrance, connection: connection)
                }
            }
        }
    }

    /// The uids that the kernel reports if it has no user: the invalid one, and the one for all users of another user
    /// namespace. 65535 is the invalid one in 16 bits.
    private static let nobody: Set<UInt32> = [.max, 65534, 65535]

    private static func named(_ uid: UInt32) -> UInt32? { nobody.contains(uid) ? nil : uid }
}

/// `struct ucred` of Linux: what SO_PEERCRED reports about the process that connected to a Unix socket.
private struct PeerCredential: Sendable {
    let pid: Int32
    let uid: UInt32
    let gid: UInt32

    static func uid(of channel: any Channel) -> EventLoopFuture<UInt32?> {
        let credential: EventLoopFuture<PeerCredential> = channel.socketOption(SO_PEERCRED)
        return credential.map { $0.uid }.flatMapErrorThrowing { _ in nil }
    }
}

/// The user whose socket is at the other end of a TCP connection.
private enum PortPeer {
    /// nil unless the peer's socket is open and in this network namespace.
    static func uid(of channel: any Channel, _ connection: LoopbackConnection?) -> EventLoopFuture<UInt32?> {
        // A kernel that does not answer names nobody; the start has checked that it answers.
        guard let report = try? connection?.peerReport(), report.isOpen else {
            return channel.eventLoop.makeSucceededFuture(nil)
        }
        // A client could connect, send, and reset the connection before this accept. Then another user's connection may
        // have got the same addresses by now, and the kernel has named that user. But as long as our end is established,
        // nothing else has its addresses: so this is asked last.
        let state: EventLoopFuture<UInt8> = channel.socketOption(TCP_INFO, level: .tcp)
        return state.map { $0 == TCPSocketReport.State.established.rawValue ? report.uid : nil }
            .flatMapErrorThrowing { _ in nil }
    }

    /// The channel itself knows its addresses only later.
    static func connection(
        of channel: any Channel, at own: LoopbackAddress
    ) -> EventLoopFuture<LoopbackConnection?> {
        func read<Address: Sendable>(_ type: Address.Type) -> EventLoopFuture<LoopbackConnection?> {
            let address: EventLoopFuture<Address> = channel.socketOption(SO_PEERNAME)
            return address.map { address in
                withUnsafeBytes(of: address) { bytes in
                    bytes.withMemoryRebound(to: sockaddr.self) { buffer in
                        buffer.baseAddress.flatMap { LoopbackAddress($0, length: socklen_t(bytes.count)) }
                    }
                }.map { LoopbackConnection(own: own, peer: $0) }
            }.flatMapErrorThrowing { _ in nil }
        }
        return own.family == AF_INET ? read(sockaddr_in.self) : read(sockaddr_in6.self)
    }
}

extension Channel {
    /// Reads an option of the channel's socket.
    fileprivate func socketOption<Value: Sendable>(
        _ name: Int32, level: NIOBSDSocket.OptionLevel = .socket
    ) -> EventLoopFuture<Value> {
        guard let options = self as? any SocketOptionProvider else {
            return eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
        }
        return options.unsafeGetSocketOption(level: level, name: NIOBSDSocket.Option(rawValue: name))
    }
}
