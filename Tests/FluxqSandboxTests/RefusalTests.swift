import FluxqFormats
import Foundation
import Testing

@testable import FluxqSandbox

@Suite("The sandbox refuses what the vendor's page refuses", .timeLimit(.minutes(30)))
struct RefusalTests {
    struct Field: Sendable, CustomTestStringConvertible {
        let name: String
        let value: JSONValue
        var says: String?

        init(_ name: String, _ value: JSONValue, says: String? = nil) {
            self.name = name
            self.value = value
            self.says = says
        }

        var testDescription: String { "\(name) = \(value)" }
    }

    @Test(
        "a field that is missing, of the wrong type or out of range, by name",
        arguments: [
            Field("prompt", .null), Field("prompt", ""), Field("prompt", " \n"), Field("prompt", 7),
            Field("model", .null), Field("model", ""), Field("model", .bool(true)),
            Field("image", .null, says: "required"), Field("image", 7), Field("image", .array([])),
            Field("image", "", says: "not a picture"), Field("image", "ftp://example.org/x.png", says: "neither"),
            Field("image", "picture.png", says: "image"), Field("image", "*not base64*", says: "neither"),
            Field("image", .string("https://example.org/" + String(repeating: "x", count: 9000)), says: "shorter"),
            Field("n", 0), Field("n", 5), Field("n", -1), Field("n", 1.5), Field("n", "2"), Field("n", .bool(true)),
            Field("strength", -0.01), Field("strength", 1.01), Field("strength", "0.5"),
            Field("seed", -2), Field("seed", 0.5), Field("seed", "7"),
            Field("steps", 0), Field("steps", 51), Field("steps", 2.5),
            Field("guidance_scale", 0.9), Field("guidance_scale", 10.1), Field("guidance_scale", .object([:])),
            Field("negative_prompt", 7), Field("response_format", "png"), Field("response_format", 1),
        ])
    func field(_ field: Field) async throws {
        try await SandboxClient.run { client throws in
            let answer = try await client.order([field.name: field.value]).answer()
            #expect(answer.status == 400)
            let error = try answer.error()
            #expect(error["type"] == "invalid_request_error")
            #expect(error["code"] == "param_error")
            let message = try #require(error["message"]?.string)
            #expect(message.contains(field.name))
            if let says = field.says { #expect(message.contains(says)) }
            #expect(error["param"]?.string?.isEmpty == false)
            #expect(error["param"]?.string == answer.headers["x-request-id"])
        }
    }

    @Test(
        "nothing that the page allows",
        arguments: [
            Field("n", 4), Field("strength", 0), Field("strength", 1.0), Field("seed", -1),
            Field("seed", 4_294_967_295),
            Field("steps", 1), Field("steps", 50), Field("guidance_scale", 1), Field("guidance_scale", 10.0),
            Field("negative_prompt", "rain"), Field("response_format", "b64_json"), Field("response_format", "url"),
            Field("n", 2.0), Field("unknown_field", .array([1])),
            Field("image", "http://example.org/x.png"), Field("image", "HTTPS://example.org/x.png?a=b+c"),
            Field(
                "image", .string(Data(SandboxClient.png(identity: "bare")).base64EncodedString())),
        ])
    func allowed(_ field: Field) async throws {
        try await SandboxClient.run { client throws in
            let answer = try await client.order([field.name: field.value]).answer()
            #expect(answer.status == 200, "\(answer.text)")
        }
    }

    @Test(
        "an image that is not a complete picture",
        arguments: [
            (Array("<html><body>no</body></html>".utf8), "picture"), ([1, 2, 3, 4], "picture"),
            (Array(SandboxClient.png(identity: "cut").dropLast(20)), "early"),
        ])
    func notAPicture(bytes: [UInt8], says: String) async throws {
        try await SandboxClient.run { client throws in
            let answer = try await client.order(["image": .string(Data(bytes).base64EncodedString())]).answer()
            #expect(answer.status == 400)
            let message = try #require(try answer.error()["message"]?.string)
            #expect(message.contains(says))
        }
    }

    @Test("other models do without an image")
    func otherModels() async throws {
        try await SandboxClient.run { client throws in
            let answer = try await client.order(["model": "somebody/else", "image": .null]).answer()
            #expect(answer.status == 200)
        }
    }

    @Test("a body that is not a JSON object", arguments: ["", "not JSON", "[1]", "\"text\"", "{\"prompt\": \"a\""])
    func body(_ body: String) async throws {
        try await SandboxClient.run { client throws in
            let answer = try await client.post(body).answer()
            #expect(answer.status == 400)
            #expect(try answer.error()["code"] == "param_error")
        }
    }

    @Test(
        "a key that is missing or in another form, before anything else",
        arguments: [nil, "", "Bearer", "Bearer ", "Basic YTpi", "test"])
    func key(_ authorization: String?) async throws {
        try await SandboxClient.run { client throws in
            for body in ["not JSON", try SandboxClient.body()] {
                let answer = try await client.post(body, authorization: authorization).answer()
                #expect(answer.status == 401)
                #expect(try answer.error()["code"] == "auth_error")
            }
        }
    }

    @Test("a body that is too long")
    func tooLong() async throws {
        try await SandboxClient.run { client throws in
            let answer = try await client.order(["prompt": .string(String(repeating: "x", count: 1 << 20))]).answer()
            #expect(answer.status == 413)
        }
    }

    @Test(
        "other addresses and methods, in the vendor's form",
        arguments: ["/v1/models", "/", "/v1/images/generations", "/files/x"])
    func notFound(path: String) async throws {
        try await SandboxClient.run { client throws in
            let origin = "http://127.0.0.1:\(client.sandbox.port)"
            let answer = try await client.download("\(origin)\(path)").answer()
            #expect(answer.status == (path == "/files/x" ? 403 : 404))
            if answer.status == 404 { #expect(try answer.error()["code"] == "not_found") }
        }
    }

    @Test(
        "a word that it does not know or whose value makes no sense",
        arguments: [
            "sandbox:nonsense", "sandbox:reset=1", "sandbox:slow", "sandbox:slow=soon", "sandbox:status=99",
            "sandbox:size=0x5", "sandbox:size=5", "sandbox:times=-1", "sandbox:99", "sandbox:rate-limit=date:x",
        ])
    func word(_ word: String) async throws {
        try await SandboxClient.run { client throws in
            let answer = try await client.order(["prompt": .string("x \(word) y")]).answer()
            #expect(answer.status == 400)
            #expect(try #require(try answer.error()["message"]?.string).contains("sandbox:"))
        }
    }
}
