import FluxqArchive
import FluxqControl
import FluxqControlServer
import FluxqModel
import FluxqStore
import FluxqTestSupport
import Foundation
import NIOHTTP1
import Testing

@testable import FluxqDoor

@Suite("Requests that cannot be served")
struct BadRequestTests {
    /// Nothing is queued, kept or left on the way.
    private func expectNothingLeft(_ server: DoorServer, _ comment: Comment) async throws {
        #expect(try await server.jobs().isEmpty, comment)
        let incoming = try FileManager.default.contentsOfDirectory(atPath: server.directory.path("incoming"))
        #expect(incoming == [], comment)
        #expect(try await server.store.archiveUse(of: DoorServer.me).use.archiveBytes == 0, comment)
    }

    private static let b = Form.boundary

    private static func part(_ head: String, _ value: String = "x") -> String {
        "--\(b)\r\n\(head)\r\n\r\n\(value)\r\n"
    }

    static let bodies: [(name: String, type: String, body: String)] = [
        ("no boundary", "multipart/form-data", "--x--\r\n"),
        ("another kind", "multipart/mixed; boundary=x", "--x--\r\n"),
        ("an empty body", "multipart/form-data; boundary=x", ""),
        ("no boundary in the body", "multipart/form-data; boundary=x", String(repeating: "a", count: 20_000)),
        (
            "a missing end", "multipart/form-data; boundary=\(b)",
            part(#"Content-Disposition: form-data; name="prompt""#)
        ),
        (
            "10,000 parts", "multipart/form-data; boundary=\(b)",
            String(repeating: part(#"Content-Disposition: form-data; name="prompt""#), count: 10_000) + "--\(b)--\r\n"
        ),
        (
            "a part without a name", "multipart/form-data; boundary=\(b)",
            part("Content-Disposition: form-data") + "--\(b)--\r\n"
        ),
        (
            "a name with NUL", "multipart/form-data; boundary=\(b)",
            part("Content-Disposition: form-data; name=\"pro\0mpt\"") + "--\(b)--\r\n"
        ),
        (
            "a nested form", "multipart/form-data; boundary=\(b)",
            part("Content-Disposition: form-data; name=\"a\"\r\nContent-Type: multipart/mixed; boundary=c")
                + "--\(b)--\r\n"
        ),
        (
            "a head without an end", "multipart/form-data; boundary=\(b)",
            "--\(b)\r\nContent-Disposition: " + String(repeating: "a", count: 20_000)
        ),
        ("no JSON", "application/json", "prompt=rain"),
        ("cut JSON", "application/json", #"{"prompt":"rain""#),
        ("a list", "application/json", #"["rain"]"#),
        ("a string", "application/json", #""rain""#),
        ("nothing", "application/json", ""),
        ("JSON that is nested deep", "application/json", String(repeating: #"{"a":"#, count: 5000)),
        ("many values", "application/json", "{\"a\":[" + String(repeating: "1,", count: 5000) + "1]}"),
        ("a binary body", "application/octet-stream", "\u{1}\u{2}"),
    ]

    @Test("a body that cannot be read is refused with the reason")
    func bodies() async throws {
        try await DoorServer.run { server in
            for (name, type, body) in Self.bodies {
                // A client that is answered before it has sent everything.
                let client = try RawRequest(to: server)
                let answer = await client.exchange(
                    "POST /v1/images/edits HTTP/1.1\r\nHost: fluxq\r\nContent-Type: \(type)\r\n"
                        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
                client.close()
                #expect(answer.hasPrefix("HTTP/1.1 400") || answer.hasPrefix("HTTP/1.1 413"), "\(name)")
                #expect(answer.contains(#""type":"invalid_request_error""#), "\(name)")
                #expect(answer.contains("x-should-retry: false"), "\(name)")
                try await expectNothingLeft(server, "\(name)")
            }
        }
    }

    static let fields: [(json: String, param: String)] = [
        (#"{}"#, "prompt"),
        (#"{"prompt":""}"#, "prompt"),
        (#"{"prompt":7}"#, "prompt"),
        (#"{"prompt":"x","n":0}"#, "n"),
        (#"{"prompt":"x","n":5}"#, "n"),
        (#"{"prompt":"x","n":"0"}"#, "n"),
        (#"{"prompt":"x","n":"many"}"#, "n"),
        (#"{"prompt":"x","n":1.5}"#, "n"),
        (#"{"prompt":"x","n":"1.5"}"#, "n"),
        (#"{"prompt":"x","n":"nan"}"#, "n"),
        (#"{"prompt":"x","n":99999999999999999999}"#, "n"),
        (#"{"prompt":"x","n":[1]}"#, "n"),
        (#"{"prompt":"x","seed":"-2"}"#, "seed"),
        (#"{"prompt":"x","steps":{}}"#, "steps"),
        (#"{"prompt":"x","strength":"inf"}"#, "strength"),
        (#"{"prompt":"x","guidance_scale":0}"#, "guidance_scale"),
        (#"{"prompt":"x","stream":"perhaps"}"#, "stream"),
        (#"{"prompt":"x","response_format":"png"}"#, "response_format"),
        (#"{"prompt":"x","image":7}"#, "image"),
        (#"{"prompt":"x","image":"aGVsbG8="}"#, "image"),
        (#"{"prompt":"x","image":"data:image/png;base64,aGVsbG8="}"#, "image"),
        (#"{"prompt":"x","images":[{"file_id":"file-7"}]}"#, "images"),
        (#"{"prompt":"x","images":[{"image_url":"http://a.example/1"},{"image_url":"http://a.example/2"}]}"#, "image"),
        (#"{"prompt":"x","image":["http://a.example/1","http://a.example/2"]}"#, "image"),
        (#"{"prompt":"x","image":"http://10.0.0.1/a.png"}"#, "image"),
        (#"{"prompt":"x","mask":"http://a.example/1"}"#, "mask"),
        (#"{"prompt":"x","mask":{"image_url":"http://a.example/1"}}"#, "mask"),
        (#"{"prompt":"x","frame_count":2}"#, "frame_count"),
        (#"{"prompt":"x","output_format":"svg"}"#, "output_format"),
        (#"{"prompt":"x","model":7}"#, "model"),
        (#"{"prompt":"x","quality":[]}"#, "quality"),
    ]

    @Test("a field that cannot be served is named")
    func fields() async throws {
        try await DoorServer.run { server in
            for (json, param) in Self.fields {
                let response = try await server.generate(json)
                #expect(response.status == 400, "\(json)")
                #expect(try response.error().param == param, "\(json)")
                try await expectNothingLeft(server, "\(json)")
            }
        }
    }

    static let forms: [(name: String, form: Form, param: String)] = [
        ("a mask", Form(files: [("image", SamplePictures.png.bytes), ("mask", SamplePictures.png.bytes)]), "mask"),
        ("a list of masks", Form(files: [("mask[]", SamplePictures.png.bytes)]), "mask[]"),
        ("a drawing on it", Form(files: [("markup", SamplePictures.png.bytes)]), "markup"),
        ("another file", Form(files: [("reference", SamplePictures.png.bytes)]), "reference"),
        (
            "two pictures",
            Form(files: [("image[]", SamplePictures.png.bytes), ("image[]", SamplePictures.jpeg.bytes)]), "image"
        ),
        ("no picture", Form(files: [("image", Array("hello".utf8))]), "image"),
        ("a cut picture", Form(files: [("image", SamplePictures.png.bytes.dropLast(40).map { $0 })]), "image"),
        ("n as text", Form([("prompt", "x"), ("n", "0")]), "n"),
        ("two prompts", Form([("prompt", "x"), ("prompt", "y")]), "prompt"),
        ("an edit without a picture", Form([], files: [("prompt", Array("x".utf8))]), "image"),
        (
            "a prompt that is not UTF-8", Form([], files: [("prompt", [0xFF]), ("image", SamplePictures.png.bytes)]),
            "prompt"
        ),
    ]

    @Test("a form that would buy the wrong picture is refused")
    func forms() async throws {
        try await DoorServer.run { server in
            for (name, form, param) in Self.forms {
                let response = try await server.edit(form)
                #expect(response.status == 400, "\(name)")
                #expect(try response.error().param == param, "\(name)")
                try await expectNothingLeft(server, "\(name)")
            }
        }
    }

    @Test("an unknown model is not found, and one that needs a picture says so")
    func models() async throws {
        try await DoorServer.run { server in
            let unknown = try await server.generate(#"{"prompt":"x","model":"dall-e-3"}"#)
            #expect(unknown.status == 404)
            let error = try unknown.error()
            #expect(error.code == "model_not_found" && error.param == "model" && error.type == "invalid_request_error")
            let bare = try await server.generate(
                #"{"prompt":"x","model":"\#(EditRequest.modelThatRequiresImage)"}"#)
            #expect(bare.status == 400)
            #expect(try bare.error().param == "image")
            try await expectNothingLeft(server, "models")
        }
    }

    @Test("a picture over the limit is too large, whatever its form")
    func tooLarge() async throws {
        try await DoorServer.run(settings: { $0.maxInputBytes = 10_000 }) { server in
            let large = SamplePictures.jpeg.followed(byBytes: 20_000).bytes
            let inForm = try await server.edit(Form(files: [("image", large)]))
            #expect(inForm.status == 413)
            #expect(try inForm.error().param == "image")
            let inJSON = try await server.generate(
                #"{"prompt":"x","image":"data:image/jpeg;base64,\#(Data(large).base64EncodedString())"}"#)
            #expect(inJSON.status == 413)
            let text = try await server.edit(Form([("prompt", String(repeating: "x", count: 300_000))]))
            #expect(text.status == 413)
            try await expectNothingLeft(server, "too large")
        }
    }

    @Test("a limit or a closed queue is told at once, with what makes each client stop")
    func limits() async throws {
        try await DoorServer.run(policy: { $0.limits.standard[.imagesPerDay] = 0 }) { server in
            let response = try await server.generate(#"{"prompt":"x"}"#)
            #expect(response.status == 429)
            let error = try response.error()
            #expect(error.type == "insufficient_quota" && error.code == "insufficient_quota")
            #expect(response.headers.first(name: "x-should-retry") == "false")
            try await expectNothingLeft(server, "limit")
        }
        try await DoorServer.run(policy: { $0.limits.standard[.queuedJobs] = 0 }) { server in
            let response = try await server.generate(#"{"prompt":"x"}"#)
            #expect(response.status == 429)
            #expect(try response.error().code == "rate_limit_exceeded")
            #expect(response.headers.first(name: "retry-after") == "5")
        }
        try await DoorServer.run { server in
            _ = try await server.store.pause(by: Caller(uid: 77, name: "admin", isAdministrator: true))
            let response = try await server.generate(#"{"prompt":"x"}"#)
            #expect(response.status == 503)
            #expect(try response.error().code == "queue_paused")
            #expect(response.headers.first(name: "x-should-retry") == "false")
            try await expectNothingLeft(server, "paused")
            // One that does not wait is queued all the same.
            #expect(try await server.generate(#"{"prompt":"x"}"#, headers: ["prefer": "respond-async"]).status == 202)
        }
    }

    static let ends: [(outcome: CallOutcome, status: Int, type: String, code: String)] = [
        (.rejected(APIError(status: 400, message: "no")), 400, "invalid_request_error", "rejected"),
        (.rejected(APIError(status: 400, code: "bad_size", message: "no")), 400, "invalid_request_error", "bad_size"),
        (.moderated(APIError(message: "no")), 400, "image_generation_user_error", "moderation_blocked"),
        (.noImage(Answer(items: [])), 424, "server_error", "no_image"),
        (.unknown(APIError(message: "reset")), 424, "server_error", "outcome_unknown"),
    ]

    @Test("the end of a job has a status that says whether it may have been billed")
    func ends() async throws {
        try await DoorServer.run { server in
            for (number, row) in zip(1..., Self.ends) {
                async let response = server.generate(#"{"prompt":"number \#(number)"}"#)
                try await server.end(server.claim(), row.outcome)
                let end = try await response
                #expect(end.status == row.status, "\(row.code)")
                let error = try end.error()
                #expect(error.type == row.type && error.code == row.code)
                #expect(error.message.contains("job \(number)"))
                #expect(end.headers.first(name: "x-should-retry") == "false")
                #expect(end.headers.first(name: "x-fluxq-job") == "\(number)")
            }
        }
    }

    @Test("every problem of fluxq's own interface has its form here")
    func problems() throws {
        for code in Problem.Code.allCases {
            let error = DoorError(Problem(status: 500, code: code, title: "Title", detail: "Detail."))
            #expect((400...599).contains(error.status) && !error.message.isEmpty, "\(code)")
            // What a client resends by its status was not billed.
            if [408, 409, 429].contains(error.status) || error.status >= 500 {
                #expect(![.pictureDamaged, .pictureRefetched].contains(code), "\(code)")
            }
        }
    }
}
