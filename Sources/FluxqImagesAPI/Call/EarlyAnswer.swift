import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Ends an exchange in three cases that the HTTP library handles badly.
///
/// The answer is complete while the request is still being sent, for example when a gateway refuses a large picture
/// after reading its head. The library would wait forever to write the rest, and keep the picture in memory.
///
/// The answer is complete while the request's end still waits in this process, behind bytes that the peer does not
/// read. The library closes the connection, treats the unwritten end as a failure of the whole exchange, and drops the
/// answer.
///
/// The answer breaks off. The library would drop the part that it has read but not passed on yet, which may be whole
/// pictures. So the answer is ended like any other, and the call's gate records the cause.
///
/// If an answer is over before its request, it cannot be ended normally, only with an error. The library passes on
/// nothing after an error, and it holds back all that arrived with the connection's close while the answer's reader was
/// busy. So the error carries the last pieces: see `AnswerBody`.
final class EarlyAnswer: ChannelDuplexHandler {
    /// Ends the body of an answer that is over before its request.
    struct Over: Error {
        /// The length of the body received, in bytes.
        let length: Int
        /// The last pieces of the body: at least all that the library has not passed on.
        let last: [ByteBuffer]
    }

    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = HTTPClientResponsePart
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    private let calls: CallsInFlight
    private var gate: SendGate?
    private var isRequestOver = false
    private var hasHead = false
    private var isAnswerOver = false
    /// Bytes of the answer's body so far.
    private var length = 0
    /// The pieces that the library may still hold, until the request is over.
    private var last: [ByteBuffer] = []
    /// True if the library has asked for bytes and will pass on what it gets. When the connection closes, it gets more
    /// without asking. It keeps that until it asks again or sees the answer's end.
    private var isAskedFor = false

    init(_ calls: CallsInFlight) {
        self.calls = calls
    }

    /// - Parameter channel: a channel whose HTTP handlers are in place; called on its event loop.
    static func install(in channel: any Channel, _ calls: CallsInFlight) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPResponseDecoder>.self)
            try pipeline.addHandler(EarlyAnswer(calls), position: .after(decoder))
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head): gate = head.headers.first(name: CallsInFlight.header).flatMap { calls.gate(of: $0) }
        case .body: break
        case .end:
            isRequestOver = true
            last = []
            return context.write(data, promise: endPromise(for: promise, context))
        }
        context.write(data, promise: promise)
    }

    /// Returns a promise that fulfills the library's own once there is an answer, even if the end is never written. The
    /// call's gate knows whether the request had left.
    private func endPromise(
        for promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext
    ) -> EventLoopPromise<Void>? {
        guard let promise else { return nil }
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { result in
            if case .failure(let error) = result, !self.isAnswerOver,
                !self.breakOff(context, NetworkTrouble.describe(error))
            {
                return promise.fail(error)
            }
            promise.succeed()
        }
        return written
    }

    func read(context: ChannelHandlerContext) {
        isAskedFor = true
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isAnswerOver else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            if head.status.code >= 200 { hasHead = true }
            isAskedFor = true
        case .body(let piece):
            length += piece.readableBytes
            if !isRequestOver { last.append(piece) }
        case .end:
            isAnswerOver = true
            guard isRequestOver else { return context.fireErrorCaught(Over(length: length, last: last)) }
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if isAskedFor { last = [] }
        isAskedFor = false
        context.fireChannelReadComplete()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !breakOff(context, NetworkTrouble.describe(error)) { context.fireErrorCaught(error) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        _ = breakOff(context, NetworkTrouble.describe(HTTPClientError.remoteConnectionClosed))
        context.fireChannelInactive()
    }

    /// - Returns: false if no answer was being read.
    private func breakOff(_ context: ChannelHandlerContext, _ trouble: String) -> Bool {
        guard let gate, hasHead, !isAnswerOver else { return false }
        isAnswerOver = true
        gate.breakOffAnswer(because: trouble)
        guard isRequestOver else {
            context.fireErrorCaught(Over(length: length, last: last))
            return true
        }
        context.fireChannelRead(wrapInboundOut(.end(nil)))
        context.fireChannelReadComplete()
        return true
    }
}
