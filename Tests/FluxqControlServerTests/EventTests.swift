import FluxqControl
import FluxqModel
import FluxqTestSupport
import Foundation
import NIOHTTP1
import Testing

@testable import FluxqControlServer

@Suite("GET /v1/events", .timeLimit(.minutes(30)))
struct EventTests {
    private static func request(_ query: String = "", _ header: String = "") -> String {
        "GET /v1/events\(query) HTTP/1.1\r\nHost: x\r\n\(header)\r\n"
    }

    /// The next event of a stream.
    private static func next(_ client: inout RawClient.Conversation) async throws -> EventDocument {
        let head = try await client.read(through: "\ndata: ")
        let data = try await client.read(through: "\n\n")
        let event = try JSONDecoder().decode(EventDocument.self, from: Data(data.utf8))
        #expect(head.contains("id: \(event.id)\nevent: \(event.kind)\n"))
        return event
    }

    @Test("sends events of the caller's jobs only, in order, as they happen")
    func news() async throws {
        try await TestServer.run { server in
            let job = try await server.submit()
            try await RawClient.connect(to: server) { client in
                try await client.send(Self.request())
                let head = try await client.read(through: ": events of fluxqd\n\n")
                #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && head.contains("text/event-stream"))
                _ = try await server.submit(owner: TestServer.somebodyElse)
                try await server.answer(job)
                let events = [try await Self.next(&client), try await Self.next(&client)]
                #expect(events.map(\.job) == [job.id.rawValue, job.id.rawValue])
                #expect(events.map(\.kind).first == "claimed")
                #expect(events.map(\.state).first == "running")
            }
        }
    }

    @Test("continues after the event that the header names, otherwise the query")
    func resumed() async throws {
        try await TestServer.run { server in
            for _ in 1...3 { _ = try await server.submit() }
            let starts = [
                ("?since=0", "", 1), ("?since=2", "", 3), ("", "Last-Event-ID: 1\r\n", 2),
                ("?since=0", "Last-Event-ID: 2\r\n", 3),
            ]
            for (query, header, first) in starts {
                try await RawClient.connect(to: server) { client in
                    try await client.send(Self.request(query, header))
                    for id in first...3 {
                        let event = try await Self.next(&client)
                        #expect(event.id == Int64(id) && event.kind == "submitted" && event.state == "queued")
                    }
                }
            }
            let reply = try await server.get("/v1/events", headers: ["last-event-id": "x"])
            #expect(reply.status == 400)
            #expect(try reply.problem.detail.contains("Last-Event-ID"))
        }
    }

    @Test("sends more than one page")
    func pages() async throws {
        try await TestServer.run { server in
            let count = Limits.eventsPerRead * 2 + 10
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 1...count { group.addTask { _ = try await server.submit() } }
            }
            try await RawClient.connect(to: server) { client in
                try await client.send(Self.request("?since=0"))
                for id in 1...count { #expect(try await Self.next(&client).id == Int64(id)) }
            }
        }
    }

    @Test("sends heartbeats while nothing happens")
    func keepAlive() async throws {
        try await TestServer.run(settings: { $0.eventPause = .milliseconds(10) }) { server in
            try await RawClient.connect(to: server) { client in
                try await client.send(Self.request())
                _ = try await client.read(through: ": still here\n\n")
                _ = try await client.read(through: ": still here\n\n")
                let job = try await server.submit()
                #expect(try await Self.next(&client).job == job.id.rawValue)
            }
        }
    }

    @Test("ends cleanly when fluxqd stops")
    func shutdown() async throws {
        try await TestServer.run { server in
            try await RawClient.connect(to: server) { client in
                try await client.send(Self.request())
                _ = try await client.read(through: ": events of fluxqd\n\n")
                await server.shutDown()
                #expect(try await client.readToEnd().hasSuffix("0\r\n\r\n"))
            }
        }
    }
}
