import NIOCore

/// Closes a connection on which nothing has moved for too long. Must come after an `IdleStateHandler`.
final class SilenceHandler: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    /// Longer than any long poll, so that only a hanging daemon exceeds it.
    static let limit = TimeAmount.seconds(90)

    struct Silence: Error {}

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is IdleStateHandler.IdleStateEvent else { return context.fireUserInboundEventTriggered(event) }
        context.fireErrorCaught(Silence())
        context.close(promise: nil)
    }
}
