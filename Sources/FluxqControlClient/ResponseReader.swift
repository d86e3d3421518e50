import NIOCore
import NIOHTTP1

/// Returns the parts of answers one after the other, and reads from the socket only as far as they are consumed.
///
/// Belongs to its channel's event loop.
final class ResponseReader: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = Never

    /// Maximum number of buffered parts; with more, the daemon has to wait.
    private static let most = 16

    private var parts: CircularBuffer<HTTPClientResponsePart> = []
    private var end: Result<Void, any Error>?
    private var waiter: EventLoopPromise<HTTPClientResponsePart?>?
    private var isReadHeldBack = false
    private var context: ChannelHandlerContext?

    /// The next part; nil once the daemon has closed the connection between two answers.
    func next(on eventLoop: any EventLoop) -> EventLoopFuture<HTTPClientResponsePart?> {
        eventLoop.assertInEventLoop()
        let promise = eventLoop.makePromise(of: HTTPClientResponsePart?.self)
        if let part = parts.popFirst() {
            promise.succeed(part)
            if isReadHeldBack, let context {
                isReadHeldBack = false
                context.read()
            }
        } else if let end {
            promise.completeWith(end.map { nil })
        } else {
            waiter = promise
        }
        return promise.futureResult
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        finish(.success(()))
        self.context = nil
    }

    func read(context: ChannelHandlerContext) {
        if parts.count < Self.most { context.read() } else { isReadHeldBack = true }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        guard let waiter else { return parts.append(part) }
        self.waiter = nil
        waiter.succeed(part)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        finish(.failure(error))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(.success(()))
        context.fireChannelInactive()
    }

    /// The first end counts.
    private func finish(_ how: Result<Void, any Error>) {
        if end == nil { end = how }
        guard let waiter, let end else { return }
        self.waiter = nil
        waiter.completeWith(end.map { nil })
    }
}
