import FluxqControl
import FluxqFormats
import FluxqModel
import FluxqStore
import FluxqTestSupport
import Foundation
import Testing
import Yams

@testable import FluxqControlServer

/// Compares docs/openapi.yaml and docs/http-api.md with the routes and the closed sets of the code. `make apitest`
/// checks that the answers match the description.
@Suite("The description of the interface")
struct InterfaceDocumentTests {
    private let description: Node

    init() throws {
        description = try #require(try Yams.compose(yaml: RepositoryFile.text("docs/openapi.yaml")))
    }

    private var schemas: Node? { description["components"]?["schemas"] }

    private func words(_ node: Node?) throws -> Set<String> {
        // `null` means that there is no word.
        Set(try #require(node?["enum"]?.sequence).compactMap(\.string).filter { $0 != "null" })
    }

    @Test("has every route with its access rule, and no other")
    func routes() throws {
        var described: Set<String> = []
        for (path, item) in try #require(description["paths"]?.mapping) {
            for (method, operation) in try #require(item.mapping)
            // The OpenAI-compatible routes have a list and a test of their own.
            where method.string != "parameters" && operation["tags"]?[0]?.string != "openai" {
                let access = try #require(operation["x-access"]?.string)
                described.insert("\(try #require(method.string).uppercased()) \(try #require(path.string)) \(access)")
            }
        }
        #expect(described == Set(Routes.all.map { "\($0.method) \($0.path) \($0.access)" }))
    }

