import NIOCore
import Synchronization

/// The state of a connection for other tasks than its own.
final class ConnectionState: Sendable {
    private struct State {
        var requestsAwaited = 0
        var isAwaitingRequest = false
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
    var clientClosedItsSide: Bool { inputEnded.hasCome }

    /// Returns when `clientClosedItsSide` becomes true or the task is canceled.
    func clientStopsSending() async {
        await inputEnded.wait()
    }

    /// Returns when the client has disconnected or the task is canceled. At a TCP port the end of what the client sends
    /// counts as that: hardly any client closes its sending side and still waits.
    func clientLeaves() async {
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
