import FluxqControl
import FluxqModel
import FluxqTestSupport
import Foundation
import Synchronization
import SystemPackage
import Testing

@testable import FluxqControlClient

private let jobJSON = """
    {"id":42,"state":"done","owner":"alice","uid":1000,"priority":0,"created_at":"2026-11-22T10:00:00.123Z",
     "attempts":1,"request":{"model":"m","prompt":"p","seed":7,"response_format":"url"},"images":[],"from_later":[1]}
    """
private let inputJSON = """
    {"image":"sha256:\(String(repeating: "a", count: 64))","media_type":"image/png","width":2,"height":3,"bytes":4}
    """

private func problemJSON(_ status: Int, _ code: String) -> String {
    #"{"status":\#(status),"code":"\#(code)","title":"No","detail":"Because."}"#
}

@Suite("The client of the control interface", .timeLimit(.minutes(30)))
struct ControlClientTests {
    private let directory: TemporaryDirectory
    private let socket: ControlSocket

    init() throws {
        directory = try TemporaryDirectory()
        socket = ControlSocket(option: directory.path("s"), environment: nil)
    }

    /// The error of a request against the scripts; nil if it succeeds.
    private func failure(
        _ scripts: ScriptedDaemon.Script..., request: (ControlClient) async throws -> Void
    ) async throws -> ControlClientError? {
        _ = try ScriptedDaemon(socket.path, scripts)
        do {
            try await ControlClient.withConnection(to: socket, request)
            return nil
        } catch let error as ControlClientError {
            return error
        }
    }

    private func file(_ bytes: Int) throws -> (source: UploadSource, handle: FileHandle) {
        let path = directory.path("input")
        try Data(repeating: 7, count: bytes).write(to: URL(filePath: path))
        let handle = try #require(FileHandle(forReadingAtPath: path))
        return (UploadSource(descriptor: handle.fileDescriptor, sizeBytes: Int64(bytes)), handle)
    }

