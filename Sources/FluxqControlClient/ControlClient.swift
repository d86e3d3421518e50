import FluxqControl
import FoundationEssentials
import Glibc
import NIOCore
import NIOHTTP1
import SystemPackage

/// Talks to the daemon: HTTP/1.1 over the Unix socket, one request after the other, over one connection as long as it
/// lasts.
///
/// It waits for a busy or restarting daemon. It resends a request that was not read, or whose repetition changes
/// nothing. The pauses grow, and `Patience` limits the total time.
///
/// Not Sendable on purpose: requests on one connection must not overlap, and so the compiler prevents it. All methods
/// throw `ControlClientError`.
package final class ControlClient {
    /// A JSON answer is held in memory; a page of jobs with the longest prompts is far smaller than this.
    static let maxDocumentBytes = 16 * 1024 * 1024

    let socket: ControlSocket
    let patience: Patience
    /// Called once, with the reason, if a request waits for more than a moment.
    let isWaiting: (ControlClientError) -> Void
    var hasToldOfWaiting = false
    /// nil before the first request, and after an abandoned one, because the rest of its answer would be misread.
    var connection: ControlConnection?

    private init(socket: ControlSocket, patience: Patience, isWaiting: @escaping (ControlClientError) -> Void) {
        self.socket = socket
        self.patience = patience
        self.isWaiting = isWaiting
    }

    /// Connects, lets `body` make its requests, and disconnects.
    package static func withConnection<Result: Sendable>(
        to socket: ControlSocket, patience: Patience = .none,
        isWaiting: @escaping (ControlClientError) -> Void = { _ in },
        _ body: (ControlClient) async throws -> Result
    ) async throws -> Result {
        let client = ControlClient(socket: socket, patience: patience, isWaiting: isWaiting)
        do {
            try await client.waitingItsTurn { _ = try await client.connected(patience: $0) }
            let result = try await body(client)
            await client.disconnect()
            return result
        } catch {
            await client.disconnect()
            throw error
        }
    }
}

/// The body of a request.
enum UploadBody: Sendable {
    case none
    case json([UInt8])
    case upload(UploadSource)
}

extension ControlClient {
    /// Sends one request and returns the answer's document.
    ///
    /// - Parameter isRepeatable: true if repeating the request changes nothing; nil to derive it from the method.
    func document<Document: Decodable & Sendable>(
        _ method: HTTPMethod, _ uri: String, _ body: UploadBody = .none, isRepeatable: Bool? = nil
    ) async throws -> Answered<Document> {
        let isRepeatable = isRepeatable ?? (method != .POST)
        return try await waitingItsTurn { patience in
            let answer = try await answer(to: method, uri, body, isRepeatable: isRepeatable, patience)
            do {
                return try await finish(answer, isRepeatable) { client in
                    try client.document(of: try await client.collect(), "\(method) \(uri)")
                }
            } catch ControlClientError.connectionLost(let path, let why) where isRepeatable {
                throw Untaken(error: .connectionLost(path: path, why: why), isDoubtful: true)
            }
        }
    }

    private func document<Document: Decodable & Sendable>(
        of bytes: [UInt8], _ request: String
    ) throws(ControlClientError) -> Answered<Document> {
        do {
            return Answered(document: try JSONDecoder().decode(Document.self, from: Data(bytes)), json: bytes)
        } catch {
            throw .protocolError(path: socket.path, why: "its answer to \(request) is not the expected JSON")
        }
    }

    /// Sends one request and passes the pieces of the answer's body to `receive`, in order.
    func stream(_ method: HTTPMethod, _ uri: String, receive: (ByteBuffer) async throws -> Void) async throws {
        let answer = try await waitingItsTurn { patience in
            try await self.answer(to: method, uri, .none, isRepeatable: true, patience)
        }
        try await finish(answer, true) { client in
            while let piece = try await client.nextPiece() { try await receive(piece) }
        }
    }

