import FluxqControl
import FluxqFormats
import FluxqModel
import FluxqTestSupport
import Foundation
import NIOHTTP1
import Testing

@testable import FluxqControlServer

@Suite("The routes of pictures", .timeLimit(.minutes(30)))
struct PictureRouteTests {
    @Test("a picture comes as it was received, named by its hash and typed by its bytes", arguments: SamplePictures.all)
    func whole(sample: SamplePicture) async throws {
        try await TestServer.run { server in
            let job = try await server.finished(sample)
            let reply = try await server.get("/v1/jobs/\(job.id)/images/1")
            #expect(reply.status == 200)
            #expect(reply.body == sample.bytes)
            #expect(reply.headers.first(name: "content-type") == sample.format.mediaType)
            #expect(reply.headers.first(name: "content-length") == "\(sample.bytes.count)")
            #expect(reply.headers.first(name: "x-content-type-options") == "nosniff")
            #expect(reply.headers.first(name: "cross-origin-resource-policy") == "same-origin")
            #expect(reply.headers.first(name: "accept-ranges") == "bytes")
            let document: JobDocument = try await server.get("/v1/jobs/\(job.id)").document()
            #expect(reply.headers.first(name: "etag") == "\"\(document.images[0].hash)\"")
        }
    }

    @Test("a damaged picture is never served: the answer says what happened, and so does the job")
    func damaged() async throws {
        try await TestServer.run { server in
            let job = try await server.finished()
            let before: JobDocument = try await server.get("/v1/jobs/\(job.id)").document()
            let hash = try #require(ContentHash(wire: before.images[0].hash))
            let path = server.directory.path("objects/sha256/\(hash.hex.prefix(2))/\(hash.hex)")
            var bytes = try Data(contentsOf: URL(filePath: path))
            bytes[bytes.count / 2] ^= 1
            try FileManager.default.removeItem(atPath: path)
            try bytes.write(to: URL(filePath: path))

            // A range is not served either, although the flipped bit may lie outside it.
            for headers in [["range": "bytes=0-3"], [:]] as [HTTPHeaders] {
                let reply = try await server.get("/v1/jobs/\(job.id)/images/1", headers: headers)
                #expect(reply.status == 410)
                let problem = try reply.problem
                #expect(problem.code == .pictureDamaged && problem.detail.contains("damaged in the archive"))
            }
            let after: JobDocument = try await server.get("/v1/jobs/\(job.id)").document()
            #expect(after.state == "done" && after.images.isEmpty)
            #expect(after.damaged?.map(\.index) == [1] && after.damaged?[0].hash == before.images[0].hash)
        }
    }

    @Test("a client that has the picture already gets 304, in every form of the standard")
    func notModified() async throws {
        try await TestServer.run { server in
            let path = "/v1/jobs/\(try await server.finished().id)/images/1"
            let tag = try #require(try await server.get(path).headers.first(name: "etag"))
            for condition in [tag, "W/\(tag)", "\"other\", \(tag)", "\"other\" , W/\(tag) ", "*"] {
                let reply = try await server.get(path, headers: ["if-none-match": condition])
                #expect(reply.status == 304, "\(condition)")
                #expect(reply.headers.first(name: "etag") == tag && reply.body.isEmpty)
            }
            for condition in ["\"other\"", String(tag.dropLast()), ""] {
                #expect(try await server.get(path, headers: ["if-none-match": condition]).status == 200)
            }
        }
    }

    @Test("a range of the picture can be requested, and with If-Range only if the picture is the same")
    func ranges() async throws {
        try await TestServer.run { server in
            let bytes = SamplePictures.png.bytes
            let path = "/v1/jobs/\(try await server.finished().id)/images/1"
            let part = try await server.get(path, headers: ["range": "bytes=10-19"])
            #expect(part.status == 206)
            #expect(part.body == Array(bytes[10...19]))
            #expect(part.headers.first(name: "content-range") == "bytes 10-19/\(bytes.count)")
            #expect(part.headers.first(name: "content-length") == "10")
            #expect(try await server.get(path, headers: ["range": "bytes=-5"]).body == Array(bytes.suffix(5)))
            #expect(try await server.get(path, headers: ["range": "bytes=0-1,4-5"]).body == bytes)

            let outside = try await server.get(path, headers: ["range": "bytes=\(bytes.count)-"])
            #expect(outside.status == 416)
            #expect(outside.headers.first(name: "content-range") == "bytes */\(bytes.count)")
            #expect(try outside.problem.code == .rangeNotSatisfiable)

            let tag = try #require(part.headers.first(name: "etag"))
            let same = try await server.get(path, headers: ["range": "bytes=0-1", "if-range": tag])
            #expect(same.status == 206)
            let changed = try await server.get(path, headers: ["range": "bytes=0-1", "if-range": "\"other\""])
            #expect(changed.status == 200 && changed.body == bytes)
        }
    }

    @Test("a picture larger than one piece comes whole")
    func large() async throws {
        try await TestServer.run { server in
            let bytes = PostJobTests.jpeg(bytes: 3 << 20)
            let input: InputDocument = try await server.put(bytes).document()
            #expect(try await server.post(#"{"request": {"prompt": "a", "image": "\#(input.image)"}}"#).status == 201)
            #expect(try await server.get("/v1/jobs/1/input").body == bytes)
            let part = try await server.get("/v1/jobs/1/input", headers: ["range": "bytes=100-2000000"])
            #expect(part.status == 206 && part.body == Array(bytes[100...2_000_000]))
        }
    }

    @Test(
        "an index that the job does not have is no image",
        arguments: ["0", "2", "-1", "01", "x", "9223372036854775808"])
    func noImage(index: String) async throws {
        try await TestServer.run { server in
            let job = try await server.finished()
            let reply = try await server.get("/v1/jobs/\(job.id)/images/\(index)")
            #expect(reply.status == 404)
            #expect(try reply.problem.code == .noSuchImage)
        }
    }

    @Test("a job that edits a link has no input here")
    func noInput() async throws {
        try await TestServer.run { server in
            let job = try await server.submit()
            let reply = try await server.get("/v1/jobs/\(job.id)/input")
            #expect(reply.status == 404)
            #expect(try reply.problem.code == .noSuchInput)
        }
    }
}
