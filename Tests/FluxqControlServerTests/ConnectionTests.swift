import FluxqControl
import FluxqModel
import FluxqTestSupport
import Foundation
import NIOCore
import Testing

@testable import FluxqControlServer

@Suite("A connection", .timeLimit(.minutes(30)))
struct ConnectionTests {
    private static let queue = "GET /v1/queue HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test("serves requests one after the other, even those sent before an answer has come")
    func pipelined() async throws {
        try await TestServer.run { server in
            for _ in 1...3 { _ = try await server.submit() }
            try await RawClient.connect(to: server) { client in
                let paths = ["/v1/jobs/1", "/v1/jobs/77", "/v1/jobs/2", "/nowhere", "/v1/jobs/3"]
                try await client.send(paths.map { "GET \($0) HTTP/1.1\r\nHost: x\r\n\r\n" }.joined())
                for answer in ["\"id\":1,", "no_such_job", "\"id\":2,", "no_such_route", "\"id\":3,"] {
                    #expect(try await client.read(through: answer).components(separatedBy: "HTTP/1.1 ").count == 2)
                }
                // A body that its route does not need is skipped.
                try await client.send("POST /v1/jobs/1/cancel HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello\(Self.queue)")
                #expect(try await client.read(through: "\"usage\"").contains("\"failed\":1"))
            }
        }
    }

    @Test("is closed after the answer if the client asks for it")
    func closed() async throws {
        try await TestServer.run { server in
            try await RawClient.connect(to: server) { client in
                try await client.send("GET /v1/queue HTTP/1.1\r\nConnection: close\r\n\r\n")
                #expect(try await client.readToEnd().contains("\"counts\""))
            }
        }
    }

    @Test("that the client has half closed still gets its answer")
    func halfClosed() async throws {
        try await TestServer.run { server in
            try await RawClient.connect(to: server) { client in
                try await client.send(Self.queue)
                client.finish()
                #expect(try await client.readToEnd().contains("\"counts\""))
            }
        }
    }

    @Test(
        "that does not carry HTTP gets an error and is closed",
        arguments: [
            "nonsense\r\n\r\n", "GET\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\r\n\r\n",
            "GET / HTTP/1.1\r\nX: \(String(repeating: "a", count: 20_000))\r\n\r\n",
            "GET / HTTP/1.1\r\n\(String(repeating: "X: y\r\n", count: 200))\r\n",
            "POST /v1/jobs HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            "POST /v1/jobs HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        ])
    func notHTTP(bytes: String) async throws {
        try await TestServer.run { server in
            try await RawClient.connect(to: server) { client in
                try await client.send(bytes)
                let answer = try await client.readToEnd()
                #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"), "\(answer)")
                #expect(answer.contains("application/problem+json") && answer.contains("\"code\":\"bad_request\""))
            }
            #expect(try await server.get("/v1/queue").status == 200)
        }
    }

    @Test("whose body is framed wrongly gets an error")
    func badChunk() async throws {
        try await TestServer.run { server in
            try await RawClient.connect(to: server) { client in
                try await client.send("PUT /v1/inputs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n")
                #expect(try await client.readToEnd().hasPrefix("HTTP/1.1 400 "))
            }
            #expect(try server.files(in: "incoming").isEmpty)
        }
    }

    @Test(
        "over a user's limit, or the total, is refused, and admitted once another is closed",
        // With a total of four, a third place would equal the number left free.
        arguments: [(2, 512), (64, 4)])
    func limit(perUser: Int, total: Int) async throws {
        try await TestServer.run(settings: {
            $0.maxConnectionsPerUser = perUser
            $0.maxConnections = total
            $0.administratorsConnections = 0
        }) { server in
            try await RawClient.connect(to: server) { first in
                try await first.send(Self.queue)
                _ = try await first.read(through: "\"usage\"")
                try await RawClient.connect(to: server) { second in
                    try await second.send(Self.queue)
                    _ = try await second.read(through: "\"usage\"")
                    try await RawClient.connect(to: server) { third in
                        let answer = try await third.readToEnd()
                        #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.contains("\"code\":\"over_limit\""))
                    }
                }
                try await RawClient.waitForPlace(server)
            }
        }
    }

