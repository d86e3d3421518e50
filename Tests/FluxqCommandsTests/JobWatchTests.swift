import FluxqControl
import FluxqControlClient
import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqCommands

@Suite("Waiting for a job", .timeLimit(.minutes(30)))
struct JobWatchTests {
    private let directory: TemporaryDirectory
    private let silent = FileHandle(forWritingAtPath: "/dev/null")

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func json(_ state: String) -> String {
        """
        {"id":42,"state":"\(state)","owner":"alice","uid":1000,"priority":0,"created_at":"2026-11-22T10:00:00.123Z",
         "attempts":1,"request":{"model":"m","prompt":"p","seed":7,"response_format":"url"},"images":[]}
        """
    }

    private func watch(seconds: Int?) throws -> JobWatch {
        let null = try #require(silent).fileDescriptor
        return JobWatch(
            socket: ControlSocket(option: directory.path("s"), environment: nil),
            console: Console(json: false, output: null, errors: null),
            deadline: seconds.map { .now + .seconds($0) }, pause: .zero, longestHold: .seconds(3600),
            restartPause: .zero)
    }

    @Test("polls continue until the job has ended")
    func polls() async throws {
        let states = ["queued", "running", "failed"].map(json)
        _ = try ScriptedDaemon(
            directory.path("s"),
            [
                { peer in
                    for state in states {
                        let head = try peer.readHead()
                        #expect(head.hasPrefix("GET /v1/jobs/42?wait=10 "))
                        try peer.answer("200 OK", state)
                    }
                }
            ])
        guard case .finished(let job) = try await watch(seconds: nil).follow(42) else {
            Issue.record("timed out without a time")
            return
        }
        #expect(job.document.state == "failed")
    }

    @Test("waiting continues through a restart of the daemon")
    func restart() async throws {
        let running = json("running"), done = json("done")
        _ = try ScriptedDaemon(
            directory.path("s"),
            [
                { peer in
                    _ = try peer.readHead()
                    try peer.answer("200 OK", running)
                    _ = try peer.readHead()
                },
                { peer in _ = try peer.readHead() },
                { peer in
                    _ = try peer.readHead()
                    try peer.answer("200 OK", done)
                },
            ])
        guard case .finished(let job) = try await watch(seconds: nil).follow(42) else {
            Issue.record("timed out without a time")
            return
        }
        #expect(job.document.state == "done")
    }

    @Test("a restart before the first answer is waited for, as by every other verb")
    func restartAtFirst() async throws {
        let done = json("done")
        _ = try ScriptedDaemon(
            directory.path("s"),
            [
                { peer in _ = try peer.readHead() },
                { peer in
                    _ = try peer.readHead()
                    try peer.answer("200 OK", done)
                },
            ])
        guard case .finished(let job) = try await watch(seconds: nil).follow(42) else {
            Issue.record("timed out without a time")
            return
        }
        #expect(job.document.state == "done")
    }

    @Test(
        "a missing daemon is waited for until the patience or the given time is over",
        arguments: [nil, 0])
    func never(_ seconds: Int?) async throws {
        var watch = try watch(seconds: seconds)
        if seconds == nil { watch.firstPatience = .none }
        await #expect(throws: ControlClientError.noDaemon(path: directory.path("s"), .missing)) {
            _ = try await watch.follow(42)
        }
    }

    @Test("a timeout of zero polls once")
    func timeout() async throws {
        let running = json("running")
        _ = try ScriptedDaemon(
            directory.path("s"),
            [
                { peer in
                    let head = try peer.readHead()
                    #expect(head.hasPrefix("GET /v1/jobs/42 "))
                    try peer.answer("200 OK", running)
                }
            ])
        guard case .timedOut(let job) = try await watch(seconds: 0).follow(42) else {
            Issue.record("a running job is not at its end")
            return
        }
        #expect(job.state == "running")
    }
}
