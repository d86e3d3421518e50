import FluxqControl
import FluxqTestSupport
import Foundation
import Synchronization
import Testing

/// A key that an API repeats in every possible way, and then a search for it everywhere.
@Suite("The API key", .timeLimit(.minutes(30)))
struct KeyTests {
    /// Contains characters that links and JSON escape.
    private static let key = "sk-Kanarienvogel/7Gq+2Zt_91xW"

    private static let linked = key.replacing("/", with: "%2F").replacing("+", with: "%2b")

    /// Ways of repeating the key, chosen by the job's model.
    private static let answers: [(model: String, status: String, headers: String, body: String)] = {
        let escaped = key.replacing("/", with: #"\/"#).replacing("s", with: #"\u0073"#)
        let half = key.dropLast(8)
        func error(_ text: String) -> String {
            #"{"error":{"code":"\#(text)","type":"\#(text)","message":"Bearer \#(text)","param":"\#(text)"}}"#
        }
        return [
            ("said", "400 Bad", "", error(key)), ("escaped", "400 Bad", "", error(escaped)),
            ("linked", "400 Bad", "", error(linked)), ("cut", "400 Bad", "", "<html><p>You sent \(half)"),
            ("unknown", "504 Gateway", "X-Request-Id: \(key)\r\n", "<html>\(key)</html>"),
            (
                "pictureless", "200 OK", "x-request-id: \(key)\r\n",
                #"{"data":[],"usage":{"\#(key)":"\#(escaped)"},"x":"\#(half)"}"#
            ),
            (
                "link", "200 OK", "",
                #"{"data":[{"url":"https://h/1.png?key=\#(linked)"},{"error":{"message":"\#(key)"}}]}"#
            ),
            ("exhausted", "500 Bad", "", error(key)),
            // These two hold their lanes; the test does not wait for their jobs.
            ("redirected", "302 Found", "Location: https://h/?key=\(linked)\r\n", ""),
            ("refused", "401 No", "", error("Incorrect API key provided: \(key)")),
        ]
    }()

    private static func serve(_ peer: ScriptedPeer, _ heard: borrowing Mutex<Set<String>>) throws {
        let head = try peer.readHead()
        let body = String(decoding: try peer.readBody(ScriptedPeer.bodyLength(in: head)), as: UTF8.self)
        guard let answer = answers.first(where: { body.contains("\"model\":\"\($0.model)\"") }) else { return }
        if head.contains("Bearer \(key)") { heard.withLock { _ = $0.insert(answer.model) } }
        try peer.send(
            "HTTP/1.1 \(answer.status)\r\n\(answer.headers)Content-Length: \(answer.body.utf8.count)\r\n\r\n\(answer.body)"
        )
    }

    /// Pieces of the key that are long enough to be recognized: plain, and as links and JSON escape them.
    private static let pieces: [Data] = {
        let spellings = [key, linked, key.replacing("/", with: #"\/"#)]
        return spellings.flatMap { spelling in
            (0...(spelling.count - 12)).map { Data(spelling.dropFirst($0).prefix(12).utf8) }
        }
    }()

    /// The names of the texts that contain such a piece of the key.
    private static func places(in texts: [String: Data]) -> [String] {
        texts.filter { text in pieces.contains { text.value.range(of: $0) != nil } }.map(\.key).sorted()
    }

    private static func files(below directory: String) throws -> [String: Data] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: directory)
        return names.reduce(into: [:]) {
            $0["\(directory)/\($1)"] = FileManager.default.contents(atPath: "\(directory)/\($1)")
        }
    }

    @Test("is only in its file, even if the API repeats it")
    func canary() async throws {
        let heard = Mutex<Set<String>>([])
        let server = try ScriptedServer { try Self.serve($0, heard) }
        defer { server.stop() }
        let secrets = try TemporaryDirectory()
        try Self.key.write(toFile: secrets.path("key"), atomically: false, encoding: .utf8)
        let daemon = try await RunningDaemon(
            environment: [
                "FLUXQ_API_BASE_URL": "http://127.0.0.1:\(server.port)/v1", "FLUXQ_API_KEY_FILE": secrets.path("key"),
                "FLUXQ_API_UNBILLED_STATUSES": "500", "FLUXQ_WORKERS_MAX_ATTEMPTS": "1",
                "FLUXQ_PRICES": Self.answers.map { "\($0.model)=0" }.joined(separator: ","),
            ], isSandboxed: false)
        var shown: [String: Data] = [:]
        func note(_ arguments: [String], input: [UInt8] = []) async throws -> RunningDaemon.Run {
            let run = try await daemon.run(arguments, input: input)
            shown["\(arguments)"] = Data("\(run.output)\(run.errors)".utf8)
            return run
        }
        for answer in Self.answers.dropLast(2) {
            let run = try await note(
                ["submit", "--wait", "--model", answer.model, "--image", "-", "x"], input: SamplePictures.png.bytes)
            #expect(run.end == .exit(1), "\(answer.model): \(run.errors)")
        }
        for answer in Self.answers.suffix(2) {
            _ = try await note(
                ["submit", "--model", answer.model, "--image", "-", "x"], input: SamplePictures.png.bytes)
        }
        try await Observation.wait {
            let status = try await note(["status"]).output
            return Self.answers.suffix(2).allSatisfy { status.contains("\($0.model) at default") }
                && status.contains("[hidden]")
        }
        for arguments in [["status", "--json"], ["list", "--json"], ["usage", "--json"], ["pause"], ["resume"]] {
            _ = try await note(arguments)
        }
        for id in 1...Self.answers.count {
            _ = try await note(["status", "\(id)"])
            _ = try await note(["status", "--json", "\(id)"])
        }
        daemon.process.send(SIGHUP)
        #expect(await daemon.notice().contains("RELOADING=1"))
        let backup = try ChildProcess(
            RunningDaemon.executable("fluxqd"),
            ["backup", "--state-directory", daemon.directory.path("state"), daemon.directory.path("backup")],
            environment: RunningDaemon.baseEnvironment, directory: daemon.directory.path)
        #expect(await backup.wait() == .exit(0), "\(backup.errors)")
        shown["check"] = Data("\(try await daemon.check())".utf8)
        for name in ["cmdline", "environ"] {
            shown[name] = FileManager.default.contents(atPath: "/proc/\(daemon.process.id)/\(name)")
        }
        let limits = try String(contentsOfFile: "/proc/\(daemon.process.id)/limits", encoding: .utf8)
        let cores = limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") }
        #expect(cores?.split(separator: " ").dropFirst(4).prefix(2) == ["0", "0"])
        await daemon.stop()
        shown.merge(try Self.files(below: daemon.directory.path)) { $1 }

        #expect(heard.withLock { $0 } == Set(Self.answers.map(\.model)))
        #expect(shown.count > 40 && shown.keys.contains { $0.hasSuffix("state/queue.sqlite") })
        #expect(Self.places(in: shown) == [])
        // Tests the search itself: it finds an existing key.
        #expect(try Self.places(in: Self.files(below: secrets.path)) == [secrets.path("key")])
        #expect(Self.places(in: ["x": Data("a\(Self.key.dropFirst(4).prefix(12))b".utf8)]) == ["x"])
    }
}
