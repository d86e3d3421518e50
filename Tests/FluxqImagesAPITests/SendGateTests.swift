import FluxqModel
import FluxqTestSupport
import Foundation
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import FluxqImagesAPI

@Suite("The gate of a request's last byte", .timeLimit(.minutes(30)))
struct SendGateTests {
    private static let released = Timestamp(rawValue: 5)
    private static let written = Timestamp(rawValue: 7)

    @Test("releases the byte once, and never after it was closed")
    func once() async {
        let open = SendGate()
        #expect(open.release(at: Self.released))
        #expect(!open.release(at: Self.released))
        let closed = SendGate()
        #expect(await closed.close() == nil)
        #expect(!closed.release(at: Self.released))
        #expect(await closed.close() == nil)
    }

    @Test("gives the time when the connection has accepted the byte")
    func sent() async {
        let gate = SendGate()
        #expect(gate.release(at: Self.released))
        gate.written(at: Self.written)
        #expect(await gate.close() == Self.written)
        #expect(await gate.close() == Self.written)
    }

    @Test("counts a byte without a connection as sent: that guess costs no money")
    func unaccounted() async {
        let gate = SendGate()
        #expect(gate.release(at: Self.released))
        #expect(await gate.close() == Self.released)
    }

    @Test("knows whether the connection wrote it or ended with it unwritten", arguments: [true, false])
    func connection(isFlushed: Bool) async throws {
        let calls = CallsInFlight()
        let gate = SendGate()
        let name = calls.begin(gate)
        let channel = try await NIOAsyncTestingChannel { channel in
            try channel.pipeline.syncOperations.addHandlers(
                HTTPRequestEncoder(), OutgoingCall(calls, clock: { Self.written }))
        }
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).get()
        var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/")
        head.headers = ["host": "h", "content-length": "3", CallsInFlight.header: name]
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(string: "ab"))), promise: nil)
        channel.flush()
        let first = try await channel.readOutbound(as: ByteBuffer.self)
        #expect(first.map { String(buffer: $0).contains(CallsInFlight.header) } == false)

        #expect(gate.release(at: Self.released))
        channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(string: "c"))), promise: nil)
        if isFlushed { channel.flush() }
        #expect(await gate.close() == (isFlushed ? Self.written : nil))
        // It has to end the connection to know that a byte was not sent.
        #expect(isFlushed || !channel.isActive)
        calls.end(name)
    }

    @Test("agrees with the bytes that a deaf server later finds in its socket, whenever the buffers fill up")
    func deafServer() async throws {
        let (_, results) = try await LimitLadder.climb(from: .milliseconds(700)) { limit in
            try await Self.exchanges(limit)
        } until: { results in
            results.contains { $0.sent } && results.contains { !$0.sent }
        }
        for result in results { #expect(result.sent == result.whole) }
        #expect(results.contains { $0.sent } && results.contains { !$0.sent })
    }

    /// Makes calls with pictures of about the size at which the buffers are full.
    private static func exchanges(_ limit: Duration) async throws -> [(sent: Bool, whole: Bool)] {
        // The number of bytes that the system accepts of a request that is not read.
        let capacity = try await exchange(pictureBytes: 32 << 20, limit).received
        let sizes = stride(from: -600_000, through: 600_000, by: 40_000).map { max(capacity / 4 * 3 + $0, 1) }
        return try await withThrowingTaskGroup(of: (sent: Bool, whole: Bool).self) { group in
            var results: [(sent: Bool, whole: Bool)] = []
            for (place, size) in sizes.enumerated() {
                if place >= 8, let result = try await group.next() { results.append(result) }
                group.addTask {
                    let result = try await Self.exchange(pictureBytes: size, limit)
                    return (result.isUnknown, result.received == result.length)
                }
            }
            for try await result in group { results.append(result) }
            return results
        }
    }

    /// Makes one call to a server that reads nothing until the call is over.
    private static func exchange(
        pictureBytes: Int, _ limit: Duration
    ) async throws -> (isUnknown: Bool, received: Int, length: Int) {
        let server = try DeafServer()
        let client = try ImagesClient(
            .init(
                baseURL: "http://127.0.0.1:\(server.port)", apiKey: APIKey(secret), timeout: limit))
        let report = await client.generate(
            try request(image: someContent), picture: BlankSource(size: Int64(pictureBytes)), receiver: Album())
        await client.shutdown()
        #expect(report.outcome.row == (report.sentAt == nil ? "notSent" : "unknown"))
        let request = await server.drain()
        let end = try #require(request.firstRange(of: Data("\r\n\r\n".utf8))).upperBound
        let head = String(decoding: request[..<end], as: UTF8.self).lowercased()
        let length = try #require(head.split(separator: "content-length: ").last?.prefix { $0.isNumber })
        return (report.sentAt != nil, request.count, end + (try #require(Int(length))))
    }

    private struct BlankSource: PictureSource {
        let mediaType = "image/png"
        let size: Int64

        func read(at offset: Int64, count: Int) -> ByteBuffer {
            ByteBuffer(repeating: 0, count: Int(min(Int64(count), size - offset)))
        }
    }
}

/// Listens, lets the system accept the connection, and reads nothing until `drain`.
private final class DeafServer: Sendable {
    let port: Int
    private let listener: Int32

    init() throws {
        let socket = try LoopbackListener(receiveBufferBytes: 65_536)
        listener = socket.descriptor
        port = socket.port
    }

    deinit {
        close(listener)
    }

    /// Returns everything that the connection received until its end. Runs outside the threads that tasks share: the
    /// other end, in this process, needs one of them to close.
    func drain() async -> Data {
        await OwnThread.run { [listener] in
            let connection = accept(listener, nil, nil)
            defer { close(connection) }
            var all = Data()
            var piece = [UInt8](repeating: 0, count: 1 << 20)
            while case let count = recv(connection, &piece, piece.count, 0), count > 0 { all += piece[..<count] }
            return all
        }
    }
}
