import Glibc
import NIOCore

/// `struct ucred` of Linux: what SO_PEERCRED reports about the process that connected.
struct PeerCredential: Sendable {
    private let pid: Int32
    private let uid: UInt32
    private let gid: UInt32

    /// The uids that the kernel reports if it has no user: the invalid one, and the one for all users of another user
    /// namespace. 65535 is the invalid one in 16 bits.
    private static let nobody: Set<UInt32> = [.max, 65534, 65535]

    /// The peer's uid; nil if the kernel cannot tell it.
    static func uid(of channel: any Channel) -> EventLoopFuture<UInt32?> {
        guard let options = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeSucceededFuture(nil)
        }
        let credential: EventLoopFuture<PeerCredential> = options.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
        return credential.map { nobody.contains($0.uid) ? nil : $0.uid }.flatMapErrorThrowing { _ in nil }
    }
}
