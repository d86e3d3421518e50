import FluxqTestSupport
import Foundation
import Testing

@Suite("Reloading the configuration", .timeLimit(.minutes(30)))
struct ReloadTests {
    private let directory: TemporaryDirectory
    private var file: String { directory.path("fluxqd.yaml") }

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func write(_ yaml: String) throws {
        try yaml.write(toFile: file, atomically: true, encoding: .utf8)
    }

    private func submit(_ daemon: RunningDaemon) async throws -> ChildProcess.End {
        try await daemon.run(
            ["submit", "--image", "-", "--at", "2100-01-01T00:00:00Z", "a"], input: SamplePictures.png.bytes
        ).end
    }

    /// Sends SIGHUP and waits until the daemon has reported the end of the reload to its service manager.
    private func reload(_ daemon: RunningDaemon) async throws -> String {
        daemon.process.send(SIGHUP)
        let begun = await daemon.notice()
        #expect(begun.wholeMatch(of: /RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*/) != nil, "\(begun)")
        let done = await daemon.notice()
        #expect(done.hasPrefix("READY=1\nSTATUS="), "\(done)")
        return done
    }

    @Test("applies what can change while running, and names what needs a restart")
    func changes() async throws {
        try write("limits: {queued_jobs: 1}\n")
        let daemon = try await RunningDaemon(in: directory, arguments: ["--config", file])
        #expect(try await submit(daemon) == .exit(0))
        #expect(try await submit(daemon) == .exit(75))

        try write(
            """
            api: {base_url: "http://127.0.0.1:1/v1", timeout_seconds: 20}
            workers: {concurrency: 2, max_attempts: 3}
            limits: {queued_jobs: 2}
            access: {admins: [4203]}
            prices: {m: 0.5}
            """)
        let status = try await reload(daemon)
        #expect(status.contains("api.base_url needs a restart"))
        #expect(try await submit(daemon) == .exit(0))
        #expect(try await submit(daemon) == .exit(75))
        let log = daemon.process.errors
        #expect(log.contains("key=api.base_url") && log.contains("systemctl restart fluxqd"), "\(log)")
        for key in ["api.timeout_seconds", "workers.concurrency", "limits.queued_jobs", "access.admins", "prices"] {
            #expect(log.contains(key), "\(key): \(log)")
        }
        if OtherUser.isPossible {
            #expect(try await daemon.fluxq(as: 4203, ["pause"]).end == .exit(0))
            #expect(try await daemon.fluxq(as: 4202, ["resume"]).end == .exit(77))
        }
        // A key that needs a restart is reported again, and the stand-in is still called.
        #expect(try await reload(daemon).contains("api.base_url needs a restart"))
        if OtherUser.isPossible { #expect(try await daemon.fluxq("resume").end == .exit(0)) }
        try write("limits: {queued_jobs: 9}\n")
        #expect(try await reload(daemon).contains("STATUS=The configuration was reloaded."))
        #expect(
            try await daemon.run(["submit", "--image", "-", "--wait", "b"], input: SamplePictures.png.bytes).end
                == .exit(0))
    }

    @Test("a file with a mistake changes nothing, and the log names its line and the remedy")
    func mistake() async throws {
        try write("limits: {queued_jobs: 1}\n")
        let daemon = try await RunningDaemon(in: directory, arguments: ["--config", file])
        #expect(try await submit(daemon) == .exit(0))
        try write("limits:\n  queued_jobs: 5\nworkers:\n  concurency: 3\naccess:\n  admins: [no-such-user]\n")
        #expect(try await reload(daemon).contains("failed"))
        #expect(try await submit(daemon) == .exit(75))
        let log = daemon.process.errors
        #expect(log.contains("\(file):4: workers.concurency is not a key of fluxqd. Did you mean workers.concurrency?"))
        #expect(log.contains("\(file):6: access.admins") && log.contains("no-such-user"))
        #expect(log.contains("nothing has changed"))
        #expect(await daemon.stop() == .exit(0))
    }

    @Test("calls in flight are still answered after a reload, and more begin if more are allowed")
    func concurrency() async throws {
        try write("workers: {concurrency: 1}\n")
        let daemon = try await RunningDaemon(in: directory, arguments: ["--config", file])
        for _ in 0..<2 {
            _ = try await daemon.run(["submit", "--image", "-", "b sandbox:slow=30"], input: SamplePictures.png.bytes)
        }
        try await daemon.waitForEvent("claimed")
        try write("workers: {concurrency: 2}\n")
        _ = try await reload(daemon)
        try await daemon.waitForEvent("claimed", count: 2)
        let done = try await daemon.run(["list", "--state", "done", "--json"])
        #expect(done.lines == ["[]"])
        #expect(try await daemon.fluxq("wait", "1", "2").end == .exit(0))
        #expect(try daemon.ledger().count(where: \.billed) == 2)
    }
}
