import Testing

@testable import FluxqImagesAPI

/// Two servers: one is trusted and redirects, and the other must never be reached.
@Suite("Hostile links connect to nothing", .timeLimit(.minutes(30)))
struct HostileLinkTests {
    /// `PORT` is the port of the listener that must not be reached.
    static let links =
        hosts.flatMap { ["http://\($0):PORT/a", "https://\($0):PORT/a"] } + [
            // Schemes.
            "HTTP://127.0.0.1:PORT/a", "ftp://127.0.0.1:PORT/a", "ws://127.0.0.1:PORT/a",
            "gopher://127.0.0.1:PORT/_GET",
            "file:///etc/passwd", "file://127.0.0.1:PORT/a", "unix:///run/fluxq/control.sock",
            "http+unix://%2Frun%2Ffluxq%2Fcontrol.sock/v1/jobs", "data:image/png;base64,AAAA", "javascript:alert(1)",
            "//127.0.0.1:PORT/a", "127.0.0.1:PORT/a", "http:127.0.0.1:PORT/a", "http:/127.0.0.1:PORT/a",
            "http:///127.0.0.1:PORT/a", "http:\\\\127.0.0.1:PORT\\a", " http://127.0.0.1:PORT/a",
            "http ://127.0.0.1:PORT/a",
            // Users, and similar texts.
            "http://u@127.0.0.1:PORT/a", "http://u:p@127.0.0.1:PORT/a", "http://@127.0.0.1:PORT/a",
            "http://cdn.example@127.0.0.1:PORT/a", "http://127.0.0.1:PORT@cdn.invalid/a",
            "http://127.0.0.1:PORT\\@cdn.invalid/a", "https://cdn.invalid\\@127.0.0.1:PORT/a",
            "http://cdn.invalid#@127.0.0.1:PORT/a", "http://cdn.invalid?@127.0.0.1:PORT/a",
            // Ports.
            "http://127.0.0.1:0PORT/a", "http://127.0.0.1:+PORT/a", "http://127.0.0.1:-PORT/a",
            "http://127.0.0.1:PORT:PORT/a", "http://127.0.0.1:PORT:80/a", "http://127.0.0.1:99999/a",
            "http://127.0.0.1:0/a", "http://127.0.0.1:PORT\u{0}/a", "http://127.0.0.1:PORT\r\nHost: x/a",
        ]