    @Test("that is idle for too long is closed", arguments: ["", "GET /v1/queue HT"])
    func idle(beginning: String) async throws {
        try await TestServer.run(settings: { $0.idleTime = .milliseconds(100) }) { server in
            try await RawClient.connect(to: server) { client in
                // On a busy machine the connection may be closed before that.
                if !beginning.isEmpty { do { try await client.send(beginning) } catch {} }
                let answer = try await client.readToEnd()
                #expect(answer.isEmpty)
            }
        }
    }

    @Test("that is idle after an answer is closed")
    func idleAfterAnswer() async throws {
        try await TestServer.run(settings: { $0.idleTime = .milliseconds(100) }) { server in
            var answer = ""
            // On a busy machine the time may be over before the request arrives.
            while answer.isEmpty {
                answer = try await RawClient.connect(to: server) { client in
                    do { try await client.send(Self.queue) } catch { return "" }
                    return try await client.readToEnd()
                }
            }
            #expect(answer.contains("\"usage\""))
        }
    }

    @Test("whose body does not arrive in time gets an error, however long it may be idle")
    func lateBody() async throws {
        try await TestServer.run(settings: { $0.bodyTime = .milliseconds(200) }) { server in
            try await RawClient.connect(to: server) { client in
                try await client.send("PUT /v1/inputs HTTP/1.1\r\nContent-Length: 10\r\n\r\nhello")
                #expect(try await client.readToEnd().hasPrefix("HTTP/1.1 408 "))
            }
            #expect(try server.files(in: "incoming").isEmpty)
        }
    }

    @Test("that never reads its answers is closed, with no more of them in memory than fit into a pipe")
    func unread() async throws {
        try await TestServer.run(settings: { $0.idleTime = .milliseconds(300) }) { server in
            try await RawClient.connect(to: server) { client in
                // The socket accepts some requests; then the server waits, reads no more, and gives up.
                await #expect(throws: (any Error).self) {
                    while true { try await client.send(String(repeating: Self.queue, count: 1000)) }
                }
                return
            }
            server.reload(ControlServer.Settings(catalog: ModelCatalog(offering: ["m"])))
            #expect(try await server.get("/v1/queue").status == 200)
        }
    }

    @Test("may finish its request when fluxqd stops; new ones are refused")
    func shutdown() async throws {
        try await TestServer.run(settings: { $0.shutdownGrace = .seconds(3600) }) { server in
            try await RawClient.connect(to: server) { client in
                let bytes = SamplePictures.gif.bytes
                try await client.send(
                    "PUT /v1/inputs HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: \(bytes.count)\r\n\r\n")
                // The route is reading.
                _ = try await client.read(through: "100 Continue\r\n\r\n")
                await server.shutDown()
                await RawClient.waitUntilRefused(server)
                try await client.send(bytes)
                let answer = try await client.readToEnd()
                #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.contains("\"image\":\"sha256:"))
            }
        }
    }

    @Test("that delays a stop for too long is closed")
    func overdue() async throws {
        try await TestServer.run(settings: { $0.shutdownGrace = .milliseconds(50) }) { server in
            try await RawClient.connect(to: server) { client in
                try await client.send("PUT /v1/inputs HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n")
                _ = try await client.read(through: "100 Continue\r\n\r\n")
                await server.shutDown()
                _ = try await client.readToEnd()
            }
        }
    }

    @Test("that was opened just before a stop, or submits a job after its picture, is still served")
    func lastRequests() async throws {
        try await TestServer.run(settings: {
            $0.partingTime = .seconds(3600)
            $0.shutdownGrace = .seconds(3600)
        }) { server in
            try await RawClient.connect(to: server) { silent in
                try await RawClient.connect(to: server) { served in
                    try await served.send(Self.queue)
                    _ = try await served.read(through: "\"usage\"")
                    await server.shutDown()
                    for _ in 1...3 {
                        try await served.send(Self.queue)
                        _ = try await served.read(through: "\"usage\"")
                    }
                }
                try await silent.send(Self.queue)
                #expect(try await silent.read(through: "\"usage\"").hasPrefix("HTTP/1.1 200 "))
            }
        }
    }

    @Test("that is idle is closed soon when fluxqd stops")
    func idleAtShutdown() async throws {
        try await TestServer.run(settings: { $0.shutdownGrace = .seconds(3600) }) { server in
            try await RawClient.connect(to: server) { client in
                try await client.send(Self.queue)
                _ = try await client.read(through: "\"usage\"")
                await server.shutDown()
                _ = try await client.readToEnd()
            }
        }
    }
}
