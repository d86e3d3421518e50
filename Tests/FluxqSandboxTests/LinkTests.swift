import FluxqFormats
import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqSandbox

@Suite("The sandbox's links", .timeLimit(.minutes(30)))
struct LinkTests {
    @Test("return the picture, for GET and HEAD")
    func works() async throws {
        try await SandboxClient.run { client throws in
            let link = try await client.link()
            let answer = try await client.download(link).answer()
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == "image/png")
            #expect(try PNGFile(answer.bytes).width == 24)
            let head = try await client.download(link, head: true).answer()
            #expect(head.status == 200)
            #expect(head.headers["content-length"] == "\(answer.bytes.count)")
            #expect(head.bytes.isEmpty)
        }
    }

    @Test("contain raw plus, slash and equals signs and expire after seven days")
    func form() async throws {
        try await SandboxClient.run { client throws in
            let before = Int(Date().timeIntervalSince1970)
            let link = try await client.link()
            let after = Int(Date().timeIntervalSince1970)
            let query = try #require(link.split(separator: "?").last)
            for character in "+/=" { #expect(query.contains(character)) }
            let start = "http://127.0.0.1:\(client.sandbox.port)/files/"
            #expect(link.hasPrefix(start))
            let expires = try #require(Int(query.dropFirst("Expires=".count).prefix { $0 != "&" }))
            #expect((before + 604_800...after + 604_800).contains(expires))
        }
    }

    @Test("are refused with an Authorization header")
    func authorization() async throws {
        try await SandboxClient.run { client throws in
            let link = try await client.link()
            let answer = try await client.download(link, headers: [("authorization", "Bearer test")]).answer()
            #expect(answer.status == 401)
        }
    }

    @Test("are refused if any byte of the query or the name differs")
    func tampered() async throws {
        try await SandboxClient.run { client throws in
            let link = try await client.link()
            let parts = link.split(separator: "?", maxSplits: 1).map { String($0) }
            let query = Array(parts[1])
            for index in query.indices where query[index] != "&" {
                var changed = query
                changed[index] = query[index] == "0" ? "1" : "0"
                let answer = try await client.download("\(parts[0])?\(String(changed))").answer()
                #expect(answer.status == 403, "\(String(changed))")
            }
            #expect(try await client.download(link.replacing("+", with: "%2B")).answer().status == 403)
            #expect(try await client.download("\(link)&x=1").answer().status == 403)
            #expect(try await client.download(parts[0]).answer().status == 403)
            let renamed = parts[0].replacing(".png", with: "A.png")
            #expect(try await client.download("\(renamed)?\(parts[1])").answer().status == 403)
        }
    }

    @Test("are refused once they have expired")
    func expired() async throws {
        try await SandboxClient.run(linkLifetime: .seconds(-1)) { client throws in
            #expect(try await client.download(try await client.link()).answer().status == 403)
        }
    }

    @Test("work after a restart, on the same port")
    func restart() async throws {
        let directory = try TemporaryDirectory()
        var link = ""
        var picture: [UInt8] = []
        try await SandboxClient.run(in: directory) { client throws in
            link = try await client.link()
            picture = try await client.download(link).answer().bytes
        }
        try await SandboxClient.run(in: directory) { client throws in
            #expect(try await client.download(link).answer().bytes == picture)
        }
    }

    @Test("of one sandbox mean nothing to another")
    func otherSandbox() async throws {
        var target = ""
        try await SandboxClient.run { client throws in
            target = try await client.link().replacing("http://127.0.0.1:\(client.sandbox.port)", with: "")
        }
        try await SandboxClient.run { client throws in
            let answer = try await client.download("http://127.0.0.1:\(client.sandbox.port)\(target)").answer()
            #expect(answer.status == 403)
        }
    }
}
