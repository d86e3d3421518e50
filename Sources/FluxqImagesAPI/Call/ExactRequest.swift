import NIOCore
import NIOHTTP1

/// The last handler of a download's request before encoding. It writes the link's path and query into the request line
/// unchanged, because the HTTP library would encode them again. It sends nothing to any address other than the one that
/// was checked. With a proxy the connection goes to the proxy, which was asked for the checked name.
final class ExactRequest: ChannelOutboundHandler {
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    private let target: String
    /// nil with a proxy.
    private let address: SocketAddress?

    init(target: String, address: SocketAddress?) {
        self.target = target
        self.address = address
    }

    /// - Parameter channel: a channel whose HTTP handlers are in place; called on its event loop.
    static func install(in channel: any Channel, target: String, address: SocketAddress?) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            let encoder = try pipeline.handler(type: HTTPRequestEncoder.self)
            try pipeline.addHandler(ExactRequest(target: target, address: address), position: .after(encoder))
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .head(var head) = unwrapOutboundIn(data) else {
            return context.write(data, promise: promise)
        }
        guard address == nil || context.channel.remoteAddress == address else {
            promise?.fail(ChannelError.inappropriateOperationForState)
            return context.close(promise: nil)
        }
        head.uri = target
        context.write(wrapOutboundOut(.head(head)), promise: promise)
    }
}
