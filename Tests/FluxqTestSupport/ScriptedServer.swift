import Foundation
import Synchronization

/// A TCP server on 127.0.0.1 that does exactly what a test says, byte for byte, on a thread for each connection: for APIs
/// and hosts that misbehave. It waits where the other side does not read, so that nothing piles up here.
package final class ScriptedServer: Sendable {
    package let port: Int
    private let listener: Int32
    private let connections = Connections()

    private final class Connections: Sendable {
        private let peers = Mutex<[ScriptedPeer]>([])

        func add(_ peer: ScriptedPeer) { peers.withLock { $0.append(peer) } }

        func hangUp() { for peer in peers.withLock({ $0 }) { peer.hangUp() } }
    }

    /// - Parameter serve: one connection; what it throws ends that connection.
    package init(_ serve: @escaping @Sendable (ScriptedPeer) throws -> Void) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, size) + listen(listener, 128) + getsockname(listener, pointer, &size)
            }
        }
        guard result == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        self.listener = listener
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread { [listener, connections] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                let peer = ScriptedPeer(descriptor)
                connections.add(peer)
                Thread {
                    do { try serve(peer) } catch {}
                    peer.close()
                }.start()
            }
        }.start()
    }

    /// Ends every connection and listens no more.
    package func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        connections.hangUp()
    }
}
