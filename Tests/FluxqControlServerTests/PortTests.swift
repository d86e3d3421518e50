import FluxqControl
import FluxqHost
import FluxqModel
import FluxqTestSupport
import Foundation
import NIOCore
import NIOPosix
import Testing

@testable import FluxqControlServer
@testable import FluxqStore

@Suite("A TCP port", .timeLimit(.minutes(30)))
struct PortTests {
    private static let v4 = LoopbackAddress(.v4(127, 0, 0, 1), port: 0)
    private static let v6 = LoopbackAddress(.v6, port: 0)
    private static let bearer = "Authorization: Bearer any"
    private static let submission = #"{"request": {"prompt": "a", "image": "\#(TestServer.link)"}}"#

    /// Runs a server with a port.
    private func run(
        at address: LoopbackAddress = v4, settings: (inout ControlServer.Settings) -> Void = { _ in },
        _ body: (TestServer, _ port: LoopbackAddress) async throws -> Void
    ) async throws {
        try await TestServer.run(ports: [try ListeningPort.bind(address)], settings: settings) { server in
            try await body(server, server.ports[0])
        }
    }

    private func post(_ path: String, _ port: LoopbackAddress, _ fields: [String] = [], body: String = "") -> String {
        (["POST \(path) HTTP/1.1", "Host: \(port)", "Content-Length: \(body.utf8.count)", "Connection: close"]
            + fields)
            .map { $0 + "\r\n" }.joined() + "\r\n\(body)"
    }

    @Test(
        "serves each user its own jobs, whatever user the request claims", .enabled(if: Asking.isPossible),
        arguments: [v4, v6])
    func users(address: LoopbackAddress) async throws {
        try await run(at: address) { server, port in
            let mine = try await server.finished()
            let url = "http://\(port)/v1/jobs"
            let claims = ["-H", "X-Uid: 0", "-H", "X-Remote-User: root", "-H", "Authorization: Bearer root"]
            let submitted = try await ask(
                server, as: 1234, isOverTCP: true, claims + ["--globoff", "--json", Self.submission, url])
            #expect(submitted.status == 201, "\(submitted)")
            let theirs = try JSONDecoder().decode(JobDocument.self, from: Data(submitted.body.utf8))
            #expect(theirs.uid == 1234)
            // The same user at the socket.
            let list = try await ask(server, as: 1234, ["http://localhost/v1/jobs"])
            #expect(try JSONDecoder().decode(JobPage.self, from: Data(list.body.utf8)).jobs.map(\.id) == [theirs.id])

            let missing = try await ask(server, as: 1235, isOverTCP: true, claims + ["--globoff", "\(url)/999"])
            #expect(missing.status == 404)
            for job in [mine.id.rawValue, theirs.id] {
                for rest in ["", "?wait=300", "/images/1", "/input"] {
                    let foreign = try await ask(
                        server, as: 1235, isOverTCP: true, claims + ["--globoff", "\(url)/\(job)\(rest)"])
                    #expect(foreign == missing)
                }
                let canceled = try await ask(
                    server, as: 1235, isOverTCP: true, claims + ["--globoff", "-X", "POST", "\(url)/\(job)/cancel"])
                #expect(canceled == missing)
            }
        }
    }

    @Test("has no administrators: not even root has special rights there", .enabled(if: Asking.isPossible))
    func administrators() async throws {
        let named: UInt32 = 1236
        try await run(settings: {
            $0.administrators = .init(users: [named], group: nil)
            $0.warnings = ["a setting is unsafe"]
        }) { server, port in
            let theirs = try await server.finished(owner: TestServer.somebodyElse)
            for uid in [0, named] {
                func status(_ path: String, _ arguments: [String] = []) async throws -> Int {
                    let url = "http://\(port)/v1\(path)"
                    return try await ask(
                        server, as: uid, isOverTCP: true, ["-H", Self.bearer] + arguments + [url]
                    ).status
                }
                #expect(try await ask(server, as: uid, ["http://x/v1/usage?all=true"]).status == 200)
                #expect(try await status("/usage?all=true") == 403)
                #expect(try await status("/events?all=true") == 403)
                #expect(try await status("/queue/pause", ["-X", "POST"]) == 403)
                #expect(try await status("/users/1234/renamed", ["-X", "POST"]) == 403)
                #expect(try await status("/jobs/\(theirs.id)") == 404)
                #expect(try await status("/jobs/\(theirs.id)/images/1") == 404)
                let queue = try await ask(server, as: uid, isOverTCP: true, ["http://\(port)/v1/queue"])
                #expect(queue.status == 200 && !queue.body.contains("unsafe"))
            }
        }
    }

