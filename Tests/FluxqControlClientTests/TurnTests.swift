import FluxqControl
import FluxqModel
import FluxqTestSupport
import Foundation
import Synchronization
import Testing

@testable import FluxqControlClient

private let jobJSON = """
    {"id":42,"state":"queued","owner":"alice","uid":1000,"priority":0,"created_at":"2026-11-22T10:00:00.123Z",
     "attempts":0,"request":{"model":"m","prompt":"p","seed":7,"response_format":"url"},"images":[]}
    """
private let inputJSON = """
    {"image":"sha256:\(String(repeating: "a", count: 64))","media_type":"image/png","width":2,"height":3,"bytes":4}
    """
private let noPlace = #"{"status":503,"code":"over_limit","title":"Too many","detail":"Close some."}"#

@Suite("A client waits its turn", .timeLimit(.minutes(30)))
struct TurnTests {
    private let directory: TemporaryDirectory
    private let socket: ControlSocket
    private static let patient = Patience(busy: .seconds(3600), away: .seconds(3600))

    init() throws {
        directory = try TemporaryDirectory()
        socket = ControlSocket(option: directory.path("s"), environment: nil)
    }

    /// The error of a request against the scripts; nil if it succeeds.
    private func failure(
        _ scripts: [ScriptedDaemon.Script], patience: Patience = patient,
        request: (ControlClient) async throws -> Void
    ) async throws -> ControlClientError? {
        _ = try ScriptedDaemon(socket.path, scripts)
        do {
            try await ControlClient.withConnection(to: socket, patience: patience, request)
            return nil
        } catch let error as ControlClientError {
            return error
        }
    }

    private func submission(key: String?) -> JobSubmission {
        var request = EditRequest.Draft()
        request.prompt = "p"
        return JobSubmission(request: request, options: .init(key: key))
    }

    /// Ways in which a daemon refuses a connection before it has read a request.
    static let refusals: [ScriptedDaemon.Script] = [
        { $0.close() },
        { peer in
            _ = try peer.readHead()
            try peer.answer("503 Service Unavailable", noPlace, type: Problem.mediaType)
        },
        { try $0.answer("503 Service Unavailable", noPlace, type: Problem.mediaType) },
    ]

    @Test("a request that is refused before it is read is resent, even if it changes something")
    func turnedAway() async throws {
        let error = try await failure(
            Self.refusals + Self.refusals + [
                { peer in
                    let head = try peer.readHead()
                    #expect(head.hasPrefix("POST /v1/jobs/42/retry "))
                    try peer.answer("200 OK", jobJSON)
                }
            ]
        ) { client in
            let job = try await client.retry(42)
            #expect(job.document.id == 42)
        }
        #expect(error == nil)
    }

    /// Over a limit, with the user's other uploads in progress.
    private static func overLimit(_ onTheWay: String) -> String {
        #"{"status":429,"code":"over_limit","title":"Over the limit","detail":"Full.","#
            + #""limit":{"name":"archive_bytes","limit":9,"used":1,"asked":8\#(onTheWay)}}"#
    }