    @Test("names each operation once, and the places of its path")
    func operations() throws {
        var names: [String] = []
        for (path, item) in try #require(description["paths"]?.mapping) {
            for (method, operation) in try #require(item.mapping) where method.string != "parameters" {
                names.append(try #require(operation["operationId"]?.string))
            }
            let places = try #require(path.string).matches(of: /\{([a-z]+)\}/).map { String($0.1) }
            let parameters = item["parameters"]?.sequence.map(Array.init) ?? []
            let named = parameters.compactMap { parameter in
                parameter["name"]?.string
                    ?? parameter["$ref"]?.string.flatMap { $0.split(separator: "/").last.map(String.init) }
            }
            #expect(named == places)
        }
        #expect(Set(names).count == names.count)
    }

    @Test("has the words of every closed set, and no other")
    func closedSets() throws {
        let job = schemas?["Job"]?["properties"]
        let lane = schemas?["Queue"]?["properties"]?["lanes"]?["items"]?["properties"]
        #expect(try words(schemas?["State"]) == Set(JobState.allCases.map(\.rawValue)))
        #expect(try words(job?["waiting"]) == Set(Waiting.allCases.map(\.rawValue)))
        #expect(try words(job?["phase"]) == Set(Phase.allCases.map(\.rawValue)))
        #expect(try words(job?["reason"]) == Set(FailureReason.allCases.map(\.rawValue)))
        #expect(
            try words(schemas?["Call"]?["properties"]?["billing"]) == Set(Billing.allCases.map(\.rawValue)))
        #expect(try words(schemas?["Event"]?["properties"]?["kind"]) == Set(EventKind.allCases.map(\.rawValue)))
        #expect(try words(lane?["state"]) == Set(LaneDocument.State.allCases.map(\.rawValue)))
        #expect(try words(lane?["cause"]) == Set(LaneGate.HoldCause.allCases.map(\.rawValue)))
        #expect(try words(schemas?["LimitName"]) == Set(LimitKind.allCases.map(\.rawValue)))
        #expect(
            try words(schemas?["Problem"]?["properties"]?["code"]) == Set(Problem.Code.allCases.map(\.rawValue)))
        let options = schemas?["Submission"]?["properties"]?["options"]?["properties"]
        #expect(try words(options?["on_unknown"]) == Set(OnUnknown.allCases.map(\.rawValue)))
    }

    @Test("has every field of a request, with its bounds")
    func requestFields() throws {
        let fields = try #require(schemas?["Request"]?["properties"]?.mapping)
        #expect(Set(fields.keys.compactMap(\.string)) == Set(EditRequest.CodingKeys.allCases.map(\.rawValue)))
        for key in EditRequest.CodingKeys.allCases {
            let field = try #require(fields[Node(key.rawValue)])
            switch key.kind {
            case .text(let maxBytes): #expect(field["maxLength"]?.int == maxBytes, "\(key)")
            case .whole(let range):
                #expect(field["minimum"]?.int == Int(range.lowerBound), "\(key)")
                #expect(field["maximum"]?.int == Int(range.upperBound), "\(key)")
            case .number(let range):
                #expect(field["minimum"]?.float == range.lowerBound, "\(key)")
                #expect(field["maximum"]?.float == range.upperBound, "\(key)")
            case .choice(let choices): #expect(try words(field) == Set(choices), "\(key)")
            case .picture, .any: break
            }
        }
    }

    @Test("bounds every number that a client may send")
    func numbers() throws {
        var unbounded: [String] = []
        for (path, item) in try #require(description["paths"]?.mapping) {
            for (method, operation) in try #require(item.mapping) {
                let inputs = [method.string == "parameters" ? operation : nil, operation["parameters"]]
                let bodies = operation["requestBody"].map { [$0] } ?? []
                for (input, node) in (inputs.compactMap { $0 } + bodies).enumerated() {
                    unbounded += numbersWithoutBounds(node).map { "\(path.string ?? "") \(input): \($0)" }
                }
            }
        }
        #expect(unbounded == [])
    }

    /// The schemas below the node, followed through references, whose type is a number without both bounds. A value of
    /// several types is checked by the route.
    private func numbersWithoutBounds(_ node: Node) -> [String] {
        if let reference = node["$ref"]?.string {
            let place = reference.split(separator: "/").dropFirst().map(String.init)
            guard let target = place.reduce(description as Node?, { $0?[$1] }) else { return [reference] }
            return numbersWithoutBounds(target)
        }
        if let items = node.sequence { return items.flatMap(numbersWithoutBounds) }
        guard let entries = node.mapping else { return [] }
        let isUnbounded =
            ["integer", "number"].contains(node["type"]?.string) && (node["minimum"] == nil || node["maximum"] == nil)
        return (isUnbounded ? [node["description"]?.string ?? "a number"] : [])
            + entries.filter { $0.key.string != "example" }.map(\.value).flatMap(numbersWithoutBounds)
    }

    @Test("docs/http-api.md has a row for every route and every problem, and no other")
    func pageForPeople() throws {
        let lines = try RepositoryFile.text("docs/http-api.md").split(separator: "\n")
        let routes = lines.compactMap {
            $0.prefixMatch(of: /\| `((?:GET|PUT|POST|DELETE) [^`]+)` \|/).map { String($0.1) }
        }
        #expect(routes == Routes.all.map { "\($0.method) \($0.path)" })
        let codes = lines.compactMap { $0.prefixMatch(of: /\| `([a-z_]+)` \| [0-9]{3}/).map { String($0.1) } }
        #expect(codes == Problem.Code.allCases.map(\.rawValue))
    }

    @Test("docs/http-api.md shows a job as fluxqd writes it")
    func example() throws {
        let text = try RepositoryFile.text("docs/http-api.md")
        let json = try #require(text.split(separator: "```json\n").last?.split(separator: "```").first)
        let job = try JSONDecoder().decode(JobDocument.self, from: Data(json.utf8))
        // It contains nothing that fluxqd would not write.
        let written = try JSONDecoder().decode(JSONValue.self, from: Data(try jsonLine(job).utf8))
        #expect(try JSONDecoder().decode(JSONValue.self, from: Data(json.utf8)) == written)
    }

    @Test("docs/images-api.md has a row for every field of a request")
    func fieldsForPeople() throws {
        let lines = try RepositoryFile.text("docs/images-api.md").split(separator: "\n")
        let fields = lines.compactMap { line in
            line.prefixMatch(of: /\| `([a-z_]+)` \| (?:string|integer|number) \|/).map { String($0.1) }
        }
        #expect(fields == EditRequest.CodingKeys.allCases.map(\.rawValue))
    }
}
