import NIOCore
import NIOHTTP1

/// Lets an answer through that comes before the first request, as from a daemon that has too many connections already.
///
/// The response decoder refuses an answer that it has seen no request for. So it is shown one more request than are
/// sent: this handler, between encoder and decoder, keeps the first from leaving. Which request an answer belongs to
/// matters to the decoder for HEAD and CONNECT alone, and the client makes neither.
final class UnaskedAnswer: ChannelOutboundHandler {
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    private var hasKeptOne = false

    /// To be called once, when the decoder is in the pipeline.
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
