import NIOCore
import NIOHTTP1

/// Lets an answer through that arrives before the first request, such as from a daemon that has too many connections.
///
/// The response decoder rejects an answer without a request. So it sees one more request than is sent: this handler,
/// between encoder and decoder, drops the first. The decoder needs the matching request only for HEAD and CONNECT,
/// which the client never sends.
final class UnaskedAnswer: ChannelOutboundHandler {
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    private var hasKeptOne = false

    /// Must be called once, when the decoder is in the pipeline.
    static func expect(on pipeline: ChannelPipeline.SynchronousOperations) {
        pipeline.write(
            NIOAny(HTTPClientRequestPart.head(.init(version: .http1_1, method: .GET, uri: "/"))), promise: nil)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if hasKeptOne {
            context.write(data, promise: promise)
        } else {
            hasKeptOne = true
            promise?.succeed()
        }
    }
}
