import FluxqControl
import FluxqModel
import FluxqTestSupport
import FluxqWords
import Foundation
import GRDB
import Synchronization
import Testing

/// The results of all rows, which are played at once to one daemon.
struct BadInputResults: Sendable {
    struct Result: Sendable {
        let run: RunningDaemon.Run
        let job: JobDocument
        let calls: [Ledger.Attempt]
        /// The message of its lost picture.
        let pictureMessage: String?
        /// Requests for the row: calls, and attempts to download its link.
        let requests: Int
    }

    let rows: [String: Result]
    /// Bytes.
    let idleMemory: Int
    let peakMemory: Int
    /// Everything that `fluxq` has printed about the jobs.
    let shown: String
}

/// Plays every row before the suite's tests check them one by one.
struct BadInputPlay: SuiteTrait, TestScoping {
    @TaskLocal static var results: BadInputResults?

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let results = try await Self.play()
        try await Self.$results.withValue(results) { try await function() }
    }

    /// Concurrent jobs.
    private static let width = 12

    private static func play() async throws -> BadInputResults {
        let requests = RequestCounts()
        let server = try ScriptedServer { try serve($0, requests) }
        defer { server.stop() }
        // A model with a price is available.
        let offered = (["warm-up"] + BadInputRow.all.map(\.name)).map { "\($0)=0" }.joined(separator: ",")
        let daemon = try await RunningDaemon(
            environment: [
                "FLUXQ_API_BASE_URL": "http://127.0.0.1:\(server.port)/v1", "FLUXQ_API_KEY": "test",
                "FLUXQ_API_TIMEOUT_SECONDS": "10", "FLUXQ_DOWNLOADS_TRUSTED_HOSTS": "127.0.0.1:\(server.port)",
                "FLUXQ_DOWNLOADS_MAX_BYTES": "\(1 << 20)", "FLUXQ_WORKERS_MAX_ATTEMPTS": "1",
                "FLUXQ_WORKERS_CONCURRENCY": "\(width)", "FLUXQ_PRICES": offered,
            ], isSandboxed: false)
        // A good job with the largest picture loads everything that any job needs.
        let large = SamplePictures.jpeg.bytes + [UInt8](repeating: 0, count: 15 << 20)
        let first = try await submit("warm-up", large, to: daemon)
        #expect(first.end == .exit(0), "\(first.errors)")
        let idle = try daemon.peakMemory()

        let runs = try await withThrowingTaskGroup(of: (String, RunningDaemon.Run).self) { plays in
            var runs: [String: RunningDaemon.Run] = [:]
            for (place, row) in BadInputRow.all.enumerated() {
                if place >= width, let (name, run) = try await plays.next() { runs[name] = run }
                plays.addTask { (row.name, try await submit(row.name, row.input, to: daemon)) }
            }
            for try await (name, run) in plays { runs[name] = run }
            return runs
        }
        let peak = try daemon.peakMemory()
        let ids = runs.values.compactMap { $0.lines.first }
        let status = try await daemon.run(["status", "--json"] + ids)
        let jobs = try status.lines.map { try JSONDecoder().decode(JobDocument.self, from: Data($0.utf8)) }
        let shown = [
            status, try await daemon.run(["status"] + ids), try await daemon.run(["list", "--limit", "1000"]),
            try await daemon.run(["list", "--json", "--limit", "1000"]), try await daemon.run(["status"]),
        ]
        await daemon.stop()
        let ledger = try Ledger(of: daemon)
        let lost = try pictureMessages(of: daemon)

        var rows: [String: BadInputResults.Result] = [:]
        for (name, run) in runs {
            let job = try #require(jobs.first { "\($0.id)" == run.lines.first }, "\(name): \(run.errors)")
            rows[name] = .init(
                run: run, job: job, calls: ledger.calls.filter { $0.job == job.id }, pictureMessage: lost[job.id],
                requests: requests.count(of: name))
        }
        return BadInputResults(
            rows: rows, idleMemory: idle, peakMemory: peak,
            shown: (shown + Array(runs.values)).map { $0.output + $0.errors }.joined())
    }

    private static func submit(
        _ name: String, _ input: [UInt8], to daemon: RunningDaemon
    ) async throws -> RunningDaemon.Run {
        try await daemon.run(["submit", "--image", "-", "--model", name, "--wait", "x"], input: input)
    }

    private static func pictureMessages(of daemon: RunningDaemon) throws -> [Int64: String] {
        try DatabaseQueue(path: daemon.directory.path("state/queue.sqlite")).read { db in
            let rows = try Row.fetchAll(db, sql: "SELECT job, message FROM pictures WHERE message IS NOT NULL")
            return Dictionary(rows.map { ($0["job"], PictureTrouble(json: $0["message"]).words) }) { $1 }
        }
    }

    /// Answers a call by its model, and a link by its path.
    private static func serve(_ peer: ScriptedPeer, _ requests: RequestCounts) throws {
        let head = try peer.readHead()
        if head.hasPrefix("GET /") {
            let name = String(head.dropFirst(5).prefix { $0 != "?" && $0 != " " })
            requests.add(name)
            return try BadInputRow.all.first { $0.name == name }?.serve(peer) ?? peer.answer("404 None", "")
        }
        let length = ScriptedPeer.bodyLength(in: head)
        // The beginning of the body names the call's row; the rest is read later.
        let beginning = String(decoding: try peer.readBody(min(length, 100)), as: UTF8.self)
        let name = String(beginning.split(separator: "\"model\":\"").last?.prefix { $0 != "\"" } ?? "")
        requests.add(name)
        if name != "answered-unread" { try peer.skip(length - min(length, 100)) }
        guard let row = BadInputRow.all.first(where: { $0.name == name }), !row.isLink else {
            // The link expires soon, so that a job with a bad link ends.
            let path = name == "warm-up" ? "link-http-1.0" : name
            let expires = Int(Date().timeIntervalSince1970) + (name == "warm-up" ? 3600 : 6)
            let link = "http://127.0.0.1:\(try peer.localPort())/\(path)?Expires=\(expires)"
            return try peer.answer("200 OK", #"{"data":[{"url":"\#(link)"}]}"#)
        }
        try row.serve(peer)
    }
}

