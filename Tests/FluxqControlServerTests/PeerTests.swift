import FluxqControl
import FluxqHost
import FluxqModel
import FluxqTestSupport
import Foundation
import NIOHTTP1
import Synchronization
import Testing

@testable import FluxqControlServer
@testable import FluxqStore

@Suite("The caller", .enabled(if: Asking.isPossible), .timeLimit(.minutes(30)))
struct PeerTests {
    @Test("is the user that the kernel reports, whatever the request claims, and sees no other user's jobs")
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
            // Root is no exception.
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
            // The other user reads it, whatever the umask of the tests is.
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
            let brought = try await ask(server, as: 1234, ["-T", file, "http://localhost/v1/inputs"])
            #expect(brought.status == 200, "\(brought)")
            let own = try await ask(server, as: 1234, ["--json", body, "http://localhost/v1/jobs"])
            #expect(own.status == 201)
        }
    }

    @Test("is refused if it is nobody")
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

    private static let asked = ["http://localhost/v1/queue"]

    @Test("is refused without an entry in the user database, and says what to do; the configuration can allow it")
    func unknown() async throws {
        try await TestServer.run(settings: {
            $0.admitsUnknownUsers = false
            $0.administrators = .init(only: [1236])
        }) { server in
            let reply = try await ask(server, as: 1234, Self.asked)
            #expect(reply.status == 403 && reply.body.contains("access.unknown_users"), "\(reply)")
            // An administrator named by uid.
            #expect(try await ask(server, as: 1236, Self.asked).status == 200)
            // The user daemon, which every host has.
            #expect(try await ask(server, as: 1, Self.asked).status == 200)
            var settings = ControlServer.Settings(catalog: ModelCatalog(offering: ["m"]), admitsUnknownUsers: true)
            settings.shutdownGrace = .seconds(1)
            server.reload(settings)
            #expect(try await ask(server, as: 1235, Self.asked).status == 200)
        }
    }

    @Test("is refused as another user's subordinate uid and as a service's dynamic one, whatever is configured")
    func subordinate() async throws {
        let users = KnownUsers.patient { uid in
            uid == 100_033 ? .subordinate(of: "mallory") : try KnownUsers.ofThisHost(uid)
        }
        try await TestServer.run(users: users) { server in
            let subordinate = try await ask(server, as: 100_033, Self.asked)
            #expect(subordinate.status == 403 && subordinate.body.contains("Connect as mallory"), "\(subordinate)")
            let dynamic = try await ask(server, as: 61234, Self.asked)
            #expect(dynamic.status == 403 && dynamic.body.contains("DynamicUser="), "\(dynamic)")
        }
    }

    @Test("is told to try later while users cannot be looked up, and an administrator by uid is served")
    func silentDatabase() async throws {
        struct Failure: Error {}
        try await TestServer.run(
            users: .patient { _ in throw Failure() }, settings: { $0.administrators = .init(only: [1236]) }
        ) { server in
            let reply = try await ask(server, as: 1234, Self.asked)
            #expect(reply.status == 503 && reply.body.contains("\"code\":\"user_database_silent\""), "\(reply)")
            #expect(try await ask(server, as: 1236, Self.asked).status == 200)
        }
    }

    @Test("with hundreds of subordinate uids takes no place of another user or an administrator")
    func manySubordinates() async throws {
        let users = KnownUsers.patient { uid in
            uid >= 100_000 ? .subordinate(of: "mallory") : .user(.init(uid: uid, name: "\(uid)", groups: []))
        }
        try await TestServer.run(
            users: users,
            settings: {
                $0.maxConnections = 6
                $0.administratorsConnections = 2
                $0.administrators = .init(only: [1236])
            }
        ) { server in
            for uid in 100_000..<100_040 as Range<UInt32> {
                let reply = try await ask(server, as: uid, Self.asked + ["--max-time", "1500"])
                // 0: closed without an answer, as after a few refusals per second.
                #expect(reply.status == 403 || reply.status == 0, "\(reply)")
            }
            #expect(try await ask(server, as: 1235, Self.asked).status == 200)
            #expect(try await ask(server, as: 1236, Self.asked).status == 200)
        }
    }

    @Test("as one of thousands of subordinate uids is refused without a lookup")
    func subordinatesLookups() async throws {
        let directory = try TemporaryDirectory()
        try "mallory:100000:65536\n".write(toFile: directory.path("subuid"), atomically: true, encoding: .utf8)
        let lookups = Mutex<Set<UInt32>>([])
        let owners = Mutex(0)
        let table = SubordinateTable(directory.path("subuid"), lifetime: .seconds(1500)) { _ in
            owners.withLock { $0 += 1 }
            return 4000
        }
        var patience = KnownUsers.Patience()
        patience.unknown = .seconds(1500)
        let users = KnownUsers(patience: patience, subordinates: table) { uid in
            lookups.withLock { _ = $0.insert(uid) }
            return .user(.init(uid: uid, name: "\(uid)", groups: []))
        }
        try await TestServer.run(users: users) { server in
            try await Observation.wait { table.verdict(on: 100_000) == .subordinate(of: "mallory") }
            for uid in 100_000..<100_040 as Range<UInt32> {
                let reply = try await ask(server, as: uid, Self.asked)
                #expect(reply.status == 0 || reply.body.contains("Connect as mallory"), "\(reply)")
            }
            #expect(try await ask(server, as: 1235, Self.asked).status == 200)
        }
        #expect(lookups.withLock { $0 } == [1235])
        #expect(owners.withLock { $0 } == 1)
    }

    @Test("as an administrator has places that no number of other users can take")
    func administratorsPlaces() async throws {
        try await TestServer.run(settings: {
            $0.maxConnections = 6
            $0.administratorsConnections = 2
            $0.administrators = .init(only: [1236], group: nil)
        }) { server in
            let sleepers = try (0..<4).map { number in
                try ChildProcess(
                    OtherUser.setpriv,
                    OtherUser.options(4300 + UInt32(number)) + [
                        "curl", "--silent", "--no-buffer", "--unix-socket", server.socketPath,
                        "http://localhost/v1/events",
                    ], environment: ["PATH": "/usr/bin:/bin"], directory: server.directory.path)
            }
            defer { for sleeper in sleepers { sleeper.send(SIGTERM) } }
            for sleeper in sleepers { try await Observation.wait { sleeper.output.contains("events of fluxqd") } }
            #expect(try await ask(server, as: 1235, Self.asked).status == 503)
            #expect(try await ask(server, as: 1236, Self.asked).status == 200)
        }
    }

    @Test("loses an administrator's rights on every open connection, stream and wait when it loses the group")
    func revoked() async throws {
        let groups = Mutex<Set<UInt32>>([77])
        let users = KnownUsers.patient { uid in .user(.init(uid: uid, name: "u\(uid)", groups: groups.withLock { $0 }))
        }
        try await TestServer.run(users: users, settings: { $0.administrators = .init(only: [], group: 77) }) { server in
            let theirs = try await server.submit(owner: TestServer.somebodyElse)
            try await RawClient.connect(to: server) { client in
                try await RawClient.connect(to: server) { stream in
                    try await RawClient.connect(to: server) { waiting in
                        try await client.send("GET /v1/usage?all=true HTTP/1.1\r\nHost: x\r\n\r\n")
                        #expect(try await client.read(through: "\r\n").contains("200"))
                        _ = try await client.read(through: "\"users\"")
                        try await stream.send("GET /v1/events?all=true HTTP/1.1\r\nHost: x\r\n\r\n")
                        _ = try await stream.read(through: ": events of fluxqd\n\n")
                        try await waiting.send(
                            "GET /v1/jobs/\(theirs.id)?wait=300 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                        try await Observation.wait { server.store.signal.waiting > 1 }

                        groups.withLock { $0 = [] }
                        var settings = ControlServer.Settings(
                            catalog: ModelCatalog(offering: ["m"]), administrators: .init(only: [], group: 77))
                        settings.shutdownGrace = .seconds(1)
                        server.reload(settings)
                        try await client.send("POST /v1/queue/pause HTTP/1.1\r\nHost: x\r\n\r\n")
                        _ = try await client.read(through: "HTTP/1.1 403")
                        _ = try await server.submit(owner: TestServer.somebodyElse)
                        #expect(try await !stream.readToEnd().contains("data:"))
                        _ = try await server.store.cancel(theirs.id, uid: TestServer.somebodyElse.uid)
                        #expect(try await waiting.readToEnd().hasPrefix("HTTP/1.1 404"))
                    }
                }
            }
        }
    }
}
