import NIOCore
import Synchronization

/// The state of a connection for other tasks than its own.
package final class ConnectionState: Sendable {
    private struct State {
        var requestsAwaited = 0
        var isAwaitingRequest = false
        /// Whether the client had its side open before the last piece of the latest answer was sent.
        var hadClientForLastPiece = true
        var eventLoop: (any EventLoop)?
    }

    /// The client.
    let peer: Peer
    private let state = Mutex(State())
    private let left = Moment()
    private let inputEnded = Moment()

    init(of peer: Peer) {
        self.peer = peer
    }

    /// The way by which it has come in.
    var entrance: Entrance { peer.entrance }

    /// The number of the request that the connection waits for; nil while one is read or answered.
    var awaitedRequest: Int? {
        state.withLock { $0.isAwaitingRequest ? $0.requestsAwaited : nil }
    }

    func beginAwaitingRequest() {
        state.withLock { state in
            state.requestsAwaited += 1
            state.isAwaitingRequest = true
        }
    }

    func endAwaitingRequest() {
        state.withLock { $0.isAwaitingRequest = false }
    }

    /// True once the client has closed the connection or its sending side, even while a request of it is answered. At a
    /// TCP port both look the same until the next write.
    package var clientClosedItsSide: Bool { inputEnded.hasCome }

    /// The same, with everything that the kernel knew when this was called: the event loop handles what has happened to
    /// its sockets before it runs a task.
    package func clientHasClosedItsSide() async -> Bool {
        // Twice, because the first task may run with sockets that were looked at before the call.
        for _ in 0..<2 {
            guard !clientClosedItsSide, let eventLoop = state.withLock({ $0.eventLoop }) else { return true }
            do {
                try await eventLoop.submit {}.get()
            } catch {
                return true
            }
        }
        return clientClosedItsSide
    }

    /// True once the client has disconnected, as `clientLeaves` knows it.
    package var hasClientLeft: Bool { left.hasCome }

    /// Called before each piece of an answer is sent. A client that reads the last piece and then closes is told from one
    /// that had closed before.
    func notePiece() {
        state.withLock { $0.hadClientForLastPiece = !clientClosedItsSide }
    }

    var hadClientForLastPiece: Bool { state.withLock { $0.hadClientForLastPiece } }

    /// Returns when `clientClosedItsSide` becomes true or the task is canceled.
    package func clientStopsSending() async {
        await inputEnded.wait()
    }

    /// Returns when the client has disconnected or the task is canceled. At a TCP port the end of what the client sends
    /// counts as that: hardly any client closes its sending side and still waits.
    package func clientLeaves() async {
        await left.wait()
    }

    fileprivate func end(isWhole: Bool) {
        inputEnded.come()
        if isWhole || entrance != .socket { left.come() }
    }

    /// Learns from the network library what the client has closed. The first handler of the connection, so that no other
    /// one delays the news.
    var watch: any ChannelHandler & Sendable { Watch(connection: self) }

    private final class Watch: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        private let connection: ConnectionState

        init(connection: ConnectionState) {
            self.connection = connection
        }

        func handlerAdded(context: ChannelHandlerContext) {
            connection.state.withLock { $0.eventLoop = context.eventLoop }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case ChannelEvent.inputClosed = event { connection.end(isWhole: false) }
            context.fireUserInboundEventTriggered(event)
        }

        func channelInactive(context: ChannelHandlerContext) {
            connection.end(isWhole: true)
            context.fireChannelInactive()
        }
    }
}
