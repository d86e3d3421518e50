import Glibc
import NIOCore

/// `struct ucred` of Linux: what SO_PEERCRED tells of the process that connected.
struct PeerCredential: Sendable {
    private let pid: Int32
    private let uid: UInt32
    private let gid: UInt32

    /// What the kernel gives where it has no user to name: none at all, and the one that every user of a foreign user
    /// namespace arrives as. 65535 is none at all in 16 bits.
    private static let nobody: Set<UInt32> = [.max, 65534, 65535]

    /// The user at the other end; nil if the kernel cannot tell who that is.
    static func uid(of channel: any Channel) -> EventLoopFuture<UInt32?> {
        guard let options = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeSucceededFuture(nil)
        }
        let credential: EventLoopFuture<PeerCredential> = options.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
        return credential.map { nobody.contains($0.uid) ? nil : $0.uid }.flatMapErrorThrowing { _ in nil }
    }
}
