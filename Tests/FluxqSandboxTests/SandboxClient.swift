import AsyncHTTPClient
import FluxqFormats
import FluxqTestSupport
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import Testing

@testable import FluxqSandbox

/// A running sandbox in its own directory, and an HTTP client that does not follow redirects.
struct SandboxClient: Sendable {
    let sandbox: Sandbox
    let directory: TemporaryDirectory
    let http: HTTPClient

    /// Runs a body with a new sandbox, then stops it.
    static func run(
        latency: Duration = .zero, linkLifetime: Duration = .seconds(7 * 86_400),
        in directory: TemporaryDirectory? = nil,
        _ body: (SandboxClient) async throws -> Void
    ) async throws {
        let directory = try directory ?? TemporaryDirectory()
        let sandbox = try await Sandbox.start(
            .init(directory: directory.path("sandbox"), latency: latency, linkLifetime: linkLifetime), logger: .quiet)
        let http = HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: .init(redirectConfiguration: .disallow))
        do {
            try await body(SandboxClient(sandbox: sandbox, directory: directory, http: http))
        } catch {
            await sandbox.shutdown()
            try await http.shutdown()
            throw error
        }
        await sandbox.shutdown()
        try await http.shutdown()
    }

    /// The result of one exchange for the client.
    enum Seen: Sendable {
        case answer(Answer)
        /// An answer began but did not end.
        case brokenOff(status: Int)
        case nothing

        /// The complete answer; anything else fails the test.
        func answer(_ location: SourceLocation = #_sourceLocation) throws -> Answer {
            guard case .answer(let answer) = self else {
                Issue.record("not a whole answer: \(self)", sourceLocation: location)
                throw NoAnswer()
            }
            return answer
        }
    }

    struct NoAnswer: Error {}

    struct Answer: Sendable {
        let status: Int
        let headers: [String: String]
        let bytes: [UInt8]

        func json() throws -> JSONValue {
            try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
        }

        var text: String { String(decoding: bytes, as: UTF8.self) }

        func error() throws -> JSONValue { try #require(try json()["error"]) }
    }

    func exchange(_ request: HTTPClientRequest) async -> Seen {
        let response: HTTPClientResponse
        do {
            response = try await http.execute(request, timeout: .minutes(25))
        } catch {
            return .nothing
        }
        var bytes: [UInt8] = []
        do {
            for try await buffer in response.body { bytes += buffer.readableBytesView }
        } catch {
            return .brokenOff(status: Int(response.status.code))
        }
        let headers = response.headers.map { ($0.name.lowercased(), $0.value) }
        return .answer(
            Answer(
                status: Int(response.status.code), headers: Dictionary(headers, uniquingKeysWith: { $0 + ", " + $1 }),
                bytes: bytes))
    }

    /// Sends a body to `POST /v1/images/generations`.
    func post(_ body: String, authorization: String? = "Bearer test") async -> Seen {
        var request = HTTPClientRequest(url: "\(sandbox.baseURL)/images/generations")
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        if let authorization { request.headers.add(name: "authorization", value: authorization) }
        request.body = .bytes(ByteBuffer(string: body))
        return await exchange(request)
    }

    /// Sends the fields of a good request, changed by `fields`; null removes a field.
    func order(_ fields: [String: JSONValue] = [:]) async throws -> Seen {
        await post(try Self.body(fields))
    }

    static func body(_ changes: [String: JSONValue] = [:]) throws -> String {
        var fields: [String: JSONValue] = [
            "model": "black-forest-labs/flux-kontext-max", "prompt": "a lighthouse sandbox:size=24x16",
            "image": .string(picture), "seed": 7,
        ]
        for (name, value) in changes { fields[name] = value == .null ? nil : value }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        return String(decoding: try encoder.encode(JSONValue.object(fields)), as: UTF8.self)
    }

    /// The only link of a good answer.
    func link(_ fields: [String: JSONValue] = [:]) async throws -> String {
        let answer = try await order(fields).answer()
        return try #require(try answer.json().items.first?["url"]?.string)
    }

    func download(_ link: String, headers: [(String, String)] = [], head: Bool = false) async -> Seen {
        var request = HTTPClientRequest(url: link)
        request.method = head ? .HEAD : .GET
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        return await exchange(request)
    }

    /// The bytes behind the links of an answer, in order.
    func pictures(_ fields: [String: JSONValue]) async throws -> [[UInt8]] {
        let answer = try await order(fields).answer()
        var pictures: [[UInt8]] = []
        for item in try answer.json().items {
            pictures.append(try await download(try #require(item["url"]?.string)).answer().bytes)
        }
        return pictures
    }

    func entries() throws -> [SandboxLedger.Entry] { try sandbox.ledger.entries() }

    /// Waits until the ledger has that many entries. It is a file, so it must be read repeatedly.
    func entries(count: Int) async throws -> [SandboxLedger.Entry] {
        try await Observation.wait { try entries().count >= count }
        return try entries()
    }

    /// A small real picture as a `data:` URI.
    static let picture = "data:image/png;base64,\(Data(png(identity: "input")).base64EncodedString())"

    static func png(identity: String, width: Int = 9, height: Int = 7) -> [UInt8] {
        var bytes = ResultBytes(
            PicturePlan(identity: identity, width: width, height: height, bytes: nil, content: .whole), inline: false)
        var all: [UInt8] = []
        while let piece = bytes.next() { all += piece }
        return all
    }
}

extension Logger {
    static var quiet: Logger {
        var logger = Logger(label: "sandbox-tests")
        logger.logLevel = .critical
        return logger
    }
}

extension JSONValue {
    /// The elements of an answer's `data`.
    var items: [JSONValue] {
        if case .array(let items)? = self["data"] { items } else { [] }
    }

    var array: [JSONValue]? {
        if case .array(let items) = self { items } else { nil }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(floatLiteral value: Double) { self = .number(value) }
}