    @Test("refuses a uid that is not a user, also an administrator's", .enabled(if: Asking.isPossible))
    func unknown() async throws {
        try await run(settings: {
            $0.admitsUnknownUsers = false
            $0.administrators = .init(only: [1236])
        }) { server, port in
            for uid: UInt32 in [1234, 1236] {
                let reply = try await ask(server, as: uid, isOverTCP: true, ["http://\(port)/v1/queue"])
                #expect(reply.status == 403 && reply.body.contains("access.unknown_users"), "\(reply)")
            }
            #expect(try await ask(server, as: 65534, isOverTCP: true, ["http://\(port)/v1/queue"]).status == 403)
            #expect(try await ask(server, as: 1, isOverTCP: true, ["http://\(port)/v1/queue"]).status == 200)
        }
    }

    @Test("refuses subordinate and dynamic uids as the socket does", .enabled(if: Asking.isPossible))
    func subordinates() async throws {
        let users = KnownUsers.patient { uid in
            uid == 100_033 ? .subordinate(of: "mallory") : try KnownUsers.ofThisHost(uid)
        }
        try await TestServer.run(users: users, ports: [try ListeningPort.bind(Self.v4)]) { server in
            let url = "http://\(server.ports[0])/v1/queue"
            let subordinate = try await ask(server, as: 100_033, isOverTCP: true, [url])
            #expect(subordinate.status == 403 && subordinate.body.contains("Connect as mallory"), "\(subordinate)")
            let dynamic = try await ask(server, as: 61234, isOverTCP: true, [url])
            #expect(dynamic.status == 403 && dynamic.body.contains("DynamicUser="), "\(dynamic)")
        }
    }

