import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import FluxqImagesAPI

/// A connection whose peer reads nothing: writes wait, and fail once the connection closes.
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

/// A stand-in for the connection: only with it is it certain that the request's end was handed over but not sent.
@Suite("An answer is kept although the end of its request is never sent")
struct EarlyAnswerTests {
    enum Part: Equatable {
        case body(String)
        case end
    }

    /// Returns a call whose request is written and not flushed, with the future of its end.
    private func written() throws -> (channel: EmbeddedChannel, gate: SendGate, end: EventLoopFuture<Void>) {
        let (channel, gate) = try begun()
        return (channel, gate, channel.write(HTTPClientRequestPart.end(nil)))
    }

    /// Returns a call whose request has a head and no end yet.
    private func begun() throws -> (channel: EmbeddedChannel, gate: SendGate) {
        let calls = CallsInFlight()
        let gate = SendGate()
        let name = calls.begin(gate)
        let channel = EmbeddedChannel(handlers: [FullConnection(), EarlyAnswer(calls)])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 80)).wait()
        channel.write(
            HTTPClientRequestPart.head(
                HTTPRequestHead(version: .http1_1, method: .POST, uri: "/", headers: [CallsInFlight.header: name])),
            promise: nil)
        return (channel, gate)
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

    @Test("a whole answer is passed on, and the close of the connection then causes no failure")
    func whole() throws {
        let (channel, gate, end) = try written()
        try answer(channel, whole: true)
        channel.close(promise: nil)
        channel.embeddedEventLoop.run()
        try end.wait()
        #expect(try parts(of: channel) == [.body("too large"), .end])
        #expect(gate.answerTrouble == nil)
    }

    @Test("an answer that breaks off with the connection is passed on as far as it was received")
    func brokenOff() throws {
        let (channel, gate, end) = try written()
        try answer(channel, whole: false)
        channel.close(promise: nil)
        channel.embeddedEventLoop.run()
        try end.wait()
        #expect(try parts(of: channel) == [.body("too large"), .end])
        #expect(gate.answerTrouble != nil)
    }

    @Test(
        "an answer that is over before its request carries the pieces that the library may hold back",
        arguments: [true, false])
    func early(isWhole: Bool) throws {
        let (channel, gate) = try begun()
        try channel.writeInbound(HTTPClientResponsePart.head(HTTPResponseHead(version: .http1_1, status: .ok)))
        func take(_ text: String) throws {
            try channel.writeInbound(HTTPClientResponsePart.body(ByteBuffer(string: text)))
        }
        // Requested, and passed on at the end of the read.
        channel.pipeline.read()
        try take("one")
        // The connection is closing: these bytes are not requested.
        try take("two")
        try take("three")
        let over = #expect(throws: EarlyAnswer.Over.self) {
            if isWhole {
                try channel.writeInbound(HTTPClientResponsePart.end(nil))
            } else {
                channel.pipeline.fireErrorCaught(ChannelError.ioOnClosedChannel)
            }
            try channel.throwIfErrorCaught()
        }
        #expect(over?.length == 11)
        #expect(over?.last == [ByteBuffer(string: "two"), ByteBuffer(string: "three")])
        #expect((gate.answerTrouble == nil) == isWhole)
    }

    @Test(
        "bytes that were passed on are not read twice, and missing bytes are reported",
        arguments: [(0, nil), (3, "twothree"), (4, "wothree"), (6, "three"), (11, "")] as [(Int, String?)])
    func rest(length: Int, expected: String?) throws {
        let over = EarlyAnswer.Over(length: 11, last: [ByteBuffer(string: "two"), ByteBuffer(string: "three")])
        do throws(AnswerBody.Torn) {
            let rest = try AnswerBody.rest(of: over, after: length)
            #expect(rest.map { String(buffer: $0) }.joined() == expected)
        } catch {
            #expect(expected == nil && error.missing == 3)
        }
    }

    @Test("without an answer the end's failure is reported")
    func none() throws {
        let (channel, _, end) = try written()
        channel.close(promise: nil)
        channel.embeddedEventLoop.run()
        #expect(throws: (any Error).self) { try end.wait() }
    }
}