private final class RequestCounts: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    func add(_ name: String) { counts.withLock { $0[name, default: 0] += 1 } }

    func count(of name: String) -> Int { counts.withLock { $0[name] ?? 0 } }
}

@Suite("An API that misbehaves ends within its limits", BadInputPlay(), .timeLimit(.minutes(30)))
struct BadInputTests {
    /// Over the memory for one good job with a large picture.
    private static let memoryLimitBytes = 64 << 20

    @Test("each in its own way, with the right reason", arguments: BadInputRow.all)
    func row(_ row: BadInputRow) throws {
        let result = try #require(BadInputPlay.results?.rows[row.name])
        let job = result.job
        #expect(job.state == row.state.rawValue, "\(result.run.errors)")
        #expect(job.reason == row.reason?.rawValue, "\(job.message ?? "")")
        #expect(job.attempts == 1)
        #expect(job.images.count == row.images)
        #expect(result.calls.map(\.outcome) == [row.call.rawValue], "\(result.calls)")
        #expect(result.calls.map(\.billing) == [row.call.billing.rawValue])
        #expect((job.message ?? "").count <= 2000)
        let said = row.isLink ? result.pictureMessage : result.calls.first?.message ?? job.message
        let messages = [said, job.message].compactMap(\.self).joined(separator: "\n")
        #expect(row.says.isEmpty || messages.contains(row.says), "\(messages)")
        // One call; for a link, one request per attempt and at most two redirects.
        if !row.isLink { #expect(result.requests == 1) }
        if row.name == "link-redirects" { #expect(result.requests % 3 == 1) }
    }

    @Test("and the daemon's memory stays flat")
    func memory() throws {
        let results = try #require(BadInputPlay.results)
        let grown = results.peakMemory - results.idleMemory
        print(
            "bad input: \(results.idleMemory >> 20) MiB after one good job, \(results.peakMemory >> 20) MiB after all")
        #expect(grown < Self.memoryLimitBytes, "\(results.idleMemory) → \(results.peakMemory) bytes")
    }

    @Test("and no terminal control characters are ever shown")
    func escapes() throws {
        let shown = try #require(BadInputPlay.results?.shown)
        let obeyed = shown.unicodeScalars.filter { scalar in
            switch scalar.value {
            case 0x0A: false
            case 0..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
            default: false
            }
        }
        #expect(obeyed.isEmpty, "\(obeyed.map { String($0.value, radix: 16) })")
    }
}
