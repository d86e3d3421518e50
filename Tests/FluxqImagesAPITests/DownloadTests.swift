import FluxqTestSupport
import Testing

@testable import FluxqImagesAPI

@Suite("Links are downloaded byte for byte as given", .timeLimit(.minutes(30)))
struct DownloadTests {
    private func download(
        _ path: String, from scripts: RawServer.Script..., downloads: ImagesClient.Configuration.Downloads? = nil,
        into tray: Tray = Tray()
    ) async throws -> (outcome: DownloadOutcome, requests: [String], bytes: [UInt8]) {
        let server =
            switch scripts.count {
            case 1: try await RawServer(scripts[0])
            case 2: try await RawServer(scripts[0], scripts[1])
            case 3: try await RawServer(scripts[0], scripts[1], scripts[2])
            default: try await RawServer(.answer(""))
            }
        let outcome = try await withScene(server, downloads: downloads) {
            await $0.download("http://127.0.0.1:\(server.port)\(path)", into: tray)
        }
        return (outcome, server.received.map { String(decoding: $0, as: UTF8.self) }, tray.bytes)
    }

    private func message(_ outcome: DownloadOutcome) -> String {
        switch outcome {
        case .complete: ""
        case .failed(let message), .unreachable(let message), .gone(let message), .refused(let message),
            .impossible(let message), .notStored(let message):
            message
        }
    }

    @Test(
        "path and query reach the request line unchanged",
        arguments: [
            "/a.png", "/a+b/c=d,e%2Ff?sig=a+b/c==&x=%2F%2b&y=a,b", "/%zz/100%.png?a=%", "/a//b/../c/./d?",
            "/x?a[]=1", "/a;b:c@d!$&'()*", "/?", "/a%00b", "/A%c3%A9", "/~a-b_c.d",
        ])
    func requestLine(path: String) async throws {
        let result = try await download(path, from: .answer("picture"))
        #expect(result.outcome == .complete)
        #expect(result.requests.first?.hasPrefix("GET \(path) HTTP/1.1\r\n") == true, "\(result.requests)")
    }

    @Test(
        "bytes that are illegal in a request are escaped, and no others",
        arguments: [
            ("/a b.png?q=c d", "/a%20b.png?q=c%20d"), ("/x?a=2|{3}^`\"<>\\", "/x?a=2%7C%7B3%7D%5E%60%22%3C%3E%5C"),
            ("/é/日本?q=ü", "/%C3%A9/%E6%97%A5%E6%9C%AC?q=%C3%BC"), ("/a%20b c", "/a%20b%20c"),
            ("/a\tb\r\n?c", "/ab?c"), ("/a ", "/a"), ("/\u{1}\u{7F}", "/%01%7F"), ("/🙂", "/%F0%9F%99%82"),
        ])
    func escaped(path: String, target: String) async throws {
        let result = try await download(path, from: .answer("picture"))
        #expect(result.outcome == .complete)
        #expect(result.requests.first?.hasPrefix("GET \(target) HTTP/1.1\r\n") == true, "\(result.requests)")
    }

    @Test(
        "a link without a path gets one, and a fragment stays here",
        arguments: [("", "/"), ("?a=b", "/?a=b"), ("#top", "/"), ("/a?b#c?d", "/a?b")])
    func shortLinks(link: String, target: String) async throws {
        let result = try await download(link, from: .answer("picture"))
        #expect(result.requests.first?.hasPrefix("GET \(target) HTTP/1.1\r\n") == true)
    }

    @Test("all bytes arrive; neither the key nor a request for compression is sent")
    func head() async throws {
        let bytes = (0..<Int64(1_000_000)).map(PatternSource.byte)
        let result = try await download("/a", from: .answer(bytes: bytes))
        #expect(result.outcome == .complete)
        #expect(result.bytes == bytes)
        let head = result.requests.joined().lowercased()
        #expect(!head.contains("authorization"))
        #expect(!head.contains(secret))
        #expect(head.contains("accept-encoding: identity\r\n"))
        #expect(head.contains("connection: close\r\n"))
    }

    @Test("a body that ends early, or not as announced, is a failed download")
    func brokenOff() async throws {
        for reply in [
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
            "HTTP/1.1 200 OK\r\nContent-", "nonsense",
        ] {
            let result = try await download("/a", from: .raw(reply))
            guard case .failed = result.outcome else {
                Issue.record("\(result.outcome) for \(reply)")
                continue
            }
        }
    }

    @Test(
        "any status except 200 is a failed download with the status, and permanent ones are distinguished",
        arguments: [201, 204, 206, 304, 400, 401, 403, 404, 410, 429, 500, 503])
    func statuses(status: Int) async throws {
        let result = try await download("/a", from: .answer(status, "x"))
        let isFinal = (400..<429).contains(status)
        switch result.outcome {
        case .failed(let message) where !isFinal, .gone(let message) where isFinal:
            #expect(message.contains("HTTP \(status)"))
        default: Issue.record("\(result.outcome)")
        }
        #expect(result.bytes.isEmpty)
    }

