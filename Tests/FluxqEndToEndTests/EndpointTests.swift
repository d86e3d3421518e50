import FluxqControl
import FluxqFormats
import FluxqTestSupport
import Foundation
import Synchronization
import Testing

/// Several APIs at once, each with its own stand-in.
@Suite("Endpoints and models", .timeLimit(.minutes(30)))
struct EndpointTests {
    private let directory: TemporaryDirectory
    private var file: String { directory.path("fluxqd.yaml") }

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func write(_ yaml: String) throws {
        try yaml.write(toFile: file, atomically: true, encoding: .utf8)
    }

    private func submit(
        _ daemon: RunningDaemon, _ arguments: String..., image: Bool = true
    ) async throws -> RunningDaemon.Run {
        try await daemon.run(
            ["submit"] + (image ? ["--image", "-"] : []) + arguments, input: image ? SamplePictures.png.bytes : [])
    }

    private struct Call: Decodable {
        let model: String?
        let seed: Int64?
        let billed: Bool
    }

    private func calls(_ api: RunningDaemon) throws -> [Call] {
        let data = FileManager.default.contents(atPath: api.directory.path("state/sandbox/ledger.jsonl")) ?? Data()
        return try data.split(separator: UInt8(ascii: "\n")).map { try JSONDecoder().decode(Call.self, from: $0) }
    }

    private static let rules = """
        models:
          gpt-image-1: {requires_image: false, omit: [seed, response_format], parameters: [size, quality]}

        """

    @Test("each model is called at its own endpoint; one that is not offered is refused before anything is kept")
    func twoEndpoints() async throws {
        let first = try await RunningDaemon()
        let second = try await RunningDaemon()
        let ports = try (first: first.sandboxAddress().port, second: second.sandboxAddress().port)
        try write(
            Self.rules + """
                endpoints:
                  first:
                    base_url: http://127.0.0.1:\(ports.first)/v1
                    models: [black-forest-labs/flux-kontext-max, shared]
                  second:
                    base_url: http://127.0.0.1:\(ports.second)/v1
                    key_file: \(directory.path("key"))
                    concurrency: 1
                    models: [shared, gpt-image-1]
                downloads: {trusted_hosts: ["127.0.0.1"]}
                prices: {gpt-image-1: 0.04}
                """)
        try "sk-second".write(toFile: directory.path("key"), atomically: true, encoding: .utf8)
        let daemon = try await RunningDaemon(
            environment: ["FLUXQ_ENDPOINTS_FIRST_KEY": "sk-first"], arguments: ["--config", file], isSandboxed: false)

        #expect(try await submit(daemon, "--wait", "a").end == .exit(0))
        #expect(try await submit(daemon, "--wait", "--model", "shared", "a").end == .exit(0))
        // Like OpenAI's API, it would reject a seed or a response_format.
        let own = try await submit(
            daemon, "--wait", "--output", directory.path("out"), "--model", "gpt-image-1", "--set", "size=1024x1024",
            "--set",
            "quality=high", "a lighthouse sandbox:strict", image: false)
        #expect(own.end == .exit(0), "\(own.errors)")
        #expect(try calls(first).map(\.model) == ["black-forest-labs/flux-kontext-max", "shared"])
        #expect(try calls(first).allSatisfy { $0.seed != nil })
        #expect(try calls(second).map(\.model) == ["gpt-image-1"])
        #expect(try calls(second).map(\.seed) == [nil])

        let details = try await daemon.fluxq("status", "3")
        #expect(details.output.contains("parameters  quality=high, size=1024x1024"), "\(details.output)")
        #expect(!details.output.contains("  seed "))

        let refused = try await submit(daemon, "--model", "nobody/s", "a")
        #expect(refused.end == .exit(65) && refused.output.isEmpty)
        #expect(
            refused.errors.contains(
                "No endpoint offers the model nobody/s. Offered: black-forest-labs/flux-kontext-max, shared, gpt-image-1."
            ))
        let seeded = try await submit(daemon, "--model", "gpt-image-1", "--seed", "7", "--set", "style=vivid", "a")
        #expect(seeded.end == .exit(65))
        #expect(seeded.errors.contains("seed is not a field that gpt-image-1 takes"), "\(seeded.errors)")
        #expect(seeded.errors.contains("style is not a field that gpt-image-1 takes"))
        #expect(try await submit(daemon, "--set", "size=1", "a").errors.contains("size is not a field"))

