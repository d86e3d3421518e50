import FluxqControl
import FoundationEssentials
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// One connection to the daemon: HTTP/1.1 over the Unix socket, one request after the other.
///
/// Not Sendable on purpose: requests on one connection cannot overlap, and so the compiler sees to it that they do not.
/// All methods throw `ControlClientError`.
package final class ControlClient {
    private typealias Inbound = NIOAsyncChannelInboundStream<HTTPClientResponsePart>
    private typealias Outbound = NIOAsyncChannelOutboundWriter<HTTPClientRequestPart>

    /// A JSON answer is held in memory; a page of jobs with the longest prompts stays well below this.
    static let maxDocumentBytes = 16 * 1024 * 1024

    private let socket: ControlSocket
    private let channel: any Channel
    private let outbound: Outbound
    private var answers: Inbound.AsyncIterator
    /// False once a request was given up half way: what follows on the connection would not be understood.
    private var reusable = true

    private init(socket: ControlSocket, channel: any Channel, inbound: Inbound, outbound: Outbound) {
        self.socket = socket
        self.channel = channel
        self.outbound = outbound
        answers = inbound.makeAsyncIterator()
    }

    /// Connects, lets `body` make its requests, and closes.
    package static func withConnection<Result: Sendable>(
        to socket: ControlSocket, _ body: (ControlClient) async throws -> Result
    ) async throws -> Result {
        try socket.check()
        let connection = try await open(socket)
        return try await connection.executeThenClose { inbound, outbound in
            try await body(
                ControlClient(socket: socket, channel: connection.channel, inbound: inbound, outbound: outbound))
        }
    }

    /// One thread for the life of the process: a start-up counts, and NIO's shared group has a thread for every core.
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private static func open(
        _ socket: ControlSocket
    ) async throws -> NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart> {
        do {
            return try await ClientBootstrap(group: group)
                .connect(unixDomainSocketPath: socket.path) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        try pipeline.addHandlers([
                            IdleStateHandler(allTimeout: SilenceHandler.limit), SilenceHandler(),
                            HTTPRequestEncoder(), UnaskedAnswer(), ByteToMessageHandler(HTTPResponseDecoder()),
                            NIOHTTPRequestHeadersValidator(),
                        ])
                        UnaskedAnswer.expect(on: pipeline)
                        return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
                    }
                }
        } catch let error as IOError {
            throw socket.unreachable(error.errnoCode)
        } catch let error as ChannelError {
            throw ControlClientError.connectionLost(path: socket.path, why: "connecting failed: \(error)")
        }
    }
}

/// What a request carries.
enum RequestBody: Sendable {
    case none
    case json([UInt8])
    case upload(UploadSource)
}

extension ControlClient {
    /// Sends one request and gives the answer's document.
    func document<Document: Decodable & Sendable>(
        _ method: HTTPMethod, _ uri: String, _ body: RequestBody = .none
    ) async throws -> Answered<Document> {
        try await exchange(method, uri, body) { client, _ in
            let bytes = try await client.collect()
            do {
                return Answered(
                    document: try JSONDecoder().decode(Document.self, from: Data(bytes)), json: bytes)
            } catch is DecodingError {
                throw ControlClientError.protocolError(
                    path: client.socket.path, why: "its answer to \(method) \(uri) is not the expected JSON")
            }
        }
    }

    /// Sends one request and gives the pieces of the answer's body to `receive`, in order.
    func stream(_ method: HTTPMethod, _ uri: String, receive: (ByteBuffer) async throws -> Void) async throws {
        try await exchange(method, uri, .none) { client, _ in
            while let piece = try await client.nextPiece() { try await receive(piece) }
        }
    }

    /// - Parameter read: reads the body of a 2xx answer to its end.
    private func exchange<Result>(
        _ method: HTTPMethod, _ uri: String, _ body: RequestBody,
        read: (ControlClient, HTTPResponseHead) async throws -> Result
    ) async throws -> Result {
        guard reusable else {
            throw ControlClientError.connectionLost(path: socket.path, why: "an earlier request was cut short")
        }
        // Until the answer has been read to its end.
        reusable = false
        do {
            let (head, sentWhole) = try await send(method, uri, body)
            guard (200..<300).contains(head.status.code) else {
                let problem = try refusal(head, body: try await collect())
                reusable = sentWhole
                throw ControlClientError.problem(problem)
            }
            let result = try await read(self, head)
            reusable = sentWhole
            return result
        } catch {
            throw explained(error)
        }
    }

    private func refusal(_ head: HTTPResponseHead, body: [UInt8]) throws(ControlClientError) -> Problem {
        do {
            return try JSONDecoder().decode(Problem.self, from: Data(body))
        } catch {
            throw .protocolError(
                path: socket.path,
                why: "it answered HTTP \(head.status.code) without a problem document that this fluxq knows")
        }
    }

