import FluxqArchive
import FluxqControl
import FluxqModel
import FluxqStore
import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqControlServer

@Suite("Uploads in progress", .timeLimit(.minutes(30)))
struct UploadRoomTests {
    private static func policy(_ limits: [LimitKind: Int64]) -> StorePolicy {
        var policy = StorePolicy()
        for (kind, limit) in limits { policy.limits.standard[kind] = limit }
        return policy
    }

    private static func head(_ framing: String) -> String {
        "PUT /v1/inputs HTTP/1.1\r\nHost: x\r\n\(framing)\r\n\r\n"
    }

    @Test(
        "one that is too large for the user is refused by its declared size, before a byte of it is sent",
        arguments: [LimitKind.inputBytes, .unusedInputBytes, .archiveBytes])
    func announced(kind: LimitKind) async throws {
        try await TestServer.run(policy: Self.policy([kind: 1000])) { server in
            try await RawClient.connect(to: server) { client in
                try await client.send(Self.head("Content-Length: 1001"))
                let answer = try await client.read(through: "title")
                #expect(answer.hasPrefix("HTTP/1.1 429 ") && answer.contains(kind.rawValue), "\(answer)")
            }
            #expect(try server.files(in: "incoming").isEmpty)
        }
    }

    @Test(
        "one that declares no size is stopped once it exceeds what is left, on either route",
        arguments: [LimitKind.inputBytes, .unusedInputBytes, .archiveBytes], [true, false])
    func stopped(kind: LimitKind, isJob: Bool) async throws {
        try await TestServer.run(policy: Self.policy([kind: 1000])) { server in
            try await RawClient.connect(to: server) { client in
                func chunk(_ text: String) -> String { "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n" }
                if isJob {
                    try await client.send("POST /v1/jobs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
                    try await client.send(chunk(#"{"request":{"image":"data:;base64,"#))
                } else {
                    try await client.send(Self.head("Transfer-Encoding: chunked"))
                }
                for _ in 0..<2 { try await client.send(chunk(String(repeating: "A", count: 2048))) }
                let answer = try await client.read(through: "title")
                #expect(answer.hasPrefix("HTTP/1.1 429 ") && answer.contains(kind.rawValue), "\(answer)")
            }
        }
    }

    @Test("a user's unfinished uploads count besides the stored ones, and are released when abandoned")
    func inFlight() async throws {
        let size = Int64(SamplePictures.png.bytes.count)
        let policy = Self.policy([.unusedInputBytes: size + 600])
        try await TestServer.run(policy: policy) { server in
            try await RawClient.connect(to: server) { client in
                try await client.send(Self.head("Expect: 100-continue\r\nContent-Length: 601"))
                _ = try await client.read(through: "\r\n\r\n")
                let refused = try await server.put(SamplePictures.png.bytes)
                #expect(refused.status == 429)
                let problem = try refused.problem
                #expect(problem.limit?.name == "unused_input_bytes" && problem.limit?.onTheWay == 601)
                #expect(problem.detail.contains("uploading: 601 B"), "\(problem.detail)")
                client.finish()
                _ = try await client.readToEnd()
            }
            #expect(try await server.put(SamplePictures.png.bytes).status == 200)
            #expect(server.uploads.promised(to: TestServer.uid) == 0)
        }
    }

    @Test("a picture that the user already has is accepted at a full archive, by its size, one at a time")
    func known() async throws {
        let png = SamplePictures.png.bytes
        let full = Self.policy([.archiveBytes: Int64(png.count), .unusedInputBytes: Int64(png.count)])
        try await TestServer.run(policy: full) { server in
            #expect(try await server.put(png).status == 200)
            #expect(try await server.put(png).status == 200)
            #expect(try await server.put(png + [0]).status == 429)
            try await RawClient.connect(to: server) { client in
                try await client.send(Self.head("Expect: 100-continue\r\nContent-Length: \(png.count)"))
                _ = try await client.read(through: "\r\n\r\n")
                #expect(try await server.put(png).status == 429)
                client.finish()
                _ = try await client.readToEnd()
            }
            #expect(try await server.put(png).status == 200)
            let body = #"{"request": {"prompt": "a", "image": "data:;base64,\#(Data(png).base64EncodedString())"}}"#
            // The picture is known, but a full archive accepts no job.
            let job = try await server.post(body)
            #expect(job.status == 429)
            #expect(try job.problem.limit?.name == "archive_bytes")
        }
    }

    @Test("all together leave the space that is kept for calls", .enabled(if: SmallFileSystem.isPossible))
    func kept() async throws {
        try await TestServer.run(settings: { $0.maxInputBytes = 1 << 40 }) { server in
            let free = try await server.archive.spool.freeSpace().bytes
            server.archive.spool.keptRoom.bytes = free / 2
            try await RawClient.connect(to: server) { client in
                try await client.send(Self.head("Content-Length: \(free / 4 * 3)"))
                let answer = try await client.read(through: "title")
                #expect(answer.hasPrefix("HTTP/1.1 507 ") && answer.contains("too full"), "\(answer)")
            }
            // No user's uploads may take more than they leave free for all others.
            try await RawClient.connect(to: server) { client in
                try await client.send(Self.head("Expect: 100-continue\r\nContent-Length: \(free / 5 * 2)"))
                _ = try await client.read(through: "\r\n\r\n")
                #expect(try await server.put(SamplePictures.png.bytes).status == 507)
                client.finish()
                _ = try await client.readToEnd()
            }
            #expect(try await server.put(SamplePictures.png.bytes).status == 200)
        }
    }
}