    @Test("several requests use one connection, and unknown fields are kept in the JSON")
    func keepAlive() async throws {
        let heard = Mutex<[String]>([])
        _ = try ScriptedDaemon(
            socket.path,
            [
                { peer in
                    for body in [jobJSON, #"{"jobs":[],"next":7}"#, jobJSON] {
                        let head = try peer.readHead()
                        heard.withLock { $0.append(String(head.prefix { $0 != "\r\n" })) }
                        try peer.answer("200 OK", body)
                    }
                }
            ])
        let ids = try await ControlClient.withConnection(to: socket) { client in
            let waited = try await client.job(42, waitSeconds: 9_999)
            #expect(String(decoding: waited.json, as: UTF8.self) == jobJSON)
            let page = try await client.jobs(state: "done", label: "a&b=ü ", before: 9, limit: 5_000)
            let canceled = try await client.cancel(42)
            return [waited.document.id, page.document.next, canceled.document.id]
        }
        #expect(ids == [42, 7, 42])
        #expect(
            heard.withLock { $0 } == [
                "GET /v1/jobs/42?wait=30 HTTP/1.1",
                "GET /v1/jobs?limit=100&state=done&label=a%26b%3D%C3%BC%20&before=9 HTTP/1.1",
                "POST /v1/jobs/42/cancel HTTP/1.1",
            ])
    }

    @Test("a submission is the API's own fields and the options")
    func submission() async throws {
        let body = Mutex("")
        let error = try await failure { peer in
            let head = try peer.readHead()
            let length = try #require(head.split(separator: "\r\n").first { $0.hasPrefix("content-length: ") })
            let bytes = try peer.readBody(try #require(Int(length.dropFirst(16))))
            body.withLock { $0 = String(decoding: bytes, as: UTF8.self) }
            try peer.answer("201 Created", jobJSON)
        } request: { client in
            var request = EditRequest.Draft()
            request.prompt = "p"
            request.n = 2
            _ = try await client.submit(JobSubmission(request: request, options: .init(key: "k")))
        }
        #expect(error == nil)
        #expect(body.withLock { $0 }.contains(#""key":"k""#))
        #expect(body.withLock { $0 }.contains(#""n":2"#))
    }

    @Test("a problem document is the error, and the connection stays open")
    func problem() async throws {
        let error = try await failure { peer in
            _ = try peer.readHead()
            try peer.answer("404 Not Found", problemJSON(404, "no_such_job"), type: Problem.mediaType)
            _ = try peer.readHead()
            try peer.answer("409 Conflict", problemJSON(409, "conflict"), type: Problem.mediaType)
        } request: { client in
            await #expect(throws: ControlClientError.self) { _ = try await client.job(1) }
            _ = try await client.cancel(2)
        }
        #expect(error == .problem(Problem(status: 409, code: .conflict, title: "No", detail: "Because.")))
    }

    @Test("a file is uploaded whole, with its length")
    func upload() async throws {
        let (source, handle) = try file(300_000)
        let received = Mutex(0)
        let error = try await failure { peer in
            let head = try peer.readHead()
            #expect(head.hasPrefix("PUT /v1/inputs HTTP/1.1"))
            #expect(head.contains("content-length: 300000"))
            let body = try peer.readBody(300_000)
            received.withLock { $0 = body.filter { $0 == 7 }.count }
            try peer.answer("200 OK", inputJSON)
        } request: { client in
            let input = try await client.putInput(source)
            #expect(input.bytes == 4)
        }
        #expect(error == nil)
        #expect(received.withLock { $0 } == 300_000)
        try handle.close()
    }

    @Test("after an upload the connection is used again, however soon the daemon answers")
    func uploadAgain() async throws {
        let (source, handle) = try file(4)
        let error = try await failure { peer in
            for _ in 0..<3000 {
                _ = try peer.readHead()
                _ = try peer.readBody(4)
                try peer.answer("200 OK", inputJSON)
            }
        } request: { client in
            for _ in 0..<3000 {
                try handle.seek(toOffset: 0)
                _ = try await client.putInput(source)
            }
        }
        #expect(error == nil)
        try handle.close()
    }

    @Test("a stream is uploaded in chunks until it ends")
    func uploadStream() async throws {
        let pipe = StreamPipe()
        try pipe.write(Array("picture".utf8))
        let received = Mutex("")
        let error = try await failure { peer in
            let head = try peer.readHead()
            #expect(head.contains("transfer-encoding: chunked"))
            // The rest is written only after the beginning has been sent.
            try pipe.write(Array(" and more".utf8))
            try pipe.end()
            let body = try peer.readChunks()
            received.withLock { $0 = String(decoding: body, as: UTF8.self) }
            try peer.answer("200 OK", inputJSON)
        } request: { client in
            _ = try await client.putInput(UploadSource(descriptor: pipe.reading, sizeBytes: nil))
        }
        #expect(error == nil)
        #expect(received.withLock { $0 } == "picture and more")
    }

    enum EarlyAnswer: CaseIterable {
        case closingAtOnce, closingInTheMiddle, keepingOpen
    }

    @Test(
        "an answer before the upload's end is read, whatever happens to the connection", arguments: EarlyAnswer.allCases
    )
    func earlyAnswer(_ kind: EarlyAnswer) async throws {
        let size = 32 * 1024 * 1024
        let (source, handle) = try file(size)
        let finished = DispatchSemaphore(value: 0)
        let error = try await failure { peer in
            _ = try peer.readHead()
            if kind == .closingInTheMiddle { _ = try peer.readBody(size / 2) }
            try peer.answer("413 Content Too Large", problemJSON(413, "too_large"), type: Problem.mediaType)
            if kind == .keepingOpen { finished.wait() }
        } request: { client in
            defer { finished.signal() }
            _ = try await client.putInput(source)
        }
        #expect(error == .problem(Problem(status: 413, code: .tooLarge, title: "No", detail: "Because.")))
        try handle.close()
    }

    @Test("an answer that comes before the request, from a daemon that closes at once, is read")
    func unaskedAnswer() async throws {
        let error = try await failure { peer in
            try peer.answer("429 Too Many Requests", problemJSON(429, "over_limit"), type: Problem.mediaType)
        } request: { client in
            _ = try await client.job(42)
        }
        #expect(error == .problem(Problem(status: 429, code: .overLimit, title: "No", detail: "Because.")))
    }

    @Test("an answer to a stream that never sends anything is read")
    func earlyAnswerToSilentStream() async throws {
        let pipe = StreamPipe()
        let error = try await failure { peer in
            _ = try peer.readHead()
            try peer.answer("507 Full", problemJSON(507, "storage_full"), type: Problem.mediaType)
            peer.readToEnd()
        } request: { client in
            _ = try await client.putInput(UploadSource(descriptor: pipe.reading, sizeBytes: nil))
        }
        #expect(error == .problem(Problem(status: 507, code: .storageFull, title: "No", detail: "Because.")))
        try pipe.end()
    }

    @Test("after an upload that was cut short the next request uses a new connection")
    func cutShort() async throws {
        let (source, handle) = try file(32 * 1024 * 1024)
        let error = try await failure(
            { peer in
                _ = try peer.readHead()
                try peer.answer("413 Content Too Large", problemJSON(413, "too_large"), type: Problem.mediaType)
                // Reads until the client has abandoned it.
                peer.readToEnd()
            },
            { peer in
                _ = try peer.readHead()
                try peer.answer("200 OK", jobJSON)
            },
            request: { client in
                await #expect(throws: ControlClientError.self) { _ = try await client.putInput(source) }
                _ = try await client.job(1)
            })
        #expect(error == nil)
        try handle.close()
    }

    @Test("a file that becomes shorter while it is sent is reported")
    func shrinking() async throws {
        let (source, handle) = try file(1000)
        let longer = UploadSource(descriptor: source.descriptor, sizeBytes: 5000)
        let error = try await failure { peer in
            peer.readToEnd()
        } request: { client in
            _ = try await client.putInput(longer)
        }
        #expect(error == .uploadUnreadable(.shrank(toBytes: 1000)))
        try handle.close()
    }

    @Test("a file that cannot be read is reported")
    func unreadable() async throws {
        let error = try await failure { peer in
            peer.readToEnd()
        } request: { client in
            _ = try await client.putInput(UploadSource(descriptor: -1, sizeBytes: 10))
        }
        #expect(error == .uploadUnreadable(.system(.badFileDescriptor)))
    }

    @Test("a picture is written as it arrives, even in small pieces")
    func slowChunks() async throws {
        let path = directory.path("picture")
        let file = open(path, O_RDWR | O_CREAT, 0o600)
        defer { close(file) }
        let error = try await failure { peer in
            let head = try peer.readHead()
            #expect(head.hasPrefix("GET /v1/jobs/42/images/3 HTTP/1.1"))
            let answer =
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n4\r\nefgh\r\n0\r\n\r\n"
            for byte in answer.utf8 { try peer.send([byte]) }
        } request: { client in
            try await client.image(42, index: 3, into: file)
        }
        #expect(error == nil)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "abcdefgh")
    }

    @Test("a picture that cannot be written is reported")
    func unwritable() async throws {
        let full = open("/dev/full", O_WRONLY)
        defer { close(full) }
        let error = try await failure { peer in
            _ = try peer.readHead()
            try peer.answer("200 OK", "picture", type: "image/png")
        } request: { client in
            try await client.image(42, index: 1, into: full)
        }
        #expect(error == .downloadUnwritable(.noSpace))
    }

    struct Misbehaviour: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let answer: String
        var isProtocolError = false
    }

    static let misbehaviours: [Misbehaviour] = [
        .init(testDescription: "nothing at all", answer: ""),
        .init(testDescription: "half a head", answer: "HTTP/1.1 200 OK\r\nContent-Le"),
        .init(testDescription: "half a body", answer: "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"id\""),
        .init(
            testDescription: "half a chunk",
            answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{\"id\""),
        .init(testDescription: "garbage", answer: "SSH-2.0-OpenSSH_9.2\r\n", isProtocolError: true),
        .init(
            testDescription: "a huge header",
            answer: "HTTP/1.1 200 OK\r\nX: \(String(repeating: "x", count: 200_000))\r\n\r\n", isProtocolError: true),
        .init(
            testDescription: "HTML", answer: "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", isProtocolError: true
        ),
        .init(
            testDescription: "another document", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            isProtocolError: true),
        .init(
            testDescription: "a refusal without a problem",
            answer: "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\noops", isProtocolError: true),
    ]

    @Test("an answer that is cut or makes no sense is a clear error", arguments: misbehaviours)
    func misbehaving(_ misbehaviour: Misbehaviour) async throws {
        let error = try await failure { peer in
            _ = try peer.readHead()
            try peer.send(misbehaviour.answer)
        } request: { client in
            _ = try await client.job(42)
        }
        switch try #require(error) {
        case .connectionLost(socket.path, _): #expect(!misbehaviour.isProtocolError)
        case .protocolError(socket.path, _): #expect(misbehaviour.isProtocolError)
        case let other: Issue.record("not the expected error: \(other)")
        }
    }

    @Test("a request whose task is canceled ends, though the daemon never answers")
    func canceled() async throws {
        let (isRead, told) = AsyncStream.makeStream(of: Void.self)
        _ = try ScriptedDaemon(
            socket.path,
            [
                { peer in
                    _ = try peer.readHead()
                    told.finish()
                    // Waits until the client closes.
                    _ = try? peer.readHead()
                }
            ])
        let request = Task { [socket] in
            try await ControlClient.withConnection(to: socket) { _ = try await $0.job(1) }
        }
        for await _ in isRead {}
        request.cancel()
        await #expect(throws: (any Error).self) { try await request.value }
    }

    @Test("a document is read up to its limit and no further")
    func endlessDocument() async throws {
        let error = try await failure { peer in
            _ = try peer.readHead()
            try peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = "10000\r\n" + String(repeating: "[", count: 0x10000) + "\r\n"
            while true { try peer.send(chunk) }
        } request: { client in
            _ = try await client.job(42)
        }
        guard case .protocolError = try #require(error) else {
            Issue.record("not the expected error: \(String(describing: error))")
            return
        }
    }
}
