import FluxqControl
import FluxqModel
import FluxqTestSupport
import Foundation
import NIOHTTP1
import Testing

@testable import FluxqControlServer

@Suite("The caller", .enabled(if: Asking.isPossible), .timeLimit(.minutes(30)))
struct PeerTests {
    @Test("is who the kernel says, whatever the request claims, and sees nobody else's")
    func separate() async throws {
        try await TestServer.run { server in
            let mine = try await server.finished()
            let body = #"{"request": {"prompt": "a", "image": "\#(TestServer.link)"}}"#
            let submitted = try await ask(
                server, as: 1234,
                [
                    "--json", body, "-H", "X-Uid: 0", "-H", "Authorization: Basic cm9vdDo=",
                    "http://root@localhost/v1/jobs",
                ])
            #expect(submitted.status == 201)
            let theirs = try JSONDecoder().decode(JobDocument.self, from: Data(submitted.body.utf8))
            #expect(theirs.uid == 1234 && theirs.owner == "1234")

            let list = try await ask(server, as: 1234, ["http://localhost/v1/jobs"])
            let page = try JSONDecoder().decode(JobPage.self, from: Data(list.body.utf8))
            #expect(page.jobs.map(\.id) == [theirs.id])

            let unknown = try await ask(server, as: 1234, ["http://localhost/v1/jobs/999"])
            #expect(unknown.status == 404)
            for rest in ["", "?wait=300", "/images/1", "/input"] {
                let foreign = try await ask(server, as: 1234, ["http://localhost/v1/jobs/\(mine.id)\(rest)"])
                #expect(foreign == unknown)
            }
            for verb in ["cancel", "retry"] {
                let foreign = try await ask(
                    server, as: 1234, ["-X", "POST", "http://localhost/v1/jobs/\(mine.id)/\(verb)"])
                #expect(foreign == unknown)
            }
            // Root is no exception here.
            #expect(try await server.get("/v1/jobs/\(theirs.id)").status == 404)
        }
    }

    @Test("cannot use another's input or key")
    func inputsAndKeys() async throws {
        try await TestServer.run { server in
            let input: InputDocument = try await server.put(SamplePictures.png.bytes).document()
            let body = #"{"request": {"prompt": "a", "image": "\#(input.image)"}, "options": {"key": "k"}}"#
            #expect(try await server.post(body).status == 201)
            let stolen = try await ask(server, as: 1234, ["--json", body, "http://localhost/v1/jobs"])
            #expect(stolen.status == 422 && stolen.body.contains("no_such_input"))

            let file = server.directory.path("mine.png")
            try Data(SamplePictures.png.bytes).write(to: URL(filePath: file))
            // The other user reads it, under whatever umask the tests run.
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
            let brought = try await ask(server, as: 1234, ["-T", file, "http://localhost/v1/inputs"])
            #expect(brought.status == 200, "\(brought)")
            let own = try await ask(server, as: 1234, ["--json", body, "http://localhost/v1/jobs"])
            #expect(own.status == 201)
        }
    }

    @Test("is refused where it is nobody")
    func nobody() async throws {
        try await TestServer.run { server in
            let reply = try await ask(server, as: 65534, ["http://localhost/v1/queue"])
            #expect(reply.status == 403)
            #expect(reply.body.contains("\"code\":\"not_allowed\""))
        }
    }

    @Test("as an administrator is no exception to the limit of connections")
    func greedyAdministrator() async throws {
        try await TestServer.run(settings: {
            $0.maxConnectionsPerUser = 1
            $0.administrators = .init(only: [TestServer.uid])
        }) { server in
            try await RawClient.connect(to: server) { client in
                try await client.send("POST /v1/queue/pause HTTP/1.1\r\nHost: x\r\n\r\n")
                _ = try await client.read(through: "\"usage\"")
                #expect(try await server.get("/v1/queue").status == 503)
                #expect(try await ask(server, as: 1235, ["http://localhost/v1/queue"]).status == 200)
            }
        }
    }

    @Test("over its own limit of connections does not keep others out")
    func greedy() async throws {
        try await TestServer.run(settings: { $0.maxConnectionsPerUser = 1 }) { server in
            try await RawClient.connect(to: server) { client in
                try await client.send("GET /v1/queue HTTP/1.1\r\nHost: x\r\n\r\n")
                _ = try await client.read(through: "\"usage\"")
                #expect(try await ask(server, as: 1234, ["http://localhost/v1/queue"]).status == 200)
            }
        }
    }
}
