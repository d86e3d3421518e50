import FluxqControl
import FluxqTestSupport
import Foundation
import Glibc
import Testing

@Suite("Answers and kill -9", .timeLimit(.minutes(30)))
struct InlineAnswerTests {
    /// A call, the moment of the kill, and the result after the next start.
    struct Row: CustomTestStringConvertible, Sendable {
        let point: String
        let prompt: String
        let form: String
        let n: Int
        var state = "done"
        var reason: String?
        let pictures: Int
        /// A part of the job's warning; nil if there is none.
        var warning: String?

        var testDescription: String { "\(point), \(form) n=\(n), \(prompt)" }

        static let all = [
            // Each picture is kept once its text is complete, even if the answer is still arriving.
            Row(
                point: "inlinePictureReceived:1", prompt: "a", form: "b64_json", n: 4, pictures: 1,
                warning: "1 of 4 pictures came; the answer was cut off: fluxqd was stopped"),
            Row(
                point: "inlinePictureReceived:3", prompt: "a", form: "b64_json", n: 4, pictures: 3,
                warning: "3 of 4 pictures came; the answer was cut off: fluxqd was stopped"),
            Row(
                point: "inlinePictureReceived:4", prompt: "a", form: "b64_json", n: 4, pictures: 4,
                warning: "All 4 pictures came; the answer was cut off: fluxqd was stopped"),
            Row(
                point: "inlinePictureReceived:1", prompt: "a", form: "b64_json", n: 1, pictures: 1,
                warning: "The picture came; the answer was cut off: fluxqd was stopped"),
            Row(
                point: "inlinePictureReceived:1", prompt: "a sandbox:bytes=3000000", form: "b64_json", n: 2,
                pictures: 1, warning: "1 of 2 pictures came"),
            // The whole answer is kept once its last byte has arrived.
            Row(point: "answerRead:1", prompt: "a", form: "b64_json", n: 4, pictures: 4),
            Row(point: "answerRead:1", prompt: "a", form: "url", n: 2, pictures: 2),
            Row(point: "answerRead:1", prompt: "a sandbox:both", form: "url", n: 2, pictures: 2),
            Row(
                point: "answerRead:1", prompt: "a sandbox:fewer=1", form: "b64_json", n: 2, pictures: 1,
                warning: "1 of 2 pictures came"),
            Row(
                point: "answerRead:1", prompt: "a sandbox:rejected", form: "url", n: 1, state: "failed",
                reason: "rejected", pictures: 0),
            Row(
                point: "answerRead:1", prompt: "a sandbox:empty", form: "url", n: 1, state: "failed",
                reason: "no_image", pictures: 0),
            Row(
                point: "answerRead:1", prompt: "a sandbox:server-error sandbox:times=1", form: "url", n: 1, pictures: 1),
            // Between any two steps of archiving it.
            Row(point: "fileLinked:1", prompt: "a", form: "b64_json", n: 4, pictures: 4),
            Row(point: "fileLinked:4", prompt: "a", form: "b64_json", n: 4, pictures: 4),
            Row(point: "inlinePictureArchived:1", prompt: "a", form: "b64_json", n: 4, pictures: 4),
            Row(point: "inlinePictureArchived:4", prompt: "a", form: "b64_json", n: 4, pictures: 4),
            Row(point: "answerRecorded:1", prompt: "a", form: "b64_json", n: 4, pictures: 4),
            Row(point: "answerForgotten:1", prompt: "a", form: "b64_json", n: 4, pictures: 4),
            // Nothing of it had arrived.
            Row(
                point: "answerHeadReceived:1", prompt: "a", form: "b64_json", n: 1, state: "failed",
                reason: "outcome_unknown", pictures: 0),
            Row(
                point: "answerBegun:1", prompt: "a", form: "b64_json", n: 1, state: "failed", reason: "outcome_unknown",
                pictures: 0),
        ]
    }

    private func submit(_ row: Row, to daemon: RunningDaemon) async throws {
        // The submit may lose its connection together with the daemon.
        _ = try await daemon.run(
            [
                "submit", "--image", "-", "--n", "\(row.n)", "--response-format", row.form, "--key", "k", row.prompt,
            ], input: SamplePictures.png.bytes)
    }

