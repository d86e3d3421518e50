import FluxqArchive
import FluxqFormats
import FluxqModel
import FluxqStore
import FluxqTestSupport
import Foundation
import NIOHTTP1
import Testing

@testable import FluxqControlServer
@testable import FluxqDoor

@Suite("OpenAI-compatible requests")
struct DoorRouteTests {
    static let paths = ["/v1/images/edits", "/images/edits", "/v1/images/generations", "/images/generations"]

    @Test("each route takes multipart and JSON, with and without /v1", arguments: paths)
    func routes(_ path: String) async throws {
        try await DoorServer.run { server in
            let form = Form(files: [("image", SamplePictures.jpeg.bytes)])
            let inForm = try await server.answered {
                try await server.send(.POST, path, body: form.body, headers: ["content-type": form.contentType])
            }
            #expect(try inForm.pictures() == [SamplePictures.png.bytes])
            let image = "data:image/jpeg;base64,\(Data(SamplePictures.jpeg.bytes).base64EncodedString())"
            let inJSON = try await server.answered {
                try await server.send(
                    .POST, path, body: Array(#"{"prompt":"make it rain","image":"\#(image)"}"#.utf8))
            }
            #expect(try inJSON.pictures() == [SamplePictures.png.bytes])
            let jobs = try await server.jobs()
            #expect(jobs.count == 2 && Set(jobs.map(\.request.image)).count == 1)
        }
    }

    @Test(
        "a picture is found under every name that clients use",
        arguments: ["image", "image[]", "image[0]"])
    func names(_ name: String) async throws {
        try await DoorServer.run { server in
            let form = Form(files: [(name, SamplePictures.lossyWebP.bytes)])
            let response = try await server.answered { try await server.edit(form) }
            #expect(response.status == 200)
            let job = try #require(try await server.jobs().first)
            guard case .content(let hash)? = job.request.image else {
                Issue.record("the job has no picture")
                return
            }
            #expect(try await server.archive.openVerified(hash) != nil)
        }
    }

    static let imageTexts: [(json: String, isLink: Bool)] = [
        (#""image":"https://example.org/a.png""#, true),
        (#""image":["https://example.org/a.png"]"#, true),
        (#""images":[{"image_url":"https://example.org/a.png"}]"#, true),
        (#""images":["https://example.org/a.png"]"#, false),
    ]

    @Test("JSON gives a picture as a string, as a list, or as OpenAI's list of objects")
    func json() async throws {
        try await DoorServer.run { server in
            for (json, isLink) in Self.imageTexts where isLink {
                let response = try await server.answered {
                    try await server.generate(#"{"prompt":"make it rain",\#(json)}"#)
                }
                #expect(response.status == 200, "\(json)")
            }
            #expect(try await server.jobs().allSatisfy { $0.request.image == .link("https://example.org/a.png") })
        }
    }

    @Test("numbers may come as text, and fields without effect are named")
    func fields() async throws {
        try await DoorServer.run { server in
            let form = Form([
                ("prompt", "make it rain"), ("model", "m"), ("n", "2"), ("seed", "7"), ("strength", "0.5"),
                ("steps", "20"), ("guidance_scale", "3.5"), ("negative_prompt", "sun"), ("size", "1024x1024"),
                ("quality", "high"), ("style", ""), ("user", "shot 7"),
            ])
            let response = try await server.answered(with: [SamplePictures.png, SamplePictures.jpeg]) {
                try await server.edit(form)
            }
            #expect(try response.pictures() == [SamplePictures.png.bytes, SamplePictures.jpeg.bytes])
            #expect(response.headers.first(name: "x-fluxq-ignored") == "size, style")
            let job = try #require(try await server.jobs().first)
            let request = job.request
            #expect(request.n == 2 && request.seed == 7 && request.strength == 0.5 && request.steps == 20)
            #expect(request.guidanceScale == 3.5 && request.negativePrompt == "sun")
            // The model's own field.
            #expect(request.parameters == ["quality": .text("high")])
            #expect(job.label == "shot 7")
        }
    }

    static let formats: [(fields: String, keys: Set<String>)] = [
        (#""response_format":"url""#, ["url"]),
        (#""response_format":"b64_json""#, ["b64_json"]),
        (#""model":"m""#, ["url", "b64_json"]),
        (#""model":"gpt-image-1""#, ["b64_json"]),
        (#""model":"gpt-image-1","response_format":"url""#, ["url"]),
    ]

    @Test("the answer has the form that was asked for, else both; a model of OpenAI's answers in base64")
    func formats() async throws {
        try await DoorServer.run { server in
            for (fields, keys) in Self.formats {
                let response = try await server.answered {
                    try await server.generate(#"{"prompt":"make it rain",\#(fields)}"#, headers: ["host": "fluxq"])
                }
                let data = try #require(try response.document()["data"] as? [[String: Any]])
                #expect(data.map { Set($0.keys) } == [keys], "\(fields)")
                if let link = data[0]["url"] as? String {
                    #expect(link.hasPrefix("http://fluxq/v1/jobs/"))
                    let path = try #require(URL(string: link)?.path)
                    #expect(try await server.send(.GET, path).body == SamplePictures.png.bytes)
                }
            }
        }
    }

    @Test("the answer says which job, seed, cost and content it is, and only complete usage is passed on")
    func note() async throws {
        try await DoorServer.run { server in
            let response = try await server.answered { try await server.generate(#"{"prompt":"make it rain"}"#) }
            let document = try response.document()
            #expect(document["created"] is Int && document["usage"] == nil)
            let note = try #require(document["fluxq"] as? [String: Any])
            #expect(note["job"] as? Int == 1 && note["seed"] as? Int == 4711 && note["replayed"] as? Bool == false)
            #expect(note["cost"] as? String == "0.08" && note["currency"] as? String == "USD")
            let hash = try #require((note["images"] as? [String])?.first)
            #expect(hash.hasPrefix("sha256:"))
            #expect(response.headers.first(name: "x-fluxq-job") == "1")
            #expect(response.headers.first(name: "x-fluxq-cost") == "0.08")
            #expect(response.headers.first(name: "x-request-id")?.isEmpty == false)
            #expect(response.headers.first(name: "openai-processing-ms").flatMap { Int($0) } != nil)
        }
    }

    @Test("fewer pictures than asked for are a shorter list with a warning")
    func fewer() async throws {
        try await DoorServer.run { server in
            let response = try await server.answered { try await server.generate(#"{"prompt":"rain","n":2}"#) }
            #expect(response.status == 200)
            #expect(try response.pictures().count == 1)
            #expect(response.headers.first(name: "x-fluxq-warning") != nil)
        }
    }

    @Test("models are listed, and found by their names and those that stand for them")
    func models() async throws {
        try await DoorServer.run { server in
            for path in ["/v1/models", "/models"] {
                let document = try await server.send(.GET, path).document()
                #expect(document["object"] as? String == "list")
                let models = try #require(document["data"] as? [[String: Any]])
                #expect(models.map { $0["id"] as? String } == ["m", EditRequest.modelThatRequiresImage])
                #expect(models.allSatisfy { $0["created"] is Int && $0["owned_by"] is String })
            }
            for (name, id) in [
                ("m", "m"), ("gpt-image-1", "m"),
                ("black-forest-labs/flux-kontext-max", EditRequest.modelThatRequiresImage),
                ("black-forest-labs%2Fflux-kontext-max", EditRequest.modelThatRequiresImage),
            ] {
                #expect(try await server.send(.GET, "/v1/models/\(name)").document()["id"] as? String == id)
            }
            let missing = try await server.send(.GET, "/v1/models/dall-e-2")
            #expect(missing.status == 404)
            #expect(try missing.error().code == "model_not_found")
        }
    }

    @Test(
        "what is no route is told in OpenAI's form",
        arguments: ["/v1/images/variations", "/v1/chat/completions", "/v1/nothing/at/all", "/images/"])
    func unknownURL(_ path: String) async throws {
        try await DoorServer.run { server in
            let response = try await server.send(.POST, path)
            if path.hasPrefix("/v1/") {
                #expect(response.status == 404)
                #expect(try response.error().code == "unknown_url")
            } else {
                #expect(response.status == 404)
            }
            // fluxq's own routes keep their own form.
            let own = try await server.send(.GET, "/v1/jobs/99")
            #expect(own.headers.first(name: "content-type") == "application/problem+json")
        }
    }

    @Test("a path of fluxq's own with a value that cannot be keeps fluxq's own form")
    func ownPaths() async throws {
        try await DoorServer.run(settings: { $0.administrators = .init(only: [DoorServer.uid]) }) { server in
            for path in ["/v1/users/4294967296/renamed", "/v1/jobs/0/cancel"] {
                let response = try await server.send(.POST, path)
                #expect(response.status == 404)
                #expect(response.headers.first(name: "content-type") == "application/problem+json")
            }
        }
    }

    @Test("a wrong method is told with those that are right; HEAD is taken for GET")
    func methods() async throws {
        try await DoorServer.run { server in
            let response = try await server.send(.GET, "/v1/images/edits")
            #expect(response.status == 405 && response.headers.first(name: "allow") == "POST")
            #expect(try response.error().code == "method_not_allowed")
            let head = try await server.send(.HEAD, "/v1/models/m")
            #expect(head.status == 200 && head.body.isEmpty)
        }
    }

    @Test("a request that does not wait gets its job's number, and collects the answer later")
    func asynchronous() async throws {
        try await DoorServer.run { server in
            let accepted = try await server.generate(
                #"{"prompt":"rain"}"#, headers: ["prefer": "respond-async, wait=10"])
            #expect(accepted.status == 202)
            let location = try #require(accepted.headers.first(name: "location"))
            #expect(location == "/v1/images/generations/1")
            #expect(try accepted.document()["status"] as? String == "queued")
            #expect(try await server.send(.GET, location).status == 202)
            let claim = try await server.claim()
            #expect(try await server.send(.GET, location).document()["status"] as? String == "in_progress")
            try await server.answer(claim)
            for _ in 0..<2 { #expect(try await server.send(.GET, location).pictures() == [SamplePictures.png.bytes]) }
            #expect(try await server.send(.GET, "/v1/images/generations/2").error().code == "no_such_job")
            #expect(try await server.send(.GET, "/v1/images/generations/x").error().code == "no_such_job")
        }
    }

    @Test("the job of somebody else is not found, also for an administrator")
    func othersJobs() async throws {
        try await DoorServer.run { server in
            var draft = EditRequest.Draft()
            draft.prompt = "rain"
            let request = try draft.validated(defaultModel: "m", drawSeed: { 1 }).get()
            _ = try await server.store.submit(
                Store.Order(owner: User(uid: 54321, name: "eve"), request: request))
            #expect(try await server.send(.GET, "/v1/images/generations/1").error().code == "no_such_job")
        }
    }

    @Test("a key gives the same job for the same request, and refuses another one")
    func keys() async throws {
        try await DoorServer.run { server in
            for header in ["Idempotency-Key", "x-idempotency-key"] {
                let key = header + String(repeating: "k", count: 230)
                let first = try await server.answered {
                    try await server.generate(#"{"prompt":"rain"}"#, headers: [header: key])
                }
                let again = try await server.generate(#"{"prompt":"rain"}"#, headers: [header: key])
                #expect(try again.pictures() == first.pictures())
                #expect(again.headers.first(name: "idempotent-replayed") == "true")
                #expect(again.headers.first(name: "x-fluxq-cost") == "0")
                let other = try await server.generate(#"{"prompt":"snow"}"#, headers: [header: key])
                #expect(other.status == 422)
                #expect(try other.error().code == "idempotency_mismatch")
            }
            #expect(try await server.jobs().count == 2)
            let long = try await server.generate(
                #"{"prompt":"rain"}"#, headers: ["idempotency-key": String(repeating: "k", count: 256)])
            #expect(long.status == 400)
        }
    }

    @Test("a large answer is sent a piece at a time and is whole")
    func large() async throws {
        try await DoorServer.run { server in
            for size in [0, 1, 2, 3, 600_000] {
                let sample = SamplePictures.jpeg.followed(byBytes: size)
                let response = try await server.answered(with: [sample, sample]) {
                    try await server.generate(#"{"prompt":"rain","n":2}"#)
                }
                #expect(try response.pictures() == [sample.bytes, sample.bytes])
            }
        }
    }
}