        let models = try await daemon.fluxq("models")
        #expect(models.lines.count == 4)
        #expect(models.output.contains("black-forest-labs/flux-kontext-max *  first"))
        #expect(models.output.contains("0.04 USD"))
        let json = try await daemon.fluxq("models", "--json")
        #expect(json.lines.count == 5 && json.lines[3].contains(#""endpoint":"second""#))
        #expect(await daemon.stop() == .exit(0))
    }

    @Test("the stand-in plays every endpoint, without a key and without a proxy")
    func sandboxed() async throws {
        try write(
            Self.rules + """
                endpoints:
                  first: {base_url: "https://first.invalid/v1", key_file: /none, models: [a]}
                  second: {base_url: "https://second.invalid/v1", proxy: "http://proxy.invalid:3128", models: [gpt-image-1]}
                """)
        let daemon = try await RunningDaemon(arguments: ["--config", file])
        #expect(try await submit(daemon, "--wait", "x").end == .exit(0))
        #expect(try await submit(daemon, "--wait", "--model", "gpt-image-1", "x", image: false).end == .exit(0))
        #expect(try calls(daemon).map(\.model) == ["a", "gpt-image-1"])
    }

    @Test("calls and downloads of an endpoint with a proxy go through it, and those of the others do not")
    func proxied() async throws {
        let (first, second) = (try await RunningDaemon(), try await RunningDaemon())
        let ports = try (first: first.sandboxAddress().port, second: second.sandboxAddress().port)
        let proxy = try ConnectProxy(routes: ["127.0.0.1:\(ports.second)": ports.second])
        defer { proxy.stop() }
        try write(
            """
            endpoints:
              first: {base_url: "http://127.0.0.1:\(ports.first)/v1", models: [a]}
              second:
                base_url: http://127.0.0.1:\(ports.second)/v1
                proxy: http://127.0.0.1:\(proxy.port)
                models: [b]
            downloads: {trusted_hosts: ["127.0.0.1"]}
            """)
        let daemon = try await RunningDaemon(
            environment: ["FLUXQ_ENDPOINTS_FIRST_KEY": "sk-first", "FLUXQ_ENDPOINTS_SECOND_KEY": "sk-second"],
            arguments: ["--config", file], isSandboxed: false)
        #expect(try await submit(daemon, "--wait", "x").end == .exit(0))
        #expect(proxy.targets == [])
        let run = try await submit(daemon, "--wait", "--model", "b", "x")
        #expect(run.end == .exit(0), "\(run.errors)")
        #expect(proxy.targets == Array(repeating: "127.0.0.1:\(ports.second)", count: 2))
        #expect(try calls(second).map(\.model) == ["b"])
        #expect(await daemon.stop() == .exit(0))
    }

    @Test("an endpoint's key is sent only to that endpoint, and redacted even in another API's messages")
    func keys() async throws {
        let keys = ["first": "sk-first-Kanarienvogel-91xW", "second": "sk-second-Papageientaucher-7Gq"]
        let heard = Mutex<[String: Set<String>]>([:])
        func server(_ name: String) throws -> ScriptedServer {
            try ScriptedServer { peer in
                let head = try peer.readHead()
                _ = try peer.readBody(ScriptedPeer.bodyLength(in: head))
                for (owner, key) in keys where head.contains(key) {
                    heard.withLock { _ = $0[name, default: []].insert(owner) }
                }
                let said = keys.values.sorted().joined(separator: " ")
                try peer.answer(
                    "400 Bad Request", #"{"error": {"message": "keys \#(said)", "type": "x", "code": "y"}}"#)
            }
        }
        let (first, second) = (try server("first"), try server("second"))
        defer {
            first.stop()
            second.stop()
        }
        try write(
            """
            endpoints:
              first: {base_url: "http://127.0.0.1:\(first.port)/v1", models: [a]}
              second: {base_url: "http://127.0.0.1:\(second.port)/v1", models: [b]}
            """)
        let daemon = try await RunningDaemon(
            environment: [
                "FLUXQ_ENDPOINTS_FIRST_KEY": keys["first"] ?? "", "FLUXQ_ENDPOINTS_SECOND_KEY": keys["second"] ?? "",
            ], arguments: ["--config", file], isSandboxed: false)
        for model in ["a", "b"] {
            let run = try await submit(daemon, "--wait", "--model", model, "x")
            #expect(run.end == .exit(1) && run.errors.contains("keys [hidden] [hidden]"), "\(run.errors)")
        }
        #expect(await daemon.stop() == .exit(0))
        #expect(heard.withLock { $0 } == ["first": ["first"], "second": ["second"]])
        for name in try FileManager.default.subpathsOfDirectory(atPath: daemon.directory.path) {
            let bytes = FileManager.default.contents(atPath: daemon.directory.path(name)) ?? Data()
            for key in keys.values { #expect(bytes.range(of: Data(key.utf8)) == nil, "\(name)") }
        }
        #expect(!keys.values.contains { daemon.process.errors.contains($0) })
    }

    @Test("an endpoint without a key prevents the start of fluxqd, and is named")
    func noKey() async throws {
        try write("endpoints: {first: {base_url: \"https://first.invalid/v1\", models: [a]}}\n")
        let process = try ChildProcess(
            RunningDaemon.executable("fluxqd"),
            ["--config", file, "--state-directory", directory.path("state"), "--socket", directory.path("s")],
            environment: RunningDaemon.baseEnvironment, directory: directory.path)
        #expect(await process.wait() == .exit(78))
        #expect(process.errors.contains("There is no API key for the endpoint first."), "\(process.errors)")
        #expect(process.errors.contains("FLUXQ_ENDPOINTS_FIRST_KEY"))
    }

    @Test("a reload applies models, their rules and their fields, and names the endpoint that needs a restart")
    func reload() async throws {
        let yaml = """
            endpoints:
              first: {base_url: "https://first.invalid/v1", models: [a]}

            """
        try write(yaml)
        let daemon = try await RunningDaemon(arguments: ["--config", file])
        #expect(try await submit(daemon, "--model", "b", "x").end == .exit(65))
        try write(
            """
            endpoints:
              first: {base_url: "https://elsewhere.invalid/v1", models: [a, b], concurrency: 2}
              new: {base_url: "https://new.invalid/v1", models: [c]}
            models: {b: {requires_image: false, omit: [seed, response_format], parameters: [size]}}
            """)
        daemon.process.send(SIGHUP)
        #expect(await daemon.notice().contains("RELOADING=1"))
        let status = await daemon.notice()
        #expect(status.contains("endpoints.first.base_url, endpoints.new needs a restart"), "\(status)")
        let run = try await submit(
            daemon, "--wait", "--model", "b", "--set", "size=1", "x sandbox:strict", image: false)
        #expect(run.end == .exit(0), "\(run.errors)")
        #expect(try await submit(daemon, "--model", "c", "x").end == .exit(65))
        #expect(daemon.process.errors.contains("changed=endpoints, models"), "\(daemon.process.errors)")
    }
}