    @Test("the limit on bytes holds whether or not the length is announced")
    func tooLarge() async throws {
        let downloads = ImagesClient.Configuration.Downloads(trustedHosts: ["127.0.0.1"], maxBytes: 5)
        let exact = try await download("/a", from: .answer("12345"), downloads: downloads)
        #expect(exact.outcome == .complete)
        for script in [RawServer.Script.answer("123456"), .raw("HTTP/1.1 200 OK\r\n\r\n123456")] {
            let result = try await download("/a", from: script, downloads: downloads)
            #expect(message(result.outcome).contains("downloads.max_bytes"))
            #expect(result.bytes.count <= 5)
        }
    }

    @Test("the time limit holds while the body arrives slowly")
    func tooSlow() async throws {
        let downloads = ImagesClient.Configuration.Downloads(
            trustedHosts: ["127.0.0.1"], timeout: .milliseconds(300))
        let script = RawServer.Script.raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", then: .stall)
        let result = try await download("/a", from: script, downloads: downloads)
        #expect(result.outcome == .unreachable(message: "The download did not finish within 0.3 seconds."))
    }

    @Test("a body is passed on unchanged, with its declared codings")
    func coded() async throws {
        let tray = Tray()
        let result = try await download(
            "/a", from: .answer(headers: ["Content-Encoding: UTF-8, gzip", "ETag: \"1\""], "x"), into: tray)
        #expect(result.outcome == .complete && result.bytes == Array("x".utf8))
        #expect(tray.heads == [BodyHead(codings: ["utf-8", "gzip"], validator: "\"1\"")])
    }

    @Test("a body that does not match its Content-MD5 is a failed download")
    func checked() async throws {
        let right = try await download("/a", from: .answer(headers: ["Content-MD5: ndTkYSaMgDT1yFZOFVxnpg=="], "x"))
        #expect(right.outcome == .complete)
        let wrong = try await download("/a", from: .answer(headers: ["Content-MD5: nd1hEg34SZZdDOn4RhiEaQ=="], "x"))
        #expect(message(wrong.outcome).contains("Content-MD5"))
        let none = try await download("/a", from: .answer(headers: ["Content-MD5: no"], "x"))
        #expect(none.outcome == .complete)
    }

    @Test("a cut download resumes if its host sends the rest of the same bytes")
    func resumed() async throws {
        func resume(_ script: RawServer.Script) async throws -> (DownloadOutcome, String, String) {
            let tray = Tray(holding: "1234", validator: "\"a\"")
            let result = try await download("/a", from: script, into: tray)
            return (result.outcome, String(decoding: result.bytes, as: UTF8.self), result.requests.joined())
        }
        let rest = try await resume(.answer(206, headers: ["Content-Range: bytes 4-9/10", "ETag: \"a\""], "567890"))
        #expect(rest.0 == .complete && rest.1 == "1234567890")
        #expect(rest.2.contains("Range: bytes=4-\r\n") && rest.2.contains("If-Range: \"a\"\r\n"))
        // The picture has changed, or the host does not support ranges.
        let again = try await resume(.answer(headers: ["ETag: \"b\""], "whole"))
        #expect(again.0 == .complete && again.1 == "whole")
        for script in [
            RawServer.Script.answer(206, headers: ["Content-Range: bytes 0-9/10"], "1234567890"),
            .answer(206, ""), .answer(416, headers: ["Content-Range: bytes */4"], ""),
        ] {
            let other = try await resume(script)
            #expect(message(other.0).contains("cannot be continued") && other.1.isEmpty)
        }
        // Fewer bytes than the host announced.
        let short = try await resume(.answer(206, headers: ["Content-Range: bytes 4-9/10"], "5678"))
        #expect(message(short.0).contains("8 of 10 bytes") && short.1 == "12345678")
    }

    @Test("the limit on bytes holds over all tries together")
    func resumedTooLarge() async throws {
        let downloads = ImagesClient.Configuration.Downloads(trustedHosts: ["127.0.0.1"], maxBytes: 6)
        let result = try await download(
            "/a", from: .answer(206, headers: ["Content-Range: bytes 4-9/10"], "567890"), downloads: downloads,
            into: Tray(holding: "1234", validator: "\"a\""))
        #expect(message(result.outcome).contains("downloads.max_bytes"))
    }

    @Test("a full sink is a problem of this host")
    func notStored() async throws {
        let result = try await download("/a", from: .answer("12345"), into: Tray(room: 3))
        guard case .notStored = result.outcome else {
            Issue.record("\(result.outcome)")
            return
        }
    }

