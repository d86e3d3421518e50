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
        let (channel, gate) = try begun()
        return (channel, gate, channel.write(HTTPClientRequestPart.end(nil)))
    }

    /// A call whose request has a head and no end yet.
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

    @Test(
        "an answer that is over before its request brings along what the library may hold back",
        arguments: [true, false])
    func early(isWhole: Bool) throws {
        let (channel, gate) = try begun()
        try channel.writeInbound(HTTPClientResponsePart.head(HTTPResponseHead(version: .http1_1, status: .ok)))
        func take(_ text: String) throws {
            try channel.writeInbound(HTTPClientResponsePart.body(ByteBuffer(string: text)))
        }
        // Asked for, and handed on at the end of the read.
        channel.pipeline.read()
        try take("one")
        // The connection is closing: nobody asks for what still comes.
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
        "what was handed on is not read twice, and what is missing is told",
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

    @Test("without an answer the end's failure is told")
    func none() throws {
        let (channel, _, end) = try written()
        channel.close(promise: nil)
        channel.embeddedEventLoop.run()
        #expect(throws: (any Error).self) { try end.wait() }
    }
}
