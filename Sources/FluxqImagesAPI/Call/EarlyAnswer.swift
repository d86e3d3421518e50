import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Ends an exchange in three cases where the HTTP library, left alone, would do harm.
///
/// An answer that is complete while the request is still being sent, as when a gateway refuses a large picture at its head:
/// the library would wait for ever to write the rest, and hold on to the picture.
///
/// An answer that is complete while the request's end still waits in this process, behind bytes that the other side does not
/// read: the library closes the connection, takes the end that was not written for a failure of the whole exchange, and drops
/// the answer.
///
/// An answer that breaks off: the library would drop what it has read of it and not handed on yet, which may be whole
/// pictures. It is given an end like any other's, and the call's gate keeps what happened.
///
/// An answer that is over before its request cannot be given its end, but an error. The library hands nothing on after an
/// error, and it holds back whatever came with the connection's close while the answer's reader was busy. So the error brings
/// the last pieces along: see `AnswerBody`.
final class EarlyAnswer: ChannelDuplexHandler {
    /// How the body of an answer ends that is over before its request.
    struct Over: Error {
        /// Bytes of the body, as far as it came.
        let length: Int
        /// Its last pieces: at least all that the library has not handed on.
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
    /// The pieces that the library may still hold, while the request is not over.
    private var last: [ByteBuffer] = []
    /// The library has asked for bytes, and hands on what it then gets. It gets more without having asked when the connection
    /// closes, and keeps that to itself until it asks or sees the answer's end.
    private var isAskedFor = false

    init(_ calls: CallsInFlight) {
        self.calls = calls
    }

    /// - Parameter channel: one whose HTTP handlers are in place; on its event loop.
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

    /// The library's own promise, kept once there is an answer, also if the end is not written any more. Whether the request
    /// had left, the call's gate knows.
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
