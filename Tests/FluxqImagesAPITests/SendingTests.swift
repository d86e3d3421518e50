import FluxqFormats
import FluxqModel
import FluxqTestSupport
import FoundationEssentials
import NIOCore
import Testing

@testable import FluxqImagesAPI

@Suite("Whether a request was sent is known, not guessed", .timeLimit(.minutes(30)))
struct SendingTests {
    static let picture = #"{"data":[{"url":"https://h/p.png"}]}"#
    /// More bytes than the buffers of both sides of a connection hold together.
    static let large = PatternSource(size: 24 << 20)

    private struct NoBody: Error {}

    private func split(_ request: [UInt8]) throws -> (head: [String], body: [UInt8]) {
        guard let end = request.firstRange(of: Array("\r\n\r\n".utf8)) else { throw NoBody() }
        let head = String(decoding: request[..<end.lowerBound], as: UTF8.self)
        return (head.split(separator: "\r\n").map(String.init), Array(request[end.upperBound...]))
    }

    @Test("the head has the headers that the API needs, and no others")
    func head() async throws {
        let server = try await RawServer(.answer(Self.picture))
        _ = try await withScene(server) { await $0.generate(try request(), picture: nil, receiver: Album()) }
        let (head, body) = try split(server.received[0])
        #expect(head.first == "POST /v1/images/generations HTTP/1.1")
        let fields = Set(head.dropFirst().map { $0.lowercased() })
        #expect(
            fields == [
                "authorization: bearer \(secret)", "content-type: application/json", "accept: application/json",
                "accept-encoding: identity", "connection: close", "user-agent: fluxq",
                "host: 127.0.0.1:\(server.port)", "content-length: \(body.count)",
            ])
    }

    @Test(
        "the path of the base URL is kept, with and without a slash at its end",
        arguments: [("/v1", "/v1"), ("/v1/", "/v1"), ("", ""), ("/", ""), ("/a/b%20c", "/a/b%20c")])
    func basePath(path: String, expected: String) async throws {
        let server = try await RawServer(.answer(Self.picture))
        _ = try await withScene(server, path: path) {
            await $0.generate(try request(), picture: nil, receiver: Album())
        }
        #expect(try split(server.received[0]).head.first == "POST \(expected)/images/generations HTTP/1.1")
    }

    @Test("an API behind a Unix socket is called like any other, and it is known whether the request was sent")
    func unixSocket() async throws {
        let directory = try TemporaryDirectory()
        let socket = directory.path("a.sock")
        let host = "http+unix://\(socket.replacing("/", with: "%2F"))"
        let server = try await RawServer(.answer(Self.picture), .raw("", at: .wholeRequest), socket: socket)
        let (answered, lost) = try await withScene(server, host: host) { client in
            (
                await client.generate(try request(), picture: nil, receiver: Album()),
                await client.generate(try request(), picture: nil, receiver: Album())
            )
        }
        guard case .answered(let answer) = answered.outcome else {
            Issue.record("\(answered)")
            return
        }
        #expect(answer.items.count == 1 && answered.sentAt != nil)
        let head = try split(server.received[0]).head
        #expect(head.first == "POST /v1/images/generations HTTP/1.1")
        #expect(head.map { $0.lowercased() }.filter { $0.hasPrefix("host:") } == ["host: localhost"])
        guard case .unknown = lost.outcome else {
            Issue.record("\(lost)")
            return
        }
        // There is no listener any more.
        let gone = try await RawServer(.answer(Self.picture))
        let notSent = try await withScene(gone, host: "\(host)x") { client in
            await client.generate(try request(), picture: nil, receiver: Album())
        }
        guard case .notSent = notSent.outcome else {
            Issue.record("\(notSent)")
            return
        }
    }

    @Test("exactly the fields that are set are sent")
    func fields() async throws {
        let server = try await RawServer(.answer(Self.picture))
        let all = try request {
            $0.n = 4
            $0.strength = 0.8
            $0.seed = -1
            $0.steps = 20
            $0.guidanceScale = 2.5
            $0.negativePrompt = "blurry/é"
            $0.responseFormat = .b64JSON
        }
        try await withScene(server) { client in
            _ = await client.generate(try request(), picture: nil, receiver: Album())
            _ = await client.generate(all, picture: nil, receiver: Album())
        }
        #expect(
            try String(decoding: split(server.received[0]).body, as: UTF8.self)
                == #"{"image":"https://example.com/cat.png","model":"black-forest-labs/flux-kontext-max","prompt":"Convert to \"quick\" pencil sketch","response_format":"url","seed":7}"#
        )
        #expect(
            try String(decoding: split(server.received[1]).body, as: UTF8.self)
                == #"{"guidance_scale":2.5,"image":"https://example.com/cat.png","model":"black-forest-labs/flux-kontext-max","n":4,"negative_prompt":"blurry/é","prompt":"Convert to \"quick\" pencil sketch","response_format":"b64_json","seed":-1,"steps":20,"strength":0.8}"#
        )
    }

    @Test("fields specific to the model are sent unchanged, and fields that its API refuses are not")
    func fieldsOfModel() async throws {
        let server = try await RawServer(.answer(Self.picture))
        let catalog = ModelCatalog(
            offering: ["gpt-image-1"],
            rules: [
                "gpt-image-1": .init(
                    omit: ["seed", "response_format"],
                    parameters: ["size", "quality", "zoom", "hd", "image\"a", "Image"])
            ])
        var draft = EditRequest.Draft()
        draft.prompt = "x"
        draft.image = someContent
        draft.parameters = [
            "size": .text("1024x1024 \"image\":"), "quality": .integer(3), "zoom": .number(0.5), "hd": .truth(true),
            "image\"a": .text("q"), "Image": .text("\(someContent.wire)"),
        ]
        let edit = try draft.validated(by: catalog, drawSeed: { 7 }).get()
        let picture = PatternSource(size: 3)
        try await withScene(server) { _ = await $0.generate(edit, picture: picture, receiver: Album()) }
        let body = try split(server.received[0]).body
        let json = try JSONDecoder().decode(JSONValue.self, from: Data(body))
        let base64 = Data((0..<Int64(3)).map(PatternSource.byte)).base64EncodedString()
        #expect(
            json
                == .object([
                    "model": .string("gpt-image-1"), "prompt": .string("x"),
                    "image": .string("data:image/png;base64,\(base64)"), "size": .string("1024x1024 \"image\":"),
                    "quality": .integer(3), "zoom": .number(0.5), "hd": .bool(true), "image\"a": .string("q"),
                    "Image": .string(someContent.wire),
                ]))
    }

    @Test(
        "a picture is sent as a data: URI in place of its hash, byte for byte",
        arguments: [1, 2, 3, RequestBody.pieceBytes - 1, RequestBody.pieceBytes, RequestBody.pieceBytes + 1, 1_000_001])
    func pictureBytes(size: Int) async throws {
        let server = try await RawServer(.answer(Self.picture))
        let picture = PatternSource(size: Int64(size))
        // A prompt that looks like the field must stay unchanged.
        let wire = "\"image\":\"\(ContentHash(digest: [UInt8](repeating: 0xAB, count: 32)))\""
        let edit = try request(image: someContent) { $0.prompt = wire }
        let report = try await withScene(server) { await $0.generate(edit, picture: picture, receiver: Album()) }
        #expect(report.outcome.row == "answered")
        let body = try split(server.received[0]).body
        let base64 = Data((0..<Int64(size)).map(PatternSource.byte)).base64EncodedString()
        let prompt = wire.replacing("\"", with: "\\\"")
        let expected =
            #"{"model":"black-forest-labs/flux-kontext-max","prompt":"\#(prompt)","response_format":"url","seed":7,"image":"data:image/png;base64,\#(base64)"}"#
        #expect(body == Array(expected.utf8))
    }

    @Test("a connection that is refused: nothing was sent")
    func refused() async throws {
        let port = try ClosedPort()
        defer { withExtendedLifetime(port) {} }
        let client = try ImagesClient(.init(baseURL: "http://127.0.0.1:\(port.number)", apiKey: APIKey(secret)))
        let report = await client.generate(try request(), picture: nil, receiver: Album())
        await client.shutdown()
        #expect(report.outcome.row == "notSent")
        #expect(report.sentAt == nil)
        #expect(report.outcome.message.contains("Connection refused"))
    }

    @Test("a name that does not resolve: nothing was sent")
    func unresolved() async throws {
        let client = try ImagesClient(.init(baseURL: "http://nowhere.invalid", apiKey: APIKey(secret)))
        let report = await client.generate(try request(), picture: nil, receiver: Album())
        await client.shutdown()
        #expect(report.outcome.row == "notSent")
        #expect(report.outcome.message.contains("nowhere.invalid"))
    }

    @Test("a TLS handshake that fails: nothing was sent")
    func noTLS() async throws {
        let server = try await RawServer(.raw("HTTP/1.1 400 No\r\n\r\n", at: .bytes(1)))
        let client = try ImagesClient(.init(baseURL: "https://127.0.0.1:\(server.port)", apiKey: APIKey(secret)))
        let report = await client.generate(try request(), picture: nil, receiver: Album())
        await client.shutdown()
        try await server.shutdown()
        #expect(report.outcome.row == "notSent")
        #expect(!server.received.contains { $0.firstRange(of: Array(secret.utf8)) != nil })
    }

    /// The points at which a connection is cut, by the bytes that have arrived.
    static let cutsBefore: [RawServer.Script.Moment] = [.accepted, .bytes(1), .head, .bytes(10_000), .bytes(1_000_000)]

    @Test("a connection cut before the last byte could be sent: nothing was sent in full", arguments: cutsBefore)
    func cutBefore(_ moment: RawServer.Script.Moment) async throws {
        // The same with an answer that does not decide it.
        for reply in ["", "HTTP/1.1 200", "HTTP/1.1 502 No\r\nContent-Length: 9\r\n\r\nx", "nonsense\r\n\r\n"] {
            var script = RawServer.Script.raw(reply, at: moment)
            script.stopsReading = true
            let server = try await RawServer(script)
            let report = try await withScene(server) {
                await $0.generate(try request(image: someContent), picture: Self.large, receiver: Album())
            }
            #expect(report.outcome.row == "notSent", "\(moment) \(reply)")
            #expect(report.sentAt == nil)
        }
    }

    /// The last byte may or may not be on its way: both reports are true, as long as outcome and time agree.
    @Test("a connection cut at the last byte but one: unknown if it was sent, otherwise nothing sent")
    func cutAtLastButOne() async throws {
        let whole = try await RawServer(.answer(Self.picture))
        _ = try await withScene(whole) { await $0.generate(try request(), picture: nil, receiver: Album()) }
        // Port numbers differ in length, and so does the head.
        let digits = String(whole.port).count
        var server = try await RawServer(.raw("", at: .bytes(whole.received[0].count - 1)))
        while String(server.port).count != digits {
            try await server.shutdown()
            server = try await RawServer(.raw("", at: .bytes(whole.received[0].count - 1)))
        }
        let report = try await withScene(server) {
            await $0.generate(try request(), picture: nil, receiver: Album())
        }
        #expect(report.outcome.row == (report.sentAt == nil ? "notSent" : "unknown"))
    }

    @Test(
        "a connection that closes after the last byte: unknown",
        arguments: [
            "", "H", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-",
            "HTTP/1.1 100 Continue\r\n\r\n", "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "HTTP/1.1 200 OK\r\n\r\n{",
        ])
    func closedAfter(reply: String) async throws {
        let server = try await RawServer(.raw(reply))
        let report = try await withScene(server) {
            await $0.generate(try request(), picture: nil, receiver: Album())
        }
        #expect(report.outcome.row == "unknown")
        #expect(report.sentAt != nil)
        #expect(server.received.count == 1, "never sent twice")
    }

    @Test("a timeout before the last byte: nothing was sent in full")
    func timeoutBefore() async throws {
        let server = try await RawServer(.raw("", at: .bytes(10_000), then: .stall))
        let report = try await withScene(server, timeout: .milliseconds(400)) {
            await $0.generate(try request(image: someContent), picture: Self.large, receiver: Album())
        }
        #expect(report.outcome.row == "notSent")
        #expect(report.outcome.message.contains("0.4 seconds"))
    }

    @Test(
        "a timeout after the last byte: unknown, with or without the answer's beginning",
        arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"da"])
    func timeoutAfter(reply: String) async throws {
        let (limit, report) = try await LimitLadder.climb(from: .milliseconds(400)) { limit in
            let server = try await RawServer(.raw(reply, then: .stall))
            return try await withScene(server, timeout: limit) {
                await $0.generate(try request(), picture: nil, receiver: Album())
            }
        } until: {
            $0.sentAt != nil
        }
        #expect(report.outcome.row == "unknown")
        #expect(report.sentAt != nil)
        #expect(report.outcome.message.contains(limit.inSeconds), "\(report.outcome.message)")
    }

    @Test("a canceled task: nothing sent or unknown, depending on what was sent, and immediately")
    func canceled() async throws {
        for (moment, outcome) in [(RawServer.Script.Moment.bytes(10_000), "notSent"), (.wholeRequest, "unknown")] {
            let server = try await RawServer(.raw("", at: moment, then: .stall))
            let picture = outcome == "notSent" ? Self.large : PatternSource(size: 1000)
            let report = try await withScene(server, timeout: .seconds(3600)) { client in
                let edit = try request(image: someContent)
                return await withTaskGroup(of: CallReport?.self) { group in
                    group.addTask { await client.generate(edit, picture: picture, receiver: Album()) }
                    for await _ in server.moments { break }
                    group.cancelAll()
                    return await group.next() ?? nil
                }
            }
            #expect(report?.outcome.row == outcome)
            #expect(report?.outcome.message.contains("canceled") == true)
        }
    }

    @Test("a task that was canceled before: no connection is made")
    func canceledBefore() async throws {
        let server = try await RawServer(.answer(Self.picture))
        try await withScene(server) { client in
            let edit = try request()
            let report = await withTaskGroup(of: CallReport?.self) { group in
                group.cancelAll()
                group.addTask { await client.generate(edit, picture: nil, receiver: Album()) }
                return await group.next() ?? nil
            }
            #expect(report?.outcome.row == "notSent")
        }
        #expect(server.received.isEmpty)
    }

    @Test(
        "an answer before the request's end counts, unless it leaves the bill unknown: then nothing was sent",
        arguments: [
            (413, "rejected"), (401, "accountClosed"), (429, "rateLimited"), (500, "serverError"), (502, "notSent"),
            (408, "notSent"), (302, "wrongAddress"),
        ])
    func earlyAnswer(status: Int, outcome: String) async throws {
        var script = RawServer.Script.answer(status, "no", at: .bytes(10_000))
        script.ending = .stall
        let server = try await RawServer(script)
        let report = try await withScene(server) {
            await $0.generate(try request(image: someContent), picture: Self.large, receiver: Album())
        }
        #expect(report.outcome.row == outcome)
        #expect(report.status == status)
        #expect(report.sentAt == nil)
    }

    @Test(
        "an answer before the request's end is read whole, and the picture is released", arguments: [413, 200])
    func earlyAnswerLetsGo(status: Int) async throws {
        let body = status == 200 ? Self.picture : #"{"error":{"code":"too_large","message":"at most 10 MB"}}"#
        var script = RawServer.Script.answer(status, body, at: .bytes(10_000))
        script.ending = .stall
        let server = try await RawServer(script)
        let (isHeld, release) = AsyncStream.makeStream(of: Void.self)
        try await withScene(server) { client in
            let picture = HeldSource(release)
            let edit = try request(image: someContent)
            let report = await client.generate(edit, picture: picture, receiver: Album())
            #expect(report.outcome.row == (status == 200 ? "answered" : "rejected"))
            if status == 413 { #expect(report.outcome.message == "at most 10 MB") }
        }
        for await _ in isHeld {}
    }

    /// Signals when its last reference is released.
    private final class HeldSource: PictureSource {
        let mediaType = "image/png"
        let size = SendingTests.large.size
        private let release: AsyncStream<Void>.Continuation

        init(_ release: AsyncStream<Void>.Continuation) {
            self.release = release
        }

        deinit {
            release.finish()
        }

        func read(at offset: Int64, count: Int) -> ByteBuffer { SendingTests.large.read(at: offset, count: count) }
    }

    @Test("an unreadable picture is a problem of this host: nothing was sent, and it does not count against the API")
    func unreadablePicture() async throws {
        let server = try await RawServer(.answer(Self.picture))
        try await withScene(server) { client in
            let edit = try request(image: someContent)
            var shrunk = PatternSource(size: 1_000_000)
            shrunk.readable = 999_999
            for (picture, outcome) in [(BrokenSource(), "notSent"), (shrunk, "notSent"), (nil, "rejected")]
                as [((any PictureSource)?, String)]
            {
                let report = await client.generate(edit, picture: picture, receiver: Album())
                #expect(report.outcome.row == outcome)
                #expect(report.isLocal == (outcome == "notSent"))
                #expect(report.sentAt == nil)
                #expect(report.outcome.message.contains("picture"))
            }
        }
    }

    @Test("each call has its own connection, and many run concurrently")
    func connections() async throws {
        let server = try await RawServer(.answer(Self.picture))
        try await withScene(server) { client in
            let edit = try request()
            await withTaskGroup(of: String.self) { group in
                for _ in 0..<20 {
                    group.addTask { await client.generate(edit, picture: nil, receiver: Album()).outcome.row }
                }
                for await row in group { #expect(row == "answered") }
            }
        }
        #expect(server.received.count == 20)
    }
}
