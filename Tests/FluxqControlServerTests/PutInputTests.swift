import AsyncHTTPClient
import FluxqControl
import FluxqFormats
import FluxqModel
import FluxqTestSupport
import NIOCore
import NIOHTTP1
import Testing

@testable import FluxqControlServer

@Suite("PUT /v1/inputs", .timeLimit(.minutes(30)))
struct PutInputTests {
    @Test("stores a complete picture and returns its properties", arguments: SamplePictures.all)
    func picture(sample: SamplePicture) async throws {
        try await TestServer.run { server in
            let reply = try await server.put(sample.bytes)
            #expect(reply.status == 200)
            let input: InputDocument = try reply.document()
            #expect(input.mediaType == sample.format.mediaType)
            #expect(input.width == sample.width && input.height == sample.height)
            #expect(input.bytes == Int64(sample.bytes.count))
            let hash = try #require(ContentHash(wire: input.image))
            #expect(try server.files(in: "objects") == [hash.hex])
            #expect(try server.files(in: "incoming").isEmpty)
        }
    }

    @Test("makes the input the caller's, to be used in a job")
    func used() async throws {
        try await TestServer.run { server in
            let input: InputDocument = try await server.put(SamplePictures.jpeg.bytes).document()
            let reply = try await server.post(#"{"request": {"prompt": "bluer", "image": "\#(input.image)"}}"#)
            #expect(reply.status == 201)
            let job: JobDocument = try reply.document()
            #expect(try await server.get("/v1/jobs/\(job.id)/input").body == SamplePictures.jpeg.bytes)
        }
    }

    @Test(
        "refuses anything but a complete picture and keeps nothing of it",
        arguments: [
            (Array("<!DOCTYPE html><html></html>".utf8), "HTML"), (Array("hello".utf8), "text"),
            (Array(SamplePictures.png.bytes.dropLast(20)), "ends early"),
            (Array(SamplePictures.jpeg.bytes.prefix(100)), "ends early"),
        ])
    func notAPicture(bytes: [UInt8], said: String) async throws {
        try await TestServer.run { server in
            let reply = try await server.put(bytes)
            #expect(reply.status == 422)
            let problem = try reply.problem
            #expect(problem.code == .notAPicture)
            #expect(problem.detail.contains(said))
            #expect(try server.files(in: "objects").isEmpty && server.files(in: "incoming").isEmpty)
        }
    }

    @Test("refuses an empty body")
    func empty() async throws {
        try await TestServer.run { server in
            let reply = try await server.put([])
            #expect(reply.status == 400)
            #expect(try reply.problem.detail.contains("empty"))
        }
    }

    @Test(
        "answers 413 to a body that is too large, declared or not, and keeps reading so that the answer arrives",
        arguments: ["Content-Length: 300000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n493e0\r\n"])
    func tooLarge(framing: String) async throws {
        try await TestServer.run(settings: { $0.maxInputBytes = 1000 }) { server in
            try await RawClient.connect(to: server) { client in
                try await client.send("PUT /v1/inputs HTTP/1.1\r\nHost: x\r\n\(framing)")
                try await client.send([UInt8](repeating: 7, count: 300_000))
                if framing.contains("chunked") { try await client.send("\r\n0\r\n\r\n") }
                let answer = try await client.readToEnd()
                #expect(answer.hasPrefix("HTTP/1.1 413 "))
                #expect(answer.contains("\"code\":\"too_large\"") && answer.contains("1000 bytes"))
            }
            #expect(try server.files(in: "incoming").isEmpty)
        }
    }

    @Test("answers a client that waits to be asked for its body before it has sent any")
    func expectation() async throws {
        try await TestServer.run(settings: { $0.maxInputBytes = 1000 }) { server in
            try await RawClient.connect(to: server) { client in
                try await client.send(
                    "PUT /v1/inputs HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n")
                #expect(try await client.readToEnd().hasPrefix("HTTP/1.1 413 "))
            }
            try await RawClient.connect(to: server) { client in
                try await client.send(
                    "PUT /v1/inputs HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
                #expect(try await client.read(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
                try await client.send("hello")
                #expect(try await client.read(through: "\r\n").hasPrefix("HTTP/1.1 422 "))
            }
        }
    }

    @Test("leaves nothing behind of an incomplete body, and reports it to a client that still reads")
    func halfBody() async throws {
        try await TestServer.run { server in
            try await RawClient.connect(to: server) { client in
                try await client.send("PUT /v1/inputs HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nonly this")
                client.finish()
                let answer = try await client.readToEnd()
                #expect(answer.hasPrefix("HTTP/1.1 400 "))
                #expect(answer.contains("\"code\":\"bad_request\"") && answer.contains("ends early"))
            }
            #expect(try server.files(in: "objects").isEmpty && server.files(in: "incoming").isEmpty)
        }
    }

    @Test("refuses a query")
    func query() async throws {
        try await TestServer.run { server in
            let reply = try await server.send(
                .PUT, "/v1/inputs?path=/etc/passwd", body: .bytes(ByteBuffer(string: "x")))
            #expect(reply.status == 400)
            #expect(try reply.problem.detail.contains("path is not supported"))
        }
    }
}
