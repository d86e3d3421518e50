import AsyncHTTPClient
import FluxqControl
import FluxqFormats
import FluxqModel
import FluxqStore
import FluxqTestSupport
import Foundation
import NIOCore
import NIOHTTP1
import Testing

@testable import FluxqControlServer

@Suite("POST /v1/jobs", .timeLimit(.minutes(30)))
struct PostJobTests {
    static let link = TestServer.link

    @Test("queues a job, returns its location, and draws a seed if none was given")
    func created() async throws {
        try await TestServer.run { server in
            let reply = try await server.post(
                #"""
                {"request": {"prompt": "bluer", "image": "\#(Self.link)", "n": 2, "strength": 0.5, "steps": 30,
                  "guidance_scale": 3.5, "negative_prompt": "red", "response_format": "b64_json"},
                 "options": {"priority": 5, "label": "holiday", "not_before": "2030-01-01T00:00:00Z"}}
                """#)
            #expect(reply.status == 201)
            let job: JobDocument = try reply.document()
            #expect(reply.headers.first(name: "location") == "/v1/jobs/\(job.id)")
            #expect(job.state == "queued" && job.waiting == "scheduled")
            #expect(job.uid == TestServer.uid)
            #expect(job.owner == TestServer.me.name)
            #expect(job.label == "holiday" && job.priority == 5)
            #expect(job.request.model == EditRequest.modelThatRequiresImage)
            #expect(job.request.seed == 4711)
            #expect(job.request.image == .link(Self.link))
            #expect(job.request.n == 2 && job.request.strength == 0.5 && job.request.steps == 30)
            #expect(job.request.guidanceScale == 3.5 && job.request.negativePrompt == "red")
            #expect(job.request.responseFormat == .b64JSON)
            #expect(try await server.get("/v1/jobs/\(job.id)").body == reply.body)
        }
    }

    @Test("reports all errors at once and queues nothing")
    func allWrong() async throws {
        try await TestServer.run { server in
            let reply = try await server.post(
                #"""
                {"request": {"prompt": 7, "image": "data:image/png;base64,aGVsbG8=", "n": 9, "strength": 2, "steps": "many",
                  "guidance_scale": 11, "seed": -2, "size": "big"},
                 "options": {"priority": 101, "label": "", "colour": 1, "on_unknown": "panic"}, "extra": null}
                """#)
            #expect(reply.status == 422)
            let problem = try reply.problem
            #expect(problem.code == .invalidFields)
            let fields = try #require(problem.fields)
            #expect(
                Set(fields.map(\.field)) == [
                    "prompt", "image", "n", "strength", "steps", "guidance_scale", "seed", "size", "options.priority",
                    "options.label", "options.colour", "options.on_unknown", "extra",
                ])
            #expect(Set(fields.map(\.field)).count == fields.count)
            #expect(fields.first { $0.field == "image" }?.problem == "is text, not a picture")
            #expect(fields.first { $0.field == "n" }?.problem.contains("from 1 to 4") == true)
            try await nothingWasKept(by: server)
        }
    }

    @Test(
        "refuses a body that is not a submission",
        arguments: [
            ("", 400, "The body is empty"), ("{", 400, "not valid JSON"), ("nonsense", 400, "not valid JSON"),
            ("[]", 422, "body must be"),
            (#"{"request": {"prompt": "a", "image": "data:image/png;base64,iVBORw0"#, 400, "not valid JSON"),
            (#"{}"#, 422, "request is missing"), (#"{"request": []}"#, 422, "request must be an object"),
            (#"{"request": {"prompt": "  ", "image": "https://a.example/"}}"#, 422, "prompt must say"),
            (#"{"request": {"prompt": "a"}}"#, 422, "image is required"),
            (#"{"request": {"prompt": "a", "image": 7}}"#, 422, "image must be a string"),
            (#"{"request": {"prompt": "a", "image": "/etc/passwd"}}"#, 422, "image must be a picture file"),
            (#"{"request": {"prompt": "a", "image": "file:///etc/passwd"}}"#, 422, "image must be a picture file"),
            (#"{"request": {"prompt": "a", "image": "data:image/png;base64,*"}}"#, 422, "image is a data: URI"),
            (#"{"request": {"prompt": "a", "image": "data:"}}"#, 422, "image is a data: URI"),
            (#"{"request": {"prompt": "a", "image": "data:,"}}"#, 422, "image is empty"),
            (
                #"{"request": {"prompt": "a", "image": "https://a.example/", "image": "https://b.example/"}}"#, 400,
                "more than once"
            ),
            (
                #"{"request": {"prompt": "a", "image": "https://a.example/\#(String(repeating: "a", count: 9000))"}}"#,
                422, "but has 9018"
            ),
            (#"{"request": {"prompt": "a", "image": "https://a.example/", "n": 1e999}}"#, 400, "not valid JSON"),
        ])
    func bad(body: String, status: Int, said: String) async throws {
        try await TestServer.run { server in
            let reply = try await server.post(body)
            #expect(reply.status == status)
            let problem = try reply.problem
            #expect(problem.detail.contains(said), "\(problem.detail)")
            try await nothingWasKept(by: server)
        }
    }

    @Test(
        "a link to a private address is a field error unless the configuration allows it, one with a password always")
    func links() async throws {
        func body(_ link: String, _ more: String = "") -> String {
            #"{"request": {"prompt": "a", "image": "\#(link)"\#(more)}}"#
        }
        try await TestServer.run { server in
            let reply = try await server.post(body("http://169.254.169.254/latest/meta-data/", #", "n": 9"#))
            #expect(reply.status == 422)
            let fields = try #require(try reply.problem.fields)
            #expect(Set(fields.map(\.field)) == ["image", "n"])
            #expect(fields.first { $0.field == "image" }?.problem.contains("a link-local address") == true, "\(fields)")
            for link in ["https://localhost/", "http://[::1]:8080/", "https://u:p@example.org/"] {
                #expect(try await server.post(body(link)).status == 422, "\(link)")
            }
            try await nothingWasKept(by: server)
            #expect(try await server.post(body("http://example.org/")).status == 201)
        }
        try await TestServer.run(settings: { $0.allowsPrivateLinks = true }) { server in
            #expect(try await server.post(body("http://10.0.0.1:8080/a.png")).status == 201)
            let refused = try await server.post(body("https://u:p@10.0.0.1/"))
            let said = "\(try refused.problem)"
            #expect(refused.status == 422 && said.contains("user name or password") && !said.contains("u:p"), "\(said)")
        }
    }

    private static let catalog = ModelCatalog(
        endpoints: [
            .init(name: "first", models: ["a", "b"]),
            .init(name: "second", models: ["b", "own"]),
        ],
        rules: [
            "own": .init(requiresImage: false, omit: ["seed", "response_format"], parameters: ["size", "hd", "k"])
        ],
        defaultModel: "a")

    @Test("refuses a model that no endpoint offers, and lists those that are offered")
    func unknownModel() async throws {
        try await TestServer.run(settings: { $0.catalog = Self.catalog }) { server in
            for model in ["c", "A", "a ", "first/a"] {
                let reply = try await server.post(
                    #"{"request": {"prompt": "x", "n": 9, "model": "\#(model)", "image": "\#(Self.link)"}}"#)
                #expect(reply.status == 422)
                let problem = try reply.problem
                #expect(problem.code == .unknownModel && problem.fields == nil)
                #expect(
                    problem.detail
                        == "No endpoint offers the model \(model). Offered: a, b, own. Nothing was queued.")
            }
            // An invalid name is an ordinary field error.
            for model in [#""""#, "7", #""a\nb""#] {
                let reply = try await server.post(
                    #"{"request": {"prompt": "x", "model": \#(model), "image": "\#(Self.link)"}}"#)
                #expect(try reply.problem.code == .invalidFields)
                #expect(try reply.problem.fields?.map(\.field) == ["model"])
            }
            try await nothingWasKept(by: server)
        }
    }

    @Test("keeps fields specific to the model unchanged, and draws no seed for a model without one")
    func parameters() async throws {
        try await TestServer.run(settings: { $0.catalog = Self.catalog }) { server in
            let body =
                #"{"request": {"prompt": "x", "model": "own", "size": "1024x1024", "hd": true, "k": 0.5}, "options": {"key": "7"}}"#
            let reply = try await server.post(body)
            #expect(reply.status == 201)
            let job: JobDocument = try reply.document()
            #expect(job.request.seed == nil && job.request.responseFormat == nil)
            #expect(job.request.parameters == ["size": .text("1024x1024"), "hd": .truth(true), "k": .number(0.5)])
            let json = try JSONDecoder().decode(JSONValue.self, from: Data(reply.body))
            #expect(
                json["request"]
                    == .object([
                        "model": .string("own"), "prompt": .string("x"), "size": .string("1024x1024"),
                        "hd": .bool(true),
                        "k": .number(0.5),
                    ]))
            let again: JobDocument = try await server.get("/v1/jobs/\(job.id)").document()
            #expect(again.request == job.request)
            #expect(try await server.post(body).status == 200)
            let other = body.replacing("1024x1024", with: "512x512")
            #expect(try await server.post(other).problem.code == .keyReused)

            let wrong = try await server.post(
                #"{"request": {"prompt": "x", "model": "own", "seed": 7, "style": "vivid", "size": [1]}}"#)
            #expect(Set(try wrong.problem.fields?.map(\.field) ?? []) == ["seed", "style", "size"])
            let vendors = try await server.post(
                #"{"request": {"prompt": "x", "image": "\#(Self.link)", "size": "1024x1024"}}"#)
            #expect(try vendors.problem.fields?.map(\.field) == ["size"])
        }
    }

    @Test("accepts JSON under any of its media types, and nothing else")
    func mediaTypes() async throws {
        try await TestServer.run { server in
            let body = #"{"request": {"prompt": "a", "image": "\#(Self.link)"}}"#
            for type in ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.fluxq+json"] {
                #expect(try await server.post(body, headers: ["content-type": type]).status == 201)
            }
            #expect(try await server.post(body, headers: [:]).status == 201)
            for type in ["application/x-www-form-urlencoded", "text/plain", "application/jsonp", ""] {
                let reply = try await server.post(body, headers: ["content-type": type])
                #expect(reply.status == 415)
                #expect(try reply.problem.code == .unsupportedMediaType)
            }
        }
    }

    @Test("accepts a data: URI, with its letters escaped or its lines broken as JSON allows")
    func dataURI() async throws {
        try await TestServer.run { server in
            let base64 = Data(SamplePictures.png.bytes).base64EncodedString()
            let spellings = [
                "data:image/png;base64,\(base64)", "DATA:;base64,\(base64)",
                "data:image\\/png;base64,\(base64.replacing("/", with: "\\/"))",
                "\\u0064ata:image/jpeg;base64,\(base64.prefix(76))\\r\\n\(base64.dropFirst(76))",
            ]
            for spelling in spellings {
                let reply = try await server.post(#"{"request": {"prompt": "a", "image": "\#(spelling)"}}"#)
                #expect(reply.status == 201)
                let job: JobDocument = try reply.document()
                #expect(try await server.get("/v1/jobs/\(job.id)/input").body == SamplePictures.png.bytes)
            }
            #expect(try server.files(in: "objects").count == 1)
            #expect(try server.files(in: "incoming").isEmpty)
        }
    }

    @Test("accepts a picture of 20 MiB inside its body")
    func largePicture() async throws {
        try await TestServer.run { server in
            let picture = Self.jpeg(bytes: 20 << 20)
            let base64 = Data(picture).base64EncodedString()
            let body =
                #"{"options": {"key": "k"}, "request": {"image": "data:image/jpeg;base64,\#(base64)", "prompt": "a"}}"#
            let reply = try await server.post(body)
            #expect(reply.status == 201)
            let job: JobDocument = try reply.document()
            #expect(try await server.get("/v1/jobs/\(job.id)/input").body == picture)
            // One more byte is too much.
            let tooLarge = Data(Self.jpeg(bytes: 20 << 20 + 1)).base64EncodedString()
            let refusal = try await refusal(
                of: #"{"request": {"prompt": "a", "image": "data:;base64,\#(tooLarge)"}}"#, by: server)
            #expect(refusal.hasPrefix("HTTP/1.1 413 ") && refusal.contains("20971520 bytes"))
            #expect(try server.files(in: "objects").count == 1 && server.files(in: "incoming").isEmpty)
        }
    }

    @Test("limits the size of a body without its picture")
    func longBody() async throws {
        try await TestServer.run { server in
            let body = #"{"request": {"prompt": "\#(String(repeating: "a", count: 1 << 20))"}}"#
            let refusal = try await refusal(of: body, by: server)
            #expect(refusal.hasPrefix("HTTP/1.1 413 ") && refusal.contains("\"code\":\"too_large\""))
        }
    }

    @Test(
        "does not decode a body of many or of nested values",
        arguments: [("{},", 60_000, ""), ("[", 100_000, "]"), ("\"\",", 10_000, "")])
    func structure(opening: String, count: Int, closing: String) async throws {
        let value = String(repeating: opening, count: count) + "0" + String(repeating: closing, count: count)
        try await TestServer.run { server in
            let reply = try await server.post(#"{"request": {"prompt": "a"}, "more": [\#(value)]}"#)
            #expect(reply.status == 400)
            #expect(try reply.problem.title == "Too many values")
            try await nothingWasKept(by: server)
        }
    }

    @Test("leaves nothing behind of a body that stops in the middle of its picture")
    func halfBody() async throws {
        try await TestServer.run { server in
            try await RawClient.connect(to: server) { client in
                let base64 = Data(SamplePictures.jpeg.bytes).base64EncodedString()
                try await client.send(
                    "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"
                        + #"{"request": {"image": "data:image/jpeg;base64,\#(base64)"#)
                client.finish()
                #expect(try await client.readToEnd().hasPrefix("HTTP/1.1 400 "))
            }
            try await nothingWasKept(by: server)
        }
    }

    @Test(
        "returns the job of a key whatever limit has been reached since, and accepts the owner's picture again")
    func keyAtLimits() async throws {
        let picture = SamplePictures.jpeg.bytes
        var policy = StorePolicy()
        policy.limits.standard[.archiveBytes] = Int64(picture.count + picture.count / 2)
        try await TestServer.run(policy: policy) { server in
            let base64 = Data(picture).base64EncodedString()
            func submission(_ key: String) -> String {
                #"{"options": {"key": "\#(key)"}, "request": {"image": "data:image/jpeg;base64,\#(base64)", "prompt": "a"}}"#
            }
            let first = try await server.post(submission("k"))
            #expect(first.status == 201)
            // The limits are now below the current use: nothing more is accepted, but nothing is requested again.
            let again = try await server.post(submission("k"))
            #expect(again.status == 200)
            #expect(try again.document(JobDocument.self).id == first.document(JobDocument.self).id)
            let input: InputDocument = try await server.put(picture).document()

            // A damaged picture can be sent again at the limit.
            _ = try await server.store.recordDamage(of: try #require(ContentHash(wire: input.image)))
            #expect(try await server.put(picture).status == 200)
            #expect(try await server.post(submission("other")).status == 201)
        }
    }

    @Test("returns the same job for the same key and submission, however that is written, and refuses another")
    func keys() async throws {
        try await TestServer.run { server in
            let image = "data:image/png;base64,\(Data(SamplePictures.png.bytes).base64EncodedString())"
            let first = try await server.post(
                #"{"request": {"prompt": "a", "image": "\#(image)", "strength": 1}, "options": {"key": "k", "label": null}}"#
            )
            #expect(first.status == 201)
            let job: JobDocument = try first.document()
            let input: InputDocument = try await server.put(SamplePictures.png.bytes).document()

            let again = try await server.post(
                #"{"options": {"key": "k"}, "request": {"strength": 1.0, "image": "\#(input.image)", "prompt": "\u0061"}}"#
            )
            #expect(again.status == 200)
            #expect(again.headers.first(name: "location") == "/v1/jobs/\(job.id)")
            #expect(again.body == first.body)

            let other = try await server.post(
                #"{"request": {"prompt": "b", "image": "\#(image)", "strength": 1}, "options": {"key": "k"}}"#)
            #expect(other.status == 409)
            #expect(try other.problem.code == .keyReused)
            let page: JobPage = try await server.get("/v1/jobs").document()
            #expect(page.jobs.map(\.id) == [job.id])
        }
    }

    @Test("accepts no hash of another user's input")
    func foreignInput() async throws {
        try await TestServer.run { server in
            let picture = try await server.archived(SamplePictures.png)
            try await server.store.addInput(picture, owner: TestServer.somebodyElse)
            let reply = try await server.post(#"{"request": {"prompt": "a", "image": "\#(picture.hash)"}}"#)
            #expect(reply.status == 422)
            let problem = try reply.problem
            #expect(problem.code == .noSuchInput)
            #expect(problem.detail.contains(picture.hash.description))
        }
    }

    @Test("refuses more queued jobs than allowed until some have gone")
    func overLimit() async throws {
        var policy = StorePolicy()
        policy.limits.standard[.queuedJobs] = 2
        try await TestServer.run(policy: policy) { server in
            let body = #"{"request": {"prompt": "a", "image": "\#(Self.link)"}}"#
            #expect(try await server.post(body).status == 201)
            #expect(try await server.post(body).status == 201)
            let reply = try await server.post(body)
            #expect(reply.status == 429)
            let problem = try reply.problem
            #expect(problem.code == .overLimit)
            #expect(
                problem.detail == "The limit of queued jobs is 2 (limits.queued_jobs); queued now: 2. "
                    + "Capacity returns when one of them starts or is canceled. Nothing was queued.")
            #expect(problem.limit?.name == "queued_jobs" && problem.limit?.limit == 2 && problem.limit?.used == 2)
            #expect(try await server.send(.POST, "/v1/jobs/1/cancel").status == 200)
            #expect(try await server.post(body).status == 201)
        }
    }

    @Test("keeps prompts and labels out of the log")
    func log() async throws {
        try await TestServer.run { server in
            let body =
                #"{"request": {"prompt": "a secret wish", "image": "\#(Self.link)"}, "options": {"label": "hush"}}"#
            let statuses = [try await server.post(body).status, try await server.get("/v1/jobs?label=hush").status]
            #expect(statuses == [201, 200])
            #expect(server.log.text.contains("A job was submitted."))
            #expect(server.log.text.contains(#""job.id": 1"#))
            for secret in ["secret", "hush", "pictures.example"] { #expect(!server.log.text.contains(secret)) }
        }
    }

    /// The answer to a body that is refused before its end; an HTTP library may stop sending before it reads the
    /// answer.
    private func refusal(of body: String, by server: TestServer) async throws -> String {
        try await RawClient.connect(to: server) { client in
            try await client.send(
                "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
            return try await client.readToEnd()
        }
    }

    private func nothingWasKept(by server: TestServer) async throws {
        let page: JobPage = try await server.get("/v1/jobs").document()
        #expect(page.jobs.isEmpty)
        #expect(try server.files(in: "objects").isEmpty && server.files(in: "incoming").isEmpty)
    }

    /// A JPEG of exactly that many bytes: a small one, extended with comments.
    static func jpeg(bytes: Int) -> [UInt8] {
        let picture = SamplePictures.jpeg.bytes
        var filled = Array(picture.prefix(2))
        var missing = bytes - picture.count
        while missing > 0 {
            // A comment has at least four bytes, so the rest must not be shorter.
            let size = missing <= 65_000 ? missing : min(65_000, missing - 4)
            filled += [0xFF, 0xFE, UInt8((size - 2) >> 8), UInt8((size - 2) & 0xFF)]
            filled += [UInt8](repeating: UInt8(truncatingIfNeeded: missing % 251), count: size - 4)
            missing -= size
        }
        return filled + picture.dropFirst(2)
    }
}
