import AsyncHTTPClient
import FluxqControl
import FluxqModel
import FluxqStore
import FluxqTestSupport
import NIOCore
import NIOHTTP1
import Testing

@testable import FluxqControlServer

@Suite("POST /v1/jobs/forget and GET /v1/jobs/{id}/calls", .timeLimit(.minutes(30)))
struct ForgetRouteTests {
    private func forget(_ server: TestServer, _ body: String) async throws -> Reply {
        try await server.send(
            .POST, "/v1/jobs/forget", body: .bytes(ByteBuffer(string: body)),
            headers: ["content-type": "application/json"])
    }

    @Test("shows what would be forgotten, then forgets it, and reports why named jobs stay")
    func forgets() async throws {
        try await TestServer.run { server in
            let done = try await server.finished()
            let waiting = try await server.submit()
            let foreign = try await server.submit(owner: TestServer.somebodyElse)
            let ids = "[\(done.id),\(waiting.id),\(foreign.id),999]"
            // The jobs ended exactly at the server's time, which stands still, so they end before a later one.
            let preview = try await forget(server, #"{"ids": \#(ids), "preview": true}"#)
            #expect(preview.status == 200)
            let document: ForgetDocument = try preview.document()
            #expect(document.jobs == 0 && document.staying?.map(\.id) == [1, 2, 3, 999])
            #expect(document.staying?[2].problem == document.staying?[3].problem)
            #expect(document.staying?[1].problem.contains("queued") == true)
            #expect(document.before == WireTime(TestServer.now))
            #expect(try await server.get("/v1/jobs/\(done.id)").status == 200)
        }
    }

    @Test(
        "refuses a body that may select more jobs than intended",
        arguments: [
            "", "[]", "{}", #"{"preview": true}"#, #"{"lable": "x", "state": "done"}"#, #"{"state": "queued"}"#,
            #"{"ids": [0]}"#, #"{"ids": ["1"]}"#, #"{"before": "yesterday"}"#,
            #"{"ids": [\#((1...1001).map(String.init).joined(separator: ","))]}"#,
        ])
    func refused(body: String) async throws {
        try await TestServer.run { server in
            let done = try await server.finished()
            let reply = try await forget(server, body)
            #expect(reply.status == 400, "\(reply)")
            #expect(try reply.problem.detail.hasSuffix("Nothing was forgotten."))
            #expect(try await server.get("/v1/jobs/\(done.id)").status == 200)
        }
    }

    @Test("refuses a body that is not JSON, or too long, with its own status")
    func unreadable() async throws {
        try await TestServer.run { server in
            let typed = try await server.send(
                .POST, "/v1/jobs/forget", body: .bytes(ByteBuffer(string: #"{"state": "done"}"#)),
                headers: ["content-type": "text/plain"])
            #expect(typed.status == 415)
            #expect(try typed.problem.code == .unsupportedMediaType)
            let long = try await forget(server, #"{"label": "\#(String(repeating: "x", count: 70_000))"}"#)
            #expect(long.status == 413)
            #expect(try long.problem.code == .tooLarge)
        }
    }

    @Test("a job's calls come in pages, newest first, and its document says how many it omits")
    func calls() async throws {
        try await TestServer.run { server in
            let job = try await server.submit()
            for number in 1...103 {
                if number > 1 { _ = try await server.store.retry(job.id, by: Caller(TestServer.me)) }
                let report = CallReport(outcome: .rejected(APIError(message: "no")))
                _ = try await server.store.record(report, of: try await server.claim())
            }
            let document: JobDocument = try await server.get("/v1/jobs/\(job.id)").document()
            #expect(document.ledger?.count == 100 && document.earlierCalls == 3)
            let first: CallPage = try await server.get("/v1/jobs/\(job.id)/calls").document()
            #expect(first.calls.map(\.number) == Array((4...103).reversed()) && first.next == 4)
            let last: CallPage = try await server.get("/v1/jobs/\(job.id)/calls?before=4&limit=50").document()
            #expect(last.calls.map(\.number) == [3, 2, 1] && last.next == nil)
            #expect(try await server.get("/v1/jobs/\(job.id)/calls?limit=101").status == 400)
        }
    }
}