    private typealias Answer = (head: HTTPResponseHead, sentWhole: Bool)

    /// - Parameter read: reads the body of a 2xx answer to its end.
    private func finish<Result>(
        _ answer: Answer, _ isRepeatable: Bool, read: (ControlClient) async throws -> Result
    ) async throws -> Result {
        do {
            guard (200..<300).contains(answer.head.status.code) else {
                throw ControlClientError.problem(try refusal(answer.head, body: try await collect()))
            }
            let result = try await read(self)
            if !answer.sentWhole { await disconnect() }
            return result
        } catch ControlClientError.problem(let problem) where answer.sentWhole {
            throw ControlClientError.problem(problem)
        } catch {
            await disconnect()
            throw Self.explained(error, socket, isRepeatable ? .lost : .unknown)
        }
    }

    /// Sends a request and returns the head of its answer.
    ///
    /// - Throws: `Untaken` if it may be resent.
    private func answer(
        to method: HTTPMethod, _ uri: String, _ body: UploadBody, isRepeatable: Bool, _ patience: Duration
    ) async throws -> Answer {
        let connection = try await connected(patience: patience)
        let (answer, sending) = await send(method, uri, body, on: connection)
        if case .unreadable(let error) = sending {
            await disconnect()
            throw ControlClientError.uploadUnreadable(error)
        }
        do {
            let head = try answer.get()
            if head.status == .serviceUnavailable {
                let problem = try refusal(head, body: try await collect())
                await disconnect()
                let refusal = ControlClientError.problem(problem)
                // Refused before it was read, because there are too many connections.
                if problem.code == .overLimit { throw Untaken(error: refusal, isDoubtful: false) }
                throw refusal
            }
            return (head, sending == .whole)
        } catch let error as ControlClientError {
            throw error
        } catch let untaken as Untaken {
            throw untaken
        } catch {
            await disconnect()
            if Self.isUnread(error, sending) {
                throw Untaken(error: .noDaemon(path: socket.path, .busy), isDoubtful: false)
            }
            let lost = Self.explained(error, socket, isRepeatable ? .lost : .unknown)
            if isRepeatable, let lost = lost as? ControlClientError, case .connectionLost = lost {
                throw Untaken(error: lost, isDoubtful: true)
            }
            throw lost
        }
    }

