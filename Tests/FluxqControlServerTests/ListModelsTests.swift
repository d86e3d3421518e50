import FluxqControl
import FluxqModel
import FluxqStore
import Testing

@testable import FluxqControlServer

@Suite("GET /v1/models", .timeLimit(.minutes(30)))
struct ListModelsTests {
    private static let catalog = ModelCatalog(
        endpoints: [
            .init(name: "first", models: ["a", "own"]),
            .init(name: "second", models: ["own", "b"]),
        ],
        rules: ["own": .init(requiresImage: true, omit: ["seed", "response_format"], parameters: ["size"])],
        defaultModel: "b")

    @Test("lists the available models, with endpoint, price, fields and their ranges")
    func list() async throws {
        try await TestServer.run(
            settings: {
                $0.catalog = Self.catalog
                $0.prices = ["own": .init(micros: 40_000, currency: "EUR")]
            }
        ) { server in
            let list: ModelList = try await server.get("/v1/models").document()
            #expect(list.object == "list" && list.data.allSatisfy { $0.object == "model" })
            #expect(list.data.map(\.id) == ["a", "own", "b"])
            #expect(list.data.map(\.endpoint) == ["first", "first", "second"])
            #expect(list.data.map(\.isDefault) == [false, false, true])
            #expect(list.data.map(\.price) == [nil, 0.04, nil])
            #expect(list.data.map(\.currency) == [nil, "EUR", nil])
            let own = list.data[1]
            #expect(
                own.fields.map(\.name) == [
                    "model", "prompt", "image", "n", "strength", "steps", "guidance_scale", "negative_prompt", "size",
                ])
            #expect(own.fields.filter(\.required).map(\.name) == ["prompt", "image"])
            func field(_ name: String) -> ModelDocument.Field? { own.fields.first { $0.name == name } }
            #expect(field("n")?.type == "integer" && field("n")?.minimum == 1 && field("n")?.maximum == 4)
            #expect(field("strength")?.type == "number" && field("strength")?.maximum == 1)
            #expect(field("prompt")?.type == "string" && field("prompt")?.maxBytes == 32_768)
            #expect(field("size")?.type == "any" && field("size")?.maxBytes == 4096)
            #expect(list.data[0].fields.first { $0.name == "response_format" }?.values == ["url", "b64_json"])
            #expect(try await server.get("/v1/models?x=1").status == 400)
        }
    }

    @Test("matches what submits accept, also after a reload")
    func reload() async throws {
        try await TestServer.run { server in
            server.reload(.init(catalog: Self.catalog))
            let list: ModelList = try await server.get("/v1/models").document()
            #expect(list.data.map(\.id) == ["a", "own", "b"])
            #expect(try await server.post(#"{"request": {"prompt": "x"}}"#).status == 201)
            server.reload(.init(catalog: ModelCatalog(offering: ["c"])))
            #expect(
                try await server.post(#"{"request": {"prompt": "x", "model": "b"}}"#).problem.code == .unknownModel)
        }
    }
}