    @Test("two redirects are followed, byte for byte, and a third is not")
    func redirects() async throws {
        let first = RawServer.Script.answer(302, headers: ["Location: /b?x=a+b/%2F|"], "")
        let second = RawServer.Script.answer(307, headers: ["Location: c"], "")
        let followed = try await download("/dir/a", from: first, second, .answer("picture"))
        #expect(followed.outcome == .complete)
        #expect(
            followed.requests.map { $0.prefix { $0 != "\r\n" } } == [
                "GET /dir/a HTTP/1.1", "GET /b?x=a+b/%2F%7C HTTP/1.1", "GET /c HTTP/1.1",
            ])
        #expect(followed.bytes == Array("picture".utf8))
        let endless = try await download("/a", from: .answer(301, headers: ["Location: /a"], ""))
        #expect(message(endless.outcome).contains("more than 2"))
        #expect(endless.requests.count == 3)
    }

    @Test("a redirect is checked like a link")
    func redirectsAreGuarded() async throws {
        let inward = try await download("/a", from: .answer(302, headers: ["Location: http://localhost:1/x"], ""))
        guard case .refused(let message) = inward.outcome else {
            Issue.record("\(inward.outcome)")
            return
        }
        #expect(message.contains("localhost:1 to downloads.trusted_hosts"))
        let elsewhere = try await download("/a", from: .answer(302, headers: ["Location: file:///etc/passwd"], ""))
        guard case .failed = elsewhere.outcome else {
            Issue.record("\(elsewhere.outcome)")
            return
        }
    }

    @Test("an untrusted host is never connected to, and the message tells what to trust")
    func refused() async throws {
        let server = try await RawServer(.answer("picture"))
        try await withScene(server, downloads: .init(trustedHosts: ["127.0.0.1:\(server.port + 1)", "other"])) {
            let outcome = await $0.download("http://127.0.0.1:\(server.port)/a", into: Tray())
            guard case .refused(let message) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(message.contains("add 127.0.0.1:\(server.port) to downloads.trusted_hosts"))
        }
        #expect(server.received.isEmpty)
    }

    @Test("a name that points to a private host is refused, with or without https")
    func namesThatLeadInwards() async throws {
        let server = try await RawServer(.answer(""))
        try await withScene(server, downloads: .init()) { client in
            for link in [
                "https://localhost/a", "https://127.1/a", "https://2130706433/a", "https://0x7f.1/a", "https://[::1]/",
            ] {
                let outcome = await client.download(link, into: Tray())
                guard case .refused(let message) = outcome else {
                    Issue.record("\(link): \(outcome)")
                    continue
                }
                #expect(message.contains(":443 to downloads.trusted_hosts"), "\(message)")
            }
        }
    }

    @Test("a trusted name goes to the address it resolves to")
    func trustedName() async throws {
        let server = try await RawServer(.answer("picture"))
        let tray = Tray()
        try await withScene(server, downloads: .init(trustedHosts: ["LOCALHOST:\(server.port)"])) {
            #expect(await $0.download("http://LocalHost.:\(server.port)/a", into: tray) == .complete)
        }
        #expect(tray.bytes == Array("picture".utf8))
        #expect(
            server.received.contains {
                String(decoding: $0, as: UTF8.self).contains("Host: localhost:\(server.port)\r\n")
            })
    }

    @Test(
        "a link that can never be valid is impossible",
        arguments: [
            "", "picture.png", "ftp://h/a", "file:///etc/passwd", "https://", "https:///a", "https://u@h/a",
            "https://u:p@h/a", "https://h:99999/a", "https://h x/a", "https://h\u{1}/a", "https://[::1/a",
            "https://h\\@x/a", "javascript:alert(1)", "https://h☃.example/a",
        ])
    func impossible(link: String) async throws {
        let server = try await RawServer(.answer(""))
        let outcome = try await withScene(server) { await $0.download(link, into: Tray()) }
        guard case .impossible = outcome else {
            Issue.record("\(outcome)")
            return
        }
    }

    @Test("a refused connection or an unresolved name may be tried again")
    func unreachable() async throws {
        let server = try await RawServer(.answer(""))
        let downloads = ImagesClient.Configuration.Downloads(trustedHosts: ["127.0.0.1", "nowhere.invalid"])
        try await withScene(server, downloads: downloads) {
            let closed = try ClosedPort()
            defer { withExtendedLifetime(closed) {} }
            for link in ["http://127.0.0.1:\(closed.number)/", "http://nowhere.invalid/"] {
                let outcome = await $0.download(link, into: Tray())
                guard case .unreachable = outcome else {
                    Issue.record("\(outcome)")
                    continue
                }
            }
        }
    }

    @Test("a canceled download fails at once")
    func canceled() async throws {
        let server = try await RawServer(.raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", then: .stall))
        try await withScene(server) { client in
            let outcome = await withTaskGroup(of: DownloadOutcome?.self) { group in
                group.addTask { await client.download("http://127.0.0.1:\(server.port)/", into: Tray()) }
                for await _ in server.moments { break }
                group.cancelAll()
                return await group.next() ?? nil
            }
            switch outcome {
            case .failed, .unreachable: break
            default: Issue.record("\(String(describing: outcome))")
            }
        }
    }
}
