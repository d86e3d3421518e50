import FluxqHost
import Glibc
import NIOCore

/// The bytes that were sent on a connection and that the client has not taken, as the kernel counts them.
enum UntakenBytes {
    /// True if there are none on a TCP connection. False in doubt.
    static func areNone(on connection: LoopbackConnection) -> Bool {
        do throws(SocketDiagnosis.Failure) {
            if let isRead = try connection.peerHasReadEverything() { return isRead }
            // A client that closes its socket with unread bytes resets the connection, and our end is closed too.
            let own = try SocketDiagnosis.report(on: connection.own, connectedTo: connection.peer)
            return own?.state == .closeWait && own?.unacknowledgedBytes == 0
        } catch {
            return false
        }
    }

    /// True if there are none on a Unix socket that its client keeps open. False in doubt.
    static func areNone(onSocket channel: any Channel) async -> Bool {
        guard let options = channel as? any SocketOptionProvider else { return false }
        do {
            let info: MemoryInfo = try await options.unsafeGetSocketOption(level: .socket, name: memoryInfo).get()
            return info.sent == 0
        } catch {
            return false
        }
    }

    /// The values of SO_MEMINFO, in the order of linux/sock_diag.h (SK_MEMINFO_RMEM_ALLOC and the following).
    private struct MemoryInfo: Sendable {
        private let received: UInt32 = 0
        private let receiveBuffer: UInt32 = 0
        /// What was sent. On a Unix socket it counts until the other side reads it.
        let sent: UInt32 = 0
        private let rest: (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0, 0, 0)
    }

    private static let memoryInfo = NIOBSDSocket.Option(rawValue: SO_MEMINFO)
}
