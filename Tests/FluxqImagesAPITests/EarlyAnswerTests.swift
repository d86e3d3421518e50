import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import FluxqImagesAPI

/// A connection whose other side reads nothing: what is written waits, and fails once the connection closes.
private final class FullConnection: ChannelOutboundHandler {
    typealias OutboundIn = Any

    private var waiting: [EventLoopPromise<Void>] = []

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if let promise { waiting.append(promise) }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        for promise in waiting { promise.fail(ChannelError.ioOnClosedChannel) }
        context.close(mode: mode, promise: promise)
    }
}

/// The connection is a stand-in here: only so is it certain that the request's end has been handed over and has not left.
@Suite("An answer outlives the end of a request that does not leave")
struct EarlyAnswerTests {
    enum Part: Equatable {
        case body(String)
        case end
    }

    /// A call whose request is written and not flushed, and how its end was told of.
    private func written() throws -> (channel: EmbeddedChannel, gate: SendGate, end: EventLoopFuture<Void>) {
        let calls = CallsInFlight()
        let gate = SendGate()
        let name = calls.begin(gate)
        let channel = EmbeddedChannel(handlers: [FullConnection(), EarlyAnswer(calls)])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 80)).wait()
        channel.write(
            HTTPClientRequestPart.head(
                HTTPRequestHead(version: .http1_1, method: .POST, uri: "/", headers: [CallsInFlight.header: name])),
            promise: nil)
        let end = channel.write(HTTPClientRequestPart.end(nil))
        return (channel, gate, end)
    }

    private func parts(of channel: EmbeddedChannel) throws -> [Part] {
        var parts: [Part] = []
        while let part = try channel.readInbound(as: HTTPClientResponsePart.self) {
            switch part {
            case .head: break
            case .body(let piece): parts.append(.body(String(buffer: piece)))
            case .end: parts.append(.end)
            }
        }
        return parts
    }

    private func answer(_ channel: EmbeddedChannel, whole: Bool) throws {
        try channel.writeInbound(
            HTTPClientResponsePart.head(HTTPResponseHead(version: .http1_1, status: .payloadTooLarge)))
        try channel.writeInbound(HTTPClientResponsePart.body(ByteBuffer(string: "too large")))
        if whole { try channel.writeInbound(HTTPClientResponsePart.end(nil)) }
    }

    @Test("a whole answer is handed on, and the connection that closes then fails nothing")
    func whole() throws {
        let (channel, gate, end) = try written()
        try answer(channel, whole: true)
        channel.close(promise: nil)
        channel.embeddedEventLoop.run()
        try end.wait()
        #expect(try parts(of: channel) == [.body("too large"), .end])
        #expect(gate.answerTrouble == nil)
    }

    @Test("an answer that breaks off with the connection is handed on as far as it came")
    func brokenOff() throws {
        let (channel, gate, end) = try written()
        try answer(channel, whole: false)
        channel.close(promise: nil)
        channel.embeddedEventLoop.run()
        try end.wait()
        #expect(try parts(of: channel) == [.body("too large"), .end])
        #expect(gate.answerTrouble != nil)
    }

    @Test("without an answer the end's failure is told")
    func none() throws {
        let (channel, _, end) = try written()
        channel.close(promise: nil)
        channel.embeddedEventLoop.run()
        #expect(throws: (any Error).self) { try end.wait() }
    }
}