    /// True if a connection without an answer ended before the daemon had read the whole request. The kernel shows it:
    /// it resets a connection whose other side closes it with unread data.
    private static func isUnread(_ error: any Error, _ sending: Sending) -> Bool {
        switch error {
        case let error as IOError where [ECONNRESET, EPIPE].contains(error.errnoCode): true
        case is IOError, is ChannelError, Misplaced.end: sending == .cutShort
        default: false
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

    /// How the sending of a request ended. It does not show the result of the request: only an answer does.
    private enum Sending: Equatable {
        case whole
        case unreadable(UploadSource.ReadError)
        /// The daemon has closed the connection, or has answered and does not need the rest.
        case cutShort
    }

    /// Sends the request and waits for the head of the answer, which may arrive before the whole body is sent.
    private func send(
        _ method: HTTPMethod, _ uri: String, _ body: UploadBody, on connection: ControlConnection
    ) async -> (answer: Result<HTTPResponseHead, any Error>, Sending) {
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: ["host": "localhost"])
        switch body {
        case .none:
            if method == .POST { head.headers.add(name: "content-length", value: "0") }
            let sending = await Self.write([.head(head), .end(nil)], to: connection)
            return (await nextHead(), sending)
        case .json(let bytes):
            head.headers.add(name: "content-type", value: "application/json")
            head.headers.add(name: "content-length", value: "\(bytes.count)")
            let piece = connection.channel.allocator.buffer(bytes: bytes)
            let sending = await Self.write([.head(head), .body(.byteBuffer(piece)), .end(nil)], to: connection)
            return (await nextHead(), sending)
        case .upload(let source):
            head.headers.add(name: "content-type", value: "application/octet-stream")
            if let size = source.sizeBytes {
                head.headers.add(name: "content-length", value: "\(size)")
            } else {
                head.headers.add(name: "transfer-encoding", value: "chunked")
            }
            guard await Self.write([.head(head)], to: connection) == .whole else {
                return (await nextHead(), .cutShort)
            }
            return await upload(source, to: connection)
        }
    }

    /// If the daemon has closed the connection, it may have answered before; waiting for the answer shows it.
    private static func write(_ parts: [HTTPClientRequestPart], to connection: ControlConnection) async -> Sending {
        do {
            try await connection.write(parts)
            return .whole
        } catch {
            return .cutShort
        }
    }

    private func upload(
        _ source: UploadSource, to connection: ControlConnection
    ) async -> (answer: Result<HTTPResponseHead, any Error>, Sending) {
        await withTaskGroup(of: Sending.self) { group in
            group.addTask {
                do {
                    var sent: Int64 = 0
                    while let piece = try await source.next(after: sent, allocator: connection.channel.allocator) {
                        sent += Int64(piece.readableBytes)
                        // The last piece and the end are sent together: a daemon with all bytes answers, and then the
                        // end would no longer be sent.
                        if sent == source.sizeBytes {
                            try await connection.write([.body(.byteBuffer(piece)), .end(nil)])
                            return .whole
                        }
                        try await connection.write([.body(.byteBuffer(piece))])
                    }
                    try await connection.write([.end(nil)])
                    return .whole
                } catch let error as UploadSource.ReadError {
                    // The daemon waits for bytes that will never come.
                    connection.channel.close(promise: nil)
                    return .unreadable(error)
                } catch {
                    return .cutShort
                }
            }
            let answer = await nextHead()
            group.cancelAll()
            return (answer, await group.next() ?? .cutShort)
        }
    }
}

extension ControlClient {
    private func nextPart() async throws -> HTTPClientResponsePart? {
        try await connection?.next()
    }

    private func nextHead() async -> Result<HTTPResponseHead, any Error> {
        do {
            switch try await nextPart() {
            case .head(let head): return .success(head)
            case .body, .end: return .failure(Misplaced.part)
            case nil: return .failure(Misplaced.end)
            }
        } catch {
            return .failure(error)
        }
    }

    /// nil after the answer's last piece.
    private func nextPiece() async throws -> ByteBuffer? {
        switch try await nextPart() {
        case .body(let piece): return piece
        case .end: return nil
        case .head: throw Misplaced.part
        case nil: throw Misplaced.end
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

    private enum Misplaced: Error {
        /// A part of another answer, or the end of the connection.
        case part, end
    }

    /// The state after a connection that ended without a complete answer.
    private enum Loss {
        case lost
        /// The request may have been executed.
        case unknown
    }

    /// The client's own error for an error of the layers below.
    private static func explained(_ error: any Error, _ socket: ControlSocket, _ loss: Loss) -> any Error {
        let path = socket.path
        func ended(_ why: String) -> ControlClientError {
            loss == .lost ? .connectionLost(path: path, why: why) : .outcomeUnknown(path: path, why: why)
        }
        return switch error {
        case Misplaced.part:
            ControlClientError.protocolError(path: path, why: "it sent more answers than requests")
        case Misplaced.end: ended("it was closed before the answer was complete")
        case let error as HTTPParserError where error == .invalidEOFState:
            ended("it was closed in the middle of an answer")
        case let error as HTTPParserError:
            ControlClientError.protocolError(path: path, why: "its answer is not HTTP (\(error))")
        case is SilenceHandler.Silence:
            ended("no data arrived for \(SilenceHandler.limit.nanoseconds / 1_000_000_000) seconds")
        case let error as IOError: ended("\(Errno(rawValue: error.errnoCode))")
        case is ChannelError: ended("it was closed")
        default: error
        }
    }
}
