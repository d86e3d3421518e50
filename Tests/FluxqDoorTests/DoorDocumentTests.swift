import FluxqTestSupport
import Foundation
import Testing
import Yams

@testable import FluxqDoor

@Suite("The description of the OpenAI-compatible routes")
struct DoorDocumentTests {
    @Test("docs/openapi.yaml has every one of them, and no other")
    func routes() throws {
        let description = try #require(try Yams.compose(yaml: RepositoryFile.text("docs/openapi.yaml")))
        var described: Set<String> = []
        for (path, item) in try #require(description["paths"]?.mapping) {
            for (method, operation) in try #require(item.mapping) where operation["tags"]?[0]?.string == "openai" {
                described.insert("\(try #require(method.string).uppercased()) \(try #require(path.string))")
            }
        }
        // The list of models is fluxq's own route.
        let routes = Door.Route.allCases.filter { $0 != .models }
        #expect(described == Set(routes.map { "\($0.method) /v1\($0.path)" }))
    }

    @Test("a path is found with and without /v1, and a model's name may contain slashes")
    func paths() {
        #expect(Door.Route.find("/v1/images/edits")?.route == .edits)
        #expect(Door.Route.find("/images/generations")?.route == .generations)
        #expect(Door.Route.find("/v1/images/generations/7")?.rest == "7")
        #expect(Door.Route.find("/models/a/b")?.rest == "a/b")
        for path in ["/v1/jobs", "/v1", "/", "/v1/images", "/models/", "/v2/images/edits", "/v1/v1/models"] {
            #expect(Door.Route.find(path) == nil, "\(path)")
        }
    }
}
