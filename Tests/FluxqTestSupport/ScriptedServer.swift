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
        let socket = try LoopbackListener()
        listener = socket.descriptor
        port = socket.port
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
