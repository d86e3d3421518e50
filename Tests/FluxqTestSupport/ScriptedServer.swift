import Foundation
import Synchronization

/// A TCP server on 127.0.0.1 that does exactly what a test's script says, byte for byte, with a thread for each
/// connection. It simulates APIs and hosts that misbehave. It blocks if the peer does not read, so that no data is
/// buffered here.
package final class ScriptedServer: Sendable {
    package let port: Int
    private let listener: Int32
    private let connections = Connections()

    private final class Connections: Sendable {
        private let peers = Mutex<[ScriptedPeer]>([])

        func add(_ peer: ScriptedPeer) { peers.withLock { $0.append(peer) } }

        func hangUp() { for peer in peers.withLock({ $0 }) { peer.hangUp() } }
    }

    /// - Parameter serve: serves one connection; an error ends that connection.
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

    /// Ends every connection and stops listening.
    package func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        connections.hangUp()
    }
}
