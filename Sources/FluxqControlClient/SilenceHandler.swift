import NIOCore

/// Ends a connection on which nothing has moved for too long. Stands behind an `IdleStateHandler`.
final class SilenceHandler: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    /// Longer than any long poll, so that only a daemon that hangs runs into it.
    static let limit = TimeAmount.seconds(90)

    struct Silence: Error {}

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is IdleStateHandler.IdleStateEvent else { return context.fireUserInboundEventTriggered(event) }
        context.fireErrorCaught(Silence())
        context.close(promise: nil)
    }
}