    /// Sends the request and waits for the head of the answer, which may come before the whole body has been sent.
    ///
    /// - Returns: the head, and whether the request was sent to its end.
    private func send(
        _ method: HTTPMethod, _ uri: String, _ body: RequestBody
    ) async throws -> (head: HTTPResponseHead, sentWhole: Bool) {
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: ["host": "localhost"])
        switch body {
        case .none:
            if method == .POST { head.headers.add(name: "content-length", value: "0") }
            await write([.head(head), .end(nil)])
            return (try await nextHead(), true)
        case .json(let bytes):
            head.headers.add(name: "content-type", value: "application/json")
            head.headers.add(name: "content-length", value: "\(bytes.count)")
            let piece = channel.allocator.buffer(bytes: bytes)
            await write([.head(head), .body(.byteBuffer(piece)), .end(nil)])
            return (try await nextHead(), true)
        case .upload(let source):
            head.headers.add(name: "content-type", value: "application/octet-stream")
            if let size = source.sizeBytes {
                head.headers.add(name: "content-length", value: "\(size)")
            } else {
                head.headers.add(name: "transfer-encoding", value: "chunked")
            }
            await write([.head(head)])
            return try await upload(source)
        }
    }

    /// A daemon that has closed may have answered before; if it has not, waiting for the answer finds out.
    private func write(_ parts: [HTTPClientRequestPart]) async {
        do { try await outbound.write(contentsOf: parts) } catch {}
    }

    /// How the sending of a body ended. None of it decides what the request came to: only an answer does.
    private enum Sending {
        case whole
        case unreadable(UploadSource.ReadError)
        /// The daemon has closed, or has answered and nobody waits for the rest.
        case cutShort
    }

    private func upload(_ source: UploadSource) async throws -> (head: HTTPResponseHead, sentWhole: Bool) {
        try await withThrowingTaskGroup(of: Sending.self) { group in
            group.addTask { [channel, outbound] in
                do {
                    var sent: Int64 = 0
                    while let piece = try await source.next(after: sent, allocator: channel.allocator) {
                        sent += Int64(piece.readableBytes)
                        // The last piece and the end go as one: a daemon that has all bytes answers, and then nobody waits
                        // for an end that has not been sent.
                        if sent == source.sizeBytes {
                            try await outbound.write(contentsOf: [.body(.byteBuffer(piece)), .end(nil)])
                            return .whole
                        }
                        try await outbound.write(.body(.byteBuffer(piece)))
                    }
                    try await outbound.write(.end(nil))
                    return .whole
                } catch let error as UploadSource.ReadError {
                    // The daemon waits for bytes that will never come.
                    channel.close(promise: nil)
                    return .unreadable(error)
                } catch {
                    return .cutShort
                }
            }
            let answer: Result<HTTPResponseHead, any Error>
            do {
                answer = .success(try await nextHead())
            } catch {
                answer = .failure(error)
            }
            group.cancelAll()
            let sending = try await group.next() ?? .cutShort
            if case .unreadable(let error) = sending { throw ControlClientError.uploadUnreadable(error) }
            if case .whole = sending { return (try answer.get(), true) }
            return (try answer.get(), false)
        }
    }
}

extension ControlClient {
    private func nextPart() async throws -> HTTPClientResponsePart? {
        var answers = answers
        return try await answers.next()
    }

    private func nextHead() async throws -> HTTPResponseHead {
        switch try await nextPart() {
        case .head(let head): return head
        case .body, .end:
            throw ControlClientError.protocolError(path: socket.path, why: "it answered more than it was asked")
        case nil:
            throw ControlClientError.connectionLost(path: socket.path, why: "it was closed before an answer came")
        }
    }

    /// nil after the answer's last piece.
    private func nextPiece() async throws -> ByteBuffer? {
        switch try await nextPart() {
        case .body(let piece): return piece
        case .end: return nil
        case .head:
            throw ControlClientError.protocolError(path: socket.path, why: "it answered more than it was asked")
        case nil:
            throw ControlClientError.connectionLost(path: socket.path, why: "it was closed in the middle of an answer")
        }
    }

    private func collect() async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let piece = try await nextPiece() {
            guard bytes.count + piece.readableBytes <= Self.maxDocumentBytes else {
                throw ControlClientError.protocolError(
                    path: socket.path, why: "its answer is longer than \(Self.maxDocumentBytes) bytes")
            }
            bytes.append(contentsOf: piece.readableBytesView)
        }
        return bytes
    }

    /// The client's own error for whatever the layers below threw.
    private func explained(_ error: any Error) -> any Error {
        let path = socket.path
        return switch error {
        case let error as HTTPParserError where error == .invalidEOFState:
            ControlClientError.connectionLost(path: path, why: "it was closed in the middle of an answer")
        case let error as HTTPParserError:
            ControlClientError.protocolError(path: path, why: "its answer is not HTTP (\(error))")
        case is SilenceHandler.Silence:
            ControlClientError.connectionLost(
                path: path, why: "nothing came for \(SilenceHandler.limit.nanoseconds / 1_000_000_000) seconds")
        case let error as IOError:
            ControlClientError.connectionLost(path: path, why: String(cString: strerror(error.errnoCode)))
        case is ChannelError:
            ControlClientError.connectionLost(path: path, why: "it was closed")
        default: error
        }
    }
}
