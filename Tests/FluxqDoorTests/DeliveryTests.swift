import FluxqArchive
import FluxqControlServer
import FluxqModel
import FluxqStore
import FluxqTestSupport
import Foundation
import NIOHTTP1
import Testing

@testable import FluxqDoor

@Suite("Delivered, or not")
struct DeliveryTests {
    private static let request = #"{"prompt":"make it rain"}"#

    private func isDelivered(_ server: DoorServer, _ id: Int64 = 1) async throws -> Bool {
        await server.room.isLeft(JobID(rawValue: id))
        let job = try #require(try await server.jobs().first { $0.id.rawValue == id })
        let events = try await server.store.events(
            for: Caller(DoorServer.me), everybody: false, since: 0, limit: 1000)
        return events.contains { $0.kind == .delivered && $0.job == job.id }
    }

    /// A request whose answer has been written to the connection, and the length of the answer.
    private func answered(_ server: DoorServer, headers: [String] = [], bytes: Int = 0) async throws -> RawRequest {
        let client = try RawRequest(to: server)
        try client.ask(Self.request, headers: headers)
        try await server.answer(server.claim(), with: [SamplePictures.jpeg.followed(byBytes: bytes)])
        return client
    }

    enum End: String, CaseIterable, Sendable {
        case closes = "closes the connection"
        case asksAgain = "sends its next request"
        case closesSending = "closes its sending side"
        case saidClose = "had asked for the end of the connection"
    }

    @Test("an answer that its client has read whole is delivered when the client…", arguments: End.allCases)
    func whole(_ end: End) async throws {
        try await DoorServer.run { server in
            let client = try await answered(server, headers: end == .saidClose ? ["Connection: close"] : [])
            let text = await client.read()
            #expect(text.hasPrefix("HTTP/1.1 200"))
            switch end {
            case .closes, .saidClose: client.close()
            case .asksAgain: try client.send("GET /v1/models HTTP/1.1\r\nHost: fluxq\r\n\r\n")
            case .closesSending: client.closeSending()
            }
            #expect(try await isDelivered(server))
            if end == .asksAgain || end == .closesSending { client.close() }
            // The same again is another picture.
            let other = try await server.answered { try await server.generate(Self.request) }
            #expect(other.headers.first(name: "x-fluxq-job") == "2")
        }
    }

    @Test("an answer that is read only in part, of any length, goes to the next identical request")
    func part() async throws {
        try await DoorServer.run { server in
            for (number, count) in zip(1..., [0, 1, 20, 300, nil]) {
                let client = try await answered(server)
                switch count {
                case 0?: break
                case let count?: await client.read(count)
                case nil: await client.read(allBut: 1)
                }
                client.close()
                #expect(try await !isDelivered(server, Int64(number)), "\(count ?? -1) bytes")
                let again = try await server.generate(Self.request)
                #expect(again.headers.first(name: "x-fluxq-job") == "\(number)", "\(count ?? -1) bytes")
                #expect(again.headers.first(name: "idempotent-replayed") == "true")
                #expect(again.headers.first(name: "x-fluxq-cost") == "0")
                #expect(try again.pictures() == [SamplePictures.jpeg.bytes])
                // The client keeps its connection until its next request.
                _ = try await server.send(.GET, "/v1/models")
                #expect(try await isDelivered(server, Int64(number)))
            }
            #expect(try await server.jobs().count == 5)
        }
    }

    @Test("an answer that is larger than the connection's buffers and is cut is not delivered")
    func large() async throws {
        try await DoorServer.run { server in
            let client = try await answered(server, bytes: 4 << 20)
            await client.read(1 << 20)
            client.close()
            #expect(try await !isDelivered(server))
            let again = try await server.generate(Self.request)
            #expect(again.headers.first(name: "x-fluxq-job") == "1")
        }
    }

    @Test("a connection that fluxqd ends has delivered what its client has read")
    func ended() async throws {
        try await DoorServer.run(settings: { $0.partingTime = .zero }) { server in
            let client = try await answered(server)
            await client.read()
            await server.shutDown()
            #expect(try await isDelivered(server))
            client.close()
        }
    }

    @Test("an error that ends a job is delivered as well, and one that is not goes to the next identical request")
    func errors() async throws {
        try await DoorServer.run { server in
            let client = try RawRequest(to: server)
            try client.ask(Self.request)
            try await server.end(server.claim(), .moderated(APIError(status: 400, message: "no")))
            await client.read(10)
            client.close()
            #expect(try await !isDelivered(server))
            let again = try await server.generate(Self.request)
            #expect(try again.error().type == "image_generation_user_error")
            _ = try await server.send(.GET, "/v1/models")
            #expect(try await isDelivered(server))
            #expect(try await server.jobs().count == 1)
        }
    }
}