    @Test("knows both ends of a connection, to ask later whether the client has read its answer")
    func ends() async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0) { channel in
                let own = LoopbackAddress(.v4(127, 0, 0, 1), port: UInt16(channel.parent?.localAddress?.port ?? 0))
                return Peer.of(channel, at: .port(own))
            }
        let port = UInt16(try #require(listener.channel.localAddress?.port))
        let client = try ClientSocket()
        let address = LoopbackAddress(.v4(127, 0, 0, 1), port: port)
        try client.call { descriptor in address.withSocketAddress { connect(descriptor, $0, $1) } }
        try await listener.executeThenClose { peers in
            var peers = peers.makeAsyncIterator()
            let peer = try #require(try await peers.next())
            #expect(peer.uid == geteuid())
            let own = try #require(LoopbackAddress(ofSocket: client.descriptor))
            #expect(peer.connection == LoopbackConnection(own: address, peer: own))
            #expect(try peer.connection?.peerHasReadEverything() == true)
        }
    }

    /// How a client goes away that has sent a request.
    private enum Leave: CaseIterable {
        case closed, halfClosed, reset
    }

    @Test("refuses a peer that has gone before its connection is accepted", arguments: Leave.allCases)
    private func gone(_ leave: Leave) async throws {
        let port = try ListeningPort.bind(Self.v4)
        let client = try ClientSocket()
        try client.call { descriptor in port.address.withSocketAddress { connect(descriptor, $0, $1) } }
        try client.send(post("/v1/jobs", port.address, [Self.bearer], body: Self.submission))
        switch leave {
        case .closed: try client.close()
        case .halfClosed: try client.finish()
        case .reset: try client.reset()
        }
        try await TestServer.run(ports: [port]) { server in
            await server.log.line(containing: "Connections are refused.")
            #expect(server.log.text.contains("uid: unknown") || server.log.text.contains("\"uid\": unknown"))
            let page: JobPage = try await server.get("/v1/jobs").document()
            #expect(page.jobs.isEmpty)
        }
    }

    /// The first client sends a request and resets its connection; then a connection of another user gets the same
    /// addresses, all before fluxqd accepts the first one.
    @Test("does not take a reset connection for the next one with the same addresses")
    func sameAddresses() async throws {
        let port = try ListeningPort.bind(Self.v4)
        let first = try ClientSocket()
        try first.call { descriptor in port.address.withSocketAddress { connect(descriptor, $0, $1) } }
        let source = try #require(LoopbackAddress(ofSocket: first.descriptor))
        try first.send(post("/v1/jobs", port.address, [Self.bearer], body: Self.submission))
        try first.reset()
        let second = try ClientSocket()
        try second.call { descriptor in source.withSocketAddress { bind(descriptor, $0, $1) } }
        try second.call { descriptor in port.address.withSocketAddress { connect(descriptor, $0, $1) } }
        try second.send("GET /v1/jobs HTTP/1.1\r\nHost: \(port.address)\r\nConnection: close\r\n\r\n")
        try await TestServer.run(ports: [port]) { server in
            await server.log.line(containing: "Connections are refused.")
            let answer = await OwnThread.run {
                Result {
                    var answer: [UInt8] = []
                    while case let piece = try second.read(1 << 16), !piece.isEmpty { answer += piece }
                    return String(decoding: answer, as: UTF8.self)
                }
            }
            let text = try answer.get()
            #expect(text.contains("\"jobs\":[]"), "\(text)")
        }
    }

    @Test("refuses a peer that is in another network namespace", .enabled(if: OtherNetwork.isPossible))
    func otherNetwork() async throws {
        let (port, client) = try await OtherNetwork.run {
            let port = try ListeningPort.bind(Self.v4)
            let client = try ClientSocket()
            try client.call { descriptor in port.address.withSocketAddress { connect(descriptor, $0, $1) } }
            return (port, client)
        }
        try client.send("GET /v1/queue HTTP/1.1\r\nHost: \(port.address)\r\n\r\n")
        try await TestServer.run(ports: [port]) { server in
            let answer = await OwnThread.run {
                Result {
                    var answer: [UInt8] = []
                    while case let piece = try client.read(1 << 16), !piece.isEmpty { answer += piece }
                    return String(decoding: answer, as: UTF8.self)
                }
            }
            let text = try answer.get()
            #expect(text.hasPrefix("HTTP/1.1 403 ") && text.contains("\"code\":\"not_allowed\""), "\(text)")
            #expect(text.contains("network namespace"))
        }
    }

    @Test("answers no request with a forged Host field", arguments: [v4, v6])
    func hosts(address: LoopbackAddress) async throws {
        try await run(at: address) { server, port in
            let (own, other) = ("Host: \(port)\r\n", "Host: evil.example:\(port.port)\r\n")
            let rows: [(String, Int)] = [
                ("GET /v1/queue HTTP/1.1\r\n\(own)", 200),
                ("GET /v1/queue HTTP/1.1\r\nhost:localhost:\(port.port)\r\n", 200),
                // The target's host is not looked at, only its path: browsers send it to proxies only.
                ("GET http://evil.example/v1/queue HTTP/1.1\r\n\(own)", 200),
                ("GET /v1/queue HTTP/1.1\r\n\(other)", 421), ("HEAD /v1/queue HTTP/1.1\r\n\(other)", 421),
                ("GET /v1/queue HTTP/1.1\r\n", 421), ("GET /v1/queue HTTP/1.0\r\n", 421),
                ("GET /v1/queue HTTP/1.1\r\n\(own)\(other)", 421), ("GET /v1/queue HTTP/1.1\r\n\(other)\(own)", 421),
                ("GET http://\(port)/v1/queue HTTP/1.1\r\n\(other)", 421),
                ("GET /v1/queue HTTP/1.1\r\nHost : \(port)\r\n", 400),
                ("GET /v1/queue HTTP/1.1\r\nHost: \(port)\r\n evil.example\r\n", 400),
                ("OPTIONS * HTTP/1.1\r\n\(own)", 401), ("CONNECT \(port) HTTP/1.1\r\n\(own)", 401),
            ]
            for (head, status) in rows {
                let answer = try await RawClient.connect(to: server, at: port) { client in
                    try await client.send("\(head)Connection: close\r\n\r\n")
                    return try await client.readToEnd()
                }
                #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(head): \(answer)")
                #expect(!answer.lowercased().contains("access-control"))
                if status == 421 { #expect(!answer.contains("counts")) }
            }
        }
    }

    @Test("does nothing for a web page of another site, and never allows it to ask")
    func sites() async throws {
        try await run { server, port in
            let origin = "Origin: http://evil.example"
            var requests: [(String, Int)] = [
                "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded",
                "application/json",
            ].flatMap { type in
                let type = "Content-Type: \(type)"
                return [
                    (post("/v1/jobs", port, [type, origin], body: Self.submission), 403),
                    (post("/v1/jobs", port, [type, "Origin: null"], body: Self.submission), 403),
                    (post("/v1/jobs", port, [type], body: Self.submission), 401),
                    (post("/v1/jobs", port, [type, "Cookie: a=b"], body: Self.submission), 401),
                    (
                        post(
                            "/v1/jobs", port, [type, Self.bearer, "Sec-Fetch-Site: cross-site"], body: Self.submission),
                        403
                    ),
                ]
            }
            requests.append(
                (
                    "GET /v1/jobs HTTP/1.1\r\nHost: \(port)\r\nSec-Fetch-Site: same-site\r\nConnection: close\r\n\r\n",
                    403
                ))
            for method in ["POST", "PUT", "GET"] {
                let preflight =
                    "OPTIONS /v1/jobs HTTP/1.1\r\nHost: \(port)\r\n\(origin)\r\nConnection: close\r\n"
                    + "Access-Control-Request-Method: \(method)\r\nAccess-Control-Request-Headers: authorization,x-fluxq\r\n"
                requests.append(("\(preflight)\r\n", 403))
                requests.append(("\(preflight)Access-Control-Request-Private-Network: true\r\n\r\n", 403))
                requests.append(("\(preflight)\(Self.bearer)\r\n\r\n", 405))
            }
            for (request, status) in requests {
                let answer = try await RawClient.connect(to: server, at: port) { client in
                    try await client.send(request)
                    return try await client.readToEnd()
                }
                #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(request): \(answer)")
                #expect(!answer.lowercased().contains("access-control"))
                #expect(status != 401 || answer.contains("WWW-Authenticate: Bearer\r\n"))
            }
            let page: JobPage = try await server.get("/v1/jobs").document()
            #expect(page.jobs.isEmpty)
            // The same with a Bearer value, and of fluxqd's own page.
            for fields in [[Self.bearer], ["Origin: http://\(port)", "X-Fluxq: 1"]] {
                let request = post(
                    "/v1/jobs", port, fields + ["Content-Type: application/json"],
                    body: Self.submission)
                let answer = try await RawClient.connect(to: server, at: port) { client in
                    try await client.send(request)
                    return try await client.readToEnd()
                }
                #expect(answer.hasPrefix("HTTP/1.1 201 "), "\(answer)")
            }
            #expect(!server.log.text.contains("Bearer"))
        }
    }

    @Test("counts a user's connections together with those at the socket")
    func limit() async throws {
        try await run(settings: { $0.maxConnectionsPerUser = 1 }) { server, port in
            try await RawClient.connect(to: server) { client in
                try await client.send("GET /v1/queue HTTP/1.1\r\nHost: x\r\n\r\n")
                _ = try await client.read(through: "\"usage\"")
                let refused = try await RawClient.connect(to: server, at: port) { try await $0.readToEnd() }
                #expect(refused.hasPrefix("HTTP/1.1 503 ") && refused.contains("\"code\":\"over_limit\""))
            }
            try await RawClient.waitForPlace(server)
            try await RawClient.connect(to: server, at: port) { client in
                try await client.send("GET /v1/queue HTTP/1.1\r\nHost: \(port)\r\n\r\n")
                _ = try await client.read(through: "\"usage\"")
                #expect(try await server.get("/v1/queue").status == 503)
            }
        }
    }

    @Test("ends the wait of a client that has gone, and answers one that has only closed its sending side")
    func halfClosed() async throws {
        try await run { server, port in
            let job = try await server.submit()
            let answer = try await RawClient.connect(to: server, at: port) { client in
                try await client.send("GET /v1/jobs/\(job.id)?wait=300 HTTP/1.1\r\nHost: \(port)\r\n\r\n")
                try await Observation.wait { server.store.signal.waiting > 0 }
                client.finish()
                return try await client.readToEnd()
            }
            #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.contains("\"id\":\(job.id),"))
        }
    }

    @Test("is closed when fluxqd stops, and one of several serves as well as the others")
    func several() async throws {
        let ports = try [Self.v4, Self.v6, Self.v4].map { try ListeningPort.bind($0) }
        try await TestServer.run(ports: ports) { server in
            for port in server.ports {
                let answer = try await RawClient.connect(to: server, at: port) { client in
                    try await client.send("GET /v1/queue HTTP/1.1\r\nHost: \(port)\r\nConnection: close\r\n\r\n")
                    return try await client.readToEnd()
                }
                #expect(answer.hasPrefix("HTTP/1.1 200 "))
            }
        }
        // Nobody listens there any more.
        for port in ports {
            let next = try ListeningPort.bind(port.address)
            #expect(next.address == port.address)
            close(next.descriptor)
        }
    }
}