    @Test(
        "a request that only the user's other uploads block is resent; one over the limit is not"
    )
    func onTheWay() async throws {
        let passing = try await failure([
            { peer in
                _ = try peer.readHead()
                try peer.answer(
                    "429 Too Many Requests", Self.overLimit(#","on_the_way":3"#), type: Problem.mediaType)
                _ = try peer.readHead()
                try peer.answer("200 OK", jobJSON)
            }
        ]) { _ = try await $0.retry(42) }
        #expect(passing == nil)
        try FileManager.default.removeItem(atPath: socket.path)
        let lasting = try await failure([
            { peer in
                _ = try peer.readHead()
                try peer.answer("429 Too Many Requests", Self.overLimit(""), type: Problem.mediaType)
            }
        ]) { _ = try await $0.retry(42) }
        #expect(lasting.map { if case .problem(let problem) = $0 { problem.status } else { 0 } } == 429)
    }

    @Test("without patience the error says that the daemon is busy, and that nothing was done")
    func impatient() async throws {
        let silent = try await failure([Self.refusals[0]], patience: .none) { _ = try await $0.retry(42) }
        #expect(silent?.isBusy == true)
        try FileManager.default.removeItem(atPath: socket.path)
        let explained = try await failure([Self.refusals[1]], patience: .none) { _ = try await $0.retry(42) }
        #expect(explained?.isBusy == true)
    }

    @Test("after a lost answer an idempotent request is resent")
    func lostAnswer() async throws {
        let error = try await failure([
            { _ = try $0.readHead() },
            { peer in
                _ = try peer.readHead()
                try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"id\"")
            },
            { peer in
                _ = try peer.readHead()
                try peer.answer("200 OK", jobJSON)
            },
        ]) { client in
            let job = try await client.job(42)
            #expect(job.document.id == 42)
        }
        #expect(error == nil)
    }

    @Test("a submit with a key is repeated word for word until it is answered")
    func submitWithKey() async throws {
        let bodies = Mutex<[String]>([])
        @Sendable func read(_ peer: ScriptedPeer) throws {
            let head = try peer.readHead()
            let body = try peer.readBody(ScriptedPeer.bodyLength(in: head))
            bodies.withLock { $0.append(String(decoding: body, as: UTF8.self)) }
        }
        let error = try await failure([
            { try read($0) },
            { peer in
                try read(peer)
                try peer.send("HTTP/1.1 201 Created\r\nContent-Length: 900\r\n\r\n{")
            },
            { peer in
                try read(peer)
                try peer.answer("200 OK", jobJSON)
            },
        ]) { client in
            let job = try await client.submit(submission(key: "k"))
            #expect(job.document.id == 42)
        }
        #expect(error == nil)
        let heard = bodies.withLock { $0 }
        #expect(heard.count == 3 && Set(heard).count == 1)
    }

    @Test("a request without an answer that cannot be repeated is reported as possibly executed")
    func unknown() async throws {
        let error = try await failure([{ _ = try $0.readHead() }]) { _ = try await $0.cancel(42) }
        guard case .outcomeUnknown = try #require(error) else {
            Issue.record("not the expected error: \(String(describing: error))")
            return
        }
        try FileManager.default.removeItem(atPath: socket.path)
        let submit = try await failure([
            { peer in
                let head = try peer.readHead()
                _ = try peer.readBody(ScriptedPeer.bodyLength(in: head))
            }
        ]) { client in
            _ = try await client.submit(submission(key: nil))
        }
        guard case .outcomeUnknown = try #require(submit) else {
            Issue.record("not the expected error: \(String(describing: submit))")
            return
        }
    }

    @Test("if the daemon ends after reading a submit, the error is the unknown outcome, not the missing daemon")
    func doubt() async throws {
        let error = try await failure(
            [
                { peer in
                    let head = try peer.readHead()
                    _ = try peer.readBody(ScriptedPeer.bodyLength(in: head))
                }
            ], patience: Patience(busy: .milliseconds(300), away: .milliseconds(300))
        ) { client in
            _ = try await client.submit(submission(key: "k"))
        }
        guard case .connectionLost = try #require(error) else {
            Issue.record("not the expected error: \(String(describing: error))")
            return
        }
    }

    @Test("a stream is sent again from its beginning")
    func stream() async throws {
        let pipe = StreamPipe()
        try pipe.write(Array("picture".utf8))
        let error = try await failure([
            { peer in
                _ = try peer.readHead()
                _ = try peer.readBody(8)
                try pipe.write(Array(" and more".utf8))
                try pipe.end()
            },
            { peer in
                _ = try peer.readHead()
                #expect(String(decoding: try peer.readChunks(), as: UTF8.self) == "picture and more")
                try peer.answer("200 OK", inputJSON)
            },
        ]) { client in
            _ = try await client.putInput(UploadSource(descriptor: pipe.reading, sizeBytes: nil))
        }
        #expect(error == nil)
    }

    @Test("a daemon that is being started is waited for")
    func away() async throws {
        let told = Mutex(0)
        let path = socket.path
        let job = try await ControlClient.withConnection(
            to: socket, patience: Self.patient,
            isWaiting: { reason in
                #expect(reason == .noDaemon(path: path, .missing))
                told.withLock { $0 += 1 }
                do {
                    _ = try ScriptedDaemon(
                        path,
                        [
                            { peer in
                                _ = try peer.readHead()
                                try peer.answer("200 OK", jobJSON)
                            }
                        ])
                } catch {
                    Issue.record(error)
                }
            }
        ) { try await $0.job(42).document.id }
        #expect(job == 42)
        #expect(told.withLock { $0 } == 1)
    }

    @Test("pauses grow, stay below a bound, and differ")
    func pauses() {
        var first = GrowingPause(), second = GrowingPause()
        let some = (0..<12).map { _ in first.take() }
        #expect(some.allSatisfy { $0 >= .milliseconds(25) && $0 <= .seconds(2) })
        #expect(some[11] >= .seconds(1) && some[0] <= .milliseconds(50))
        #expect(some != (0..<12).map { _ in second.take() })
    }
}
