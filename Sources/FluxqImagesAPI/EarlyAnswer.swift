import NIOCore
import NIOHTTP1

/// Ends an exchange whose answer is complete while the request is still being sent, as when a gateway refuses a large
/// picture at its head. Left alone, the HTTP library would wait for ever to write the rest, and hold on to the picture.
final class EarlyAnswer: ChannelDuplexHandler {
    /// How the answer's body then ends instead of with nothing; all of it has come before.
    struct Complete: Error {}

    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = HTTPClientResponsePart
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    private var isRequestOver = false
    private var isAnswerOver = false

    /// - Parameter channel: one whose HTTP handlers are in place; on its event loop.
    static func install(in channel: any Channel) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPResponseDecoder>.self)
            try pipeline.addHandler(EarlyAnswer(), position: .after(decoder))
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { isRequestOver = true }
        context.write(data, promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isAnswerOver else { return }
        guard case .end = unwrapInboundIn(data), !isRequestOver else { return context.fireChannelRead(data) }
        isAnswerOver = true
        // What has come of the body is handed on before the error cuts it off.
        context.fireChannelReadComplete()
        context.fireErrorCaught(Complete())
    }
}