    private func check(_ row: Row, on daemon: RunningDaemon) async throws {
        _ = try await daemon.fluxq("wait", "1", "--timeout", "100")
        let job = try await daemon.job(1)
        #expect(job.state == row.state && job.reason == row.reason, "\(job.message ?? "")")
        #expect(job.images.count == row.pictures)
        if let warning = row.warning {
            #expect(job.warning?.contains(warning) == true, "\(job.warning ?? "none")")
        } else {
            #expect(job.warning == nil)
        }
        #expect(try daemon.ledger().count(where: \.billed) <= 1)
        if row.pictures > 0 {
            let fetched = try await daemon.fluxq("fetch", "1", "--output", daemon.directory.path("out"))
            #expect(fetched.end == .exit(0) && fetched.lines.count == row.pictures, "\(fetched.errors)")
        }
        #expect(await daemon.stop() == .exit(0))
        #expect(try daemon.directory.incoming(ofState: "state") == [])
    }

    @Test("the part of an answer that was read is kept", arguments: Row.all)
    func killed(_ row: Row) async throws {
        let directory = try TemporaryDirectory()
        let first = try await RunningDaemon(in: directory, environment: ["FLUXQ_CRASH_POINT": row.point])
        try await submit(row, to: first)
        #expect(await first.process.wait() == .signal(SIGKILL))
        try await check(row, on: RunningDaemon(in: directory))
    }

    @Test(
        "a start that is killed while it recovers an answer leaves it for the next one",
        arguments: [
            "fileSynced:1", "fileLinked:1", "inlinePictureArchived:1", "answerTakenBack:1", "answerForgotten:1",
        ])
    func killedTwice(_ point: String) async throws {
        let row = Row(point: "answerRead:1", prompt: "a", form: "b64_json", n: 2, pictures: 2)
        let directory = try TemporaryDirectory()
        let first = try await RunningDaemon(in: directory, environment: ["FLUXQ_CRASH_POINT": row.point])
        try await submit(row, to: first)
        #expect(await first.process.wait() == .signal(SIGKILL))
        // It may die before it reports readiness.
        if let second = try? await RunningDaemon(in: directory, environment: ["FLUXQ_CRASH_POINT": point]) {
            #expect(await second.process.wait() == .signal(SIGKILL))
        }
        try await check(row, on: RunningDaemon(in: directory))
    }

    @Test("a repair between the kill and the next start removes nothing")
    func repaired() async throws {
        let row = Row(point: "inlinePictureArchived:4", prompt: "a", form: "b64_json", n: 4, pictures: 4)
        let directory = try TemporaryDirectory()
        let first = try await RunningDaemon(in: directory, environment: ["FLUXQ_CRASH_POINT": row.point])
        try await submit(row, to: first)
        #expect(await first.process.wait() == .signal(SIGKILL))
        // An old date, so that files without a row count as leftovers.
        let objects = directory.path("state/objects/sha256")
        for name in try FileManager.default.subpathsOfDirectory(atPath: objects) where name.count > 64 {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -100_000)], ofItemAtPath: "\(objects)/\(name)")
        }
        let repair = try await first.check("--repair")
        #expect(repair.findings.contains { $0.repair?.contains("Moved to stray") ?? false }, "\(repair)")
        try await check(row, on: RunningDaemon(in: directory))
    }

    @Test("an answer that breaks off keeps its complete pictures, billed once")
    func brokenOff() async throws {
        let daemon = try await RunningDaemon()
        _ = try await daemon.run(
            [
                "submit", "--wait", "--image", "-", "--n", "4", "--response-format", "b64_json", "a sandbox:truncated",
            ], input: SamplePictures.png.bytes)
        let job = try await daemon.job(1)
        #expect(job.state == "done" && (1...3).contains(job.images.count), "\(job.message ?? "")")
        #expect(
            job.warning?.contains("\(job.images.count) of 4 pictures came; the answer was cut off: ") == true,
            "\(job.warning ?? "none")")
        #expect(try Ledger(of: daemon).attempts == ["billed"])
        await daemon.stop()
    }
}