    /// Loopback, or hosts that a parser might take for it.
    static let hosts = [
        "127.0.0.1", "127.0.0.1.", "127.0.0.1..", "127.1", "127.0.1", "127.000.000.001", "2130706433", "0x7f000001",
        "0x7F.0.0.1", "0177.0.0.1", "017700000001", "0", "0.0.0.0", "localhost", "LocalHost", "localhost.",
        "localhost..",
        "localhost.localdomain", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::FFFF:7f00:1]",
        "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[::1%lo]", "[::1%25lo]", "[fe80::1%25lo]", "[127.0.0.1]", "[::1].",
        "[::1", "::1", "127%2e0%2e0%2e1", "%31%32%37.0.0.1", "%6cocalhost", "loc%61lhost", "①②⑦.⓪.⓪.①", "127。0。0。1",
        "ⓛocalhost", "localhoſt", "localhost\u{200B}", "xn--localhost-", "lo\u{00AD}calhost", "127.0.0.1\t",
        "127.0.0.1%00.cdn.invalid", "*", "..", ".", "",
    ]

    @Test("a link that is not trusted reaches no listener on this host", arguments: links)
    func link(text: String) async throws {
        let alone = try await RawServer(.answer("secret"))
        let tray = Tray()
        // Trust in other hosts, each similar to the listener's, changes nothing.
        let trusted: Set<HostAndPort> = [
            "cdn.invalid:443", "127.0.0.1:\(alone.port == 1 ? 2 : 1)", "127.0.0.11", "host.localhost",
        ]
        let outcome = try await withScene(alone, downloads: .init(trustedHosts: trusted, timeout: .seconds(20))) {
            await $0.download(text.replacing("PORT", with: "\(alone.port)"), into: tray)
        }
        switch outcome {
        case .refused, .impossible, .failed, .unreachable: break
        case .complete, .gone, .notStored: Issue.record("\(outcome)")
        }
        #expect(alone.received.isEmpty)
        #expect(tray.bytes.isEmpty)
    }

    @Test("a redirect that is not trusted reaches none either", arguments: links.filter { !$0.hasPrefix("127") })
    func redirect(location: String) async throws {
        let alone = try await RawServer(.answer("secret"))
        let location = location.replacing("PORT", with: "\(alone.port)")
        let redirecting = try await RawServer(.answer(302, headers: ["Location: \(location)"], ""), .answer(404, ""))
        let outcome = try await withScene(
            redirecting, downloads: .init(trustedHosts: ["127.0.0.1:\(redirecting.port)"], timeout: .seconds(20))
        ) {
            await $0.download("http://127.0.0.1:\(redirecting.port)/a", into: Tray())
        }
        try await alone.shutdown()
        #expect(outcome != .complete)
        #expect(alone.received.isEmpty)
        #expect(!redirecting.received.isEmpty)
    }

    @Test("a redirect to an address that is not public is refused for its address", arguments: LinkGuardTests.inward)
    func redirectInwards(address: String) async throws {
        let host = address.contains(":") ? "[\(address)]" : address
        let redirecting = try await RawServer(.answer(302, headers: ["Location: https://\(host)/latest/meta-data"], ""))
        let outcome = try await withScene(redirecting) {
            await $0.download("http://127.0.0.1:\(redirecting.port)/a", into: Tray())
        }
        // The scene trusts 127.0.0.1 with every port, so that redirect fails because there is no listener.
        if address == "127.0.0.1" { return }
        guard case .refused(let message) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(message.contains("which is not public"))
    }

    @Test("the third redirect is not followed, whatever its target", arguments: ["/d", "http://127.0.0.1:PORT/d"])
    func thirdRedirect(last: String) async throws {
        let alone = try await RawServer(.answer("secret"))
        let hops = ["/b", "/c", last.replacing("PORT", with: "\(alone.port)")]
            .map { RawServer.Script.answer(302, headers: ["Location: \($0)"], "") }
        let redirecting = try await RawServer(hops[0], hops[1], hops[2], .answer("secret"))
        // Both are trusted: they are refused only because of their number.
        let outcome = try await withScene(redirecting) {
            await $0.download("http://127.0.0.1:\(redirecting.port)/a", into: Tray())
        }
        try await alone.shutdown()
        guard case .failed(let message) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(message.contains("more than 2"))
        #expect(redirecting.received.count == 3)
        #expect(alone.received.isEmpty)
    }

    @Test(
        "a trusted host is reached, in any case and with or without a trailing dot",
        arguments: [
            ("127.0.0.1", "http://127.0.0.1:PORT/a"), ("127.0.0.1:PORT", "HTTP://127.0.0.1:PORT/a"),
            ("127.0.0.1.", "http://127.0.0.1:PORT/a"), ("127.0.0.1", "http://127.0.0.1.:PORT/a"),
            ("localhost", "http://LOCALHOST:PORT/a"), ("LocalHost.:PORT", "http://localhost:PORT/a"),
            ("127.1", "http://127.1:PORT/a"), ("2130706433:PORT", "http://2130706433:PORT/a"),
            ("127.0.0.1:PORT", "http://127.0.0.1:0PORT/a#x"),
        ])
    func trusted(entry: String, link: String) async throws {
        let server = try await RawServer(.answer("picture"))
        let tray = Tray()
        let port = "\(server.port)"
        let outcome = try await withScene(
            server, downloads: .init(trustedHosts: [try #require(HostAndPort(entry.replacing("PORT", with: port)))])
        ) {
            await $0.download(link.replacing("PORT", with: port), into: tray)
        }
        #expect(outcome == .complete)
        #expect(tray.bytes == Array("picture".utf8))
    }
}
