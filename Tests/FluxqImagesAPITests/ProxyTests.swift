import FluxqModel
import FluxqTestSupport
import FluxqWords
import Testing

@testable import FluxqImagesAPI

@Suite("Through a proxy", .timeLimit(.minutes(30)))
struct ProxyTests {
    private func withProxy<Value>(
        _ proxy: ConnectProxy, baseURL: BaseURL = "http://api.test/v1", trusting hosts: Set<HostAndPort> = [],
        _ body: (ImagesClient) async throws -> Value
    ) async throws -> Value {
        let client = try ImagesClient(
            .init(
                baseURL: baseURL, apiKey: APIKey(secret), downloads: .init(trustedHosts: hosts),
                proxy: .init(host: "127.0.0.1", port: proxy.port)))
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(client))
        } catch {
            result = .failure(error)
        }
        await client.shutdown()
        proxy.stop()
        return try result.get()
    }

    @Test("a call uses a connection that the proxy opens; the proxy learns the API's name and nothing else")
    func call() async throws {
        let server = try await RawServer(.answer(#"{"created": 1, "data": [{"url": "https://a.example/1.png"}]}"#))
        let proxy = try ConnectProxy(routes: ["api.test:80": server.port])
        let report = try await withProxy(proxy) {
            await $0.generate(try request(), picture: nil, receiver: Album())
        }
        guard case .answered = report.outcome else {
            Issue.record("\(report.outcome)")
            return
        }
        #expect(proxy.targets == ["api.test:80"])
        let said = proxy.requests.joined()
        #expect(!said.contains(secret) && !said.lowercased().contains("authorization"))
        let sent = String(decoding: server.received.joined(), as: UTF8.self)
        #expect(sent.hasPrefix("POST /v1/images/generations HTTP/1.1\r\n"))
        #expect(sent.contains("Bearer \(secret)"))
        try await server.shutdown()
    }

    @Test(
        "if the proxy opens no connection, or does not run, the API was not reached and nothing was sent",
        arguments: ["403 Forbidden", "407 Proxy Authentication Required", "502 Bad Gateway", "200"])
    func refused(_ answer: String) async throws {
        let server = try await RawServer(.answer(""))
        // No route is open. `200` stands for no answer at all: there is no listener any more.
        let proxy = try ConnectProxy(routes: [:], refusal: answer == "200" ? nil : answer)
        if answer == "200" { proxy.stop() }
        let report = try await withProxy(proxy) {
            await $0.generate(try request(), picture: nil, receiver: Album())
        }
        guard case .notSent(let message) = report.outcome else {
            Issue.record("\(report.outcome)")
            return
        }
        #expect(message.words.contains("through the proxy 127.0.0.1:\(proxy.port)"), "\(message.words)")
        #expect(report.sentAt == nil && server.received.isEmpty)
        try await server.shutdown()
    }

    @Test("a link is downloaded through the proxy, byte for byte, and its name is resolved there")
    func download() async throws {
        let server = try await RawServer(.answer("picture"))
        let proxy = try ConnectProxy(routes: ["cdn.test:80": server.port])
        let tray = Tray()
        let outcome = try await withProxy(proxy, trusting: ["cdn.test"]) {
            await $0.download("http://cdn.test/a.png?sig=a+b/c==", into: tray)
        }
        #expect(outcome == .complete)
        #expect(String(decoding: tray.bytes, as: UTF8.self) == "picture")
        #expect(proxy.targets == ["cdn.test:80"])
        let sent = String(decoding: server.received.joined(), as: UTF8.self)
        #expect(sent.hasPrefix("GET /a.png?sig=a+b/c== HTTP/1.1\r\n") && sent.contains("Host: cdn.test\r\n"))
        try await server.shutdown()
    }

    @Test(
        "a link with another port, a private address, or a name that is not public is not requested",
        arguments: [
            "http://cdn.example:8080/a.png", "https://cdn.example:8443/a.png", "http://10.0.0.1/a.png",
            "https://10.0.0.1/a.png",
            "https://127.0.0.1/a.png", "https://[::1]/a.png", "https://[fd00::1]/a.png",
            "https://169.254.169.254/latest",
            "https://localhost/a.png", "https://LOCALHOST./a.png", "https://a.localhost/", "https://printer/",
            "https://vault.internal/", "https://nas.local/", "https://router.home.arpa/", "https://127.1/",
            "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://10.1/",
        ])
    func guarded(_ link: String) async throws {
        let proxy = try ConnectProxy(routes: [:])
        let outcome = try await withProxy(proxy) { await $0.download(link, into: Tray()) }
        guard case .refused(let message) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(message.contains("downloads.trusted_hosts"))
        #expect(proxy.requests.isEmpty)
    }

    @Test("a redirect is checked like any link")
    func redirect() async throws {
        let server = try await RawServer(.answer(302, headers: ["Location: https://169.254.169.254/"], ""))
        let proxy = try ConnectProxy(routes: ["cdn.test:80": server.port])
        let outcome = try await withProxy(proxy, trusting: ["cdn.test"]) {
            await $0.download("http://cdn.test/a.png", into: Tray())
        }
        guard case .refused = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(proxy.targets == ["cdn.test:80"])
        try await server.shutdown()
    }

    @Test("a public name is requested, and the proxy's refusal is a failed download")
    func unknownName() async throws {
        let proxy = try ConnectProxy(routes: [:])
        let outcome = try await withProxy(proxy) { await $0.download("https://cdn.example/a.png", into: Tray()) }
        guard case .unreachable(let message) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(message.contains("through the proxy 127.0.0.1:\(proxy.port)"), "\(message)")
        #expect(proxy.targets == ["cdn.example:443"])
    }

    @Test("a plain http link is requested over https only, and refused if that fails")
    func plainLink() async throws {
        let proxy = try ConnectProxy(routes: [:])
        let outcome = try await withProxy(proxy) { await $0.download("http://cdn.example/a.png", into: Tray()) }
        guard case .refused(let message) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(message.contains("downloads.trusted_hosts"))
        #expect(proxy.targets == ["cdn.example:443"])
    }
}
