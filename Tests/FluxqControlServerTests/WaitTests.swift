import FluxqControl
import FluxqModel
import FluxqStore
import FluxqTestSupport
import Testing

@testable import FluxqControlServer

@Suite("Waiting for a job", .timeLimit(.minutes(30)))
struct WaitTests {
    @Test("ends as soon as the job is done or failed, however long it was meant to last", arguments: [true, false])
    func answered(succeeds: Bool) async throws {
        try await TestServer.run { server in
            let job = try await server.submit()
            async let reply = server.get("/v1/jobs/\(job.id)?wait=300")
            // Neither another job's end nor an intermediate step of this one ends the wait.
            _ = try await server.submit(owner: TestServer.somebodyElse)
            if succeeds {
                try await server.answer(job)
            } else {
                let claim = try await server.claim()
                _ = try await server.store.record(
                    CallReport(outcome: .rejected(APIError(status: 400, message: "No."))), of: claim)
            }
            let document: JobDocument = try await reply.document()
            #expect(document.state == (succeeds ? "done" : "failed"))
            #expect(document.reason == (succeeds ? nil : "rejected"))
        }
    }

    @Test("answers with the job as it is when the time is up")
    func timeUp() async throws {
        try await TestServer.run { server in
            let job = try await server.submit()
            let started = ContinuousClock.now
            let document: JobDocument = try await server.get("/v1/jobs/\(job.id)?wait=1").document()
            #expect(document.state == "queued")
            #expect(ContinuousClock.now - started >= .seconds(1))
            #expect(try await server.get("/v1/jobs/\(job.id)?wait=0").document(JobDocument.self).state == "queued")
        }
    }

    @Test("ends immediately for a job that has already ended")
    func over() async throws {
        try await TestServer.run { server in
            let job = try await server.finished()
            #expect(try await server.get("/v1/jobs/\(job.id)?wait=300").document(JobDocument.self).state == "done")
        }
    }

    @Test("ends when the client disconnects, so that its place is free again")
    func clientLeaves() async throws {
        try await TestServer.run(settings: { $0.maxConnectionsPerUser = 1 }) { server in
            let job = try await server.submit()
            try await RawClient.connect(to: server) { client in
                try await client.send("GET /v1/jobs/\(job.id) HTTP/1.1\r\nHost: x\r\n\r\n")
                _ = try await client.read(through: "\n")
                try await client.send("GET /v1/jobs/\(job.id)?wait=300 HTTP/1.1\r\nHost: x\r\n\r\n")
            }
            try await RawClient.waitForPlace(server)
        }
    }

    @Test("ends when fluxqd stops, with the job as it is")
    func shutdown() async throws {
        try await TestServer.run { server in
            let job = try await server.submit()
            try await RawClient.connect(to: server) { client in
                // Both requests are sent together: when the first is answered, the second has been read.
                try await client.send(
                    "GET /v1/queue HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/jobs/\(job.id)?wait=300 HTTP/1.1\r\nHost: x\r\n\r\n"
                )
                _ = try await client.read(through: "\"usage\"")
                await server.shutDown()
                let answer = try await client.readToEnd()
                #expect(answer.contains("\"state\":\"queued\""), "\(answer)")
                #expect(answer.contains("Connection: close") || answer.contains("connection: close"))
            }
        }
    }
}

extension RawClient {
    static let oneRequest = "GET /v1/queue HTTP/1.1\r\nConnection: close\r\n\r\n"

    /// The status of the answer to one request on a new connection; nil if that is refused.
    static func askOnce(_ server: TestServer) async throws -> Int? {
        try await connect(to: server) { client in
            // A refused connection may be closed before the request is sent.
            do { try await client.send(oneRequest) } catch { return nil }
            let line = try await client.readToEnd().prefix(while: { $0 != "\r\n" })
            return Int(line.split(separator: " ").dropFirst().first ?? "")
        }
    }

    /// Returns when new connections are refused.
    static func waitUntilRefused(_ server: TestServer) async {
        do { while true { try await connect(to: server) { _ in } } } catch {}
    }

    /// A place is freed a moment after its connection has closed: until then connections are refused.
    static func waitForPlace(_ server: TestServer) async throws {
        var status: Int?
        while status != 200 {
            status = try await askOnce(server)
            try #require([200, 503, nil].contains(status))
        }
    }
}
