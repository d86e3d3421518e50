import FluxqControl
import FluxqTestSupport
import Foundation
import Testing

@Suite("Stopping and starting again", .timeLimit(.minutes(30)))
struct RestartTests {
    @Test(
        "after kill -9 calling jobs are unknown and not resent, archiving ones continue, queued ones stay"
    )
    func killed() async throws {
        let first = try await RunningDaemon(environment: ["FLUXQ_WORKERS_CONCURRENCY": "2"])
        // A link that fails until the daemon is gone: the job stays in archiving.
        #expect(
            try await first.run(
                ["submit", "--image", "-", "a sandbox:flaky-link=1000"], input: SamplePictures.png.bytes
            ).end == .exit(0))
        try await first.waitForEvent("answered")
        for _ in 0..<2 {
            _ = try await first.run(["submit", "--image", "-", "b sandbox:slow=600"], input: SamplePictures.png.bytes)
        }
        try await first.waitForEvent("claimed", count: 3)
        _ = try await first.run(["submit", "--image", "-", "c"], input: SamplePictures.png.bytes)
        #expect(await first.kill() == .signal(SIGKILL))

        let second = try await RunningDaemon(in: first.directory)
        for id in [2, 3] {
            let job = try await second.job(id)
            #expect(job.state == "failed" && job.reason == "outcome_unknown")
            #expect(job.message?.contains("may have been billed") == true)
        }
        #expect(try await second.fluxq("wait", "4").end == .exit(0))
        #expect(try await second.job(1).phase == "archiving")
        #expect(try second.ledger().count == 4)

        // Only a person resends it.
        #expect(try await second.fluxq("retry", "2").end == .exit(0))
        try await second.waitForEvent("retried")
        #expect(try await second.fluxq("cancel", "2").end == .exit(0))
    }

    @Test("a link that an earlier daemon received is fetched by the next one")
    func archivingGoesOn() async throws {
        // The first daemon does not accept pictures of that size; its administrator raises the limit and restarts it.
        let first = try await RunningDaemon(environment: ["FLUXQ_DOWNLOADS_MAX_BYTES": "1024"])
        #expect(
            try await first.run(["submit", "--image", "-", "a"], input: SamplePictures.png.bytes).end == .exit(0))
        try await first.waitForEvent("answered")
        await first.kill()
        let second = try await RunningDaemon(in: first.directory)
        let job = try await second.job(1)
        #expect(job.state == "running" && job.phase == "archiving")
        #expect(try await second.fluxq("wait", "1", "--timeout", "1500").end == .exit(0))
        #expect(try second.ledger().count == 1)
    }

    @Test("SIGTERM lets a call in flight be answered and recorded, then exits with 0")
    func drained() async throws {
        let first = try await RunningDaemon()
        _ = try await first.run(["submit", "--image", "-", "a sandbox:until=go"], input: SamplePictures.png.bytes)
        _ = try await first.run(
            ["submit", "--image", "-", "--at", "2100-01-01T00:00:00Z", "b"], input: SamplePictures.png.bytes)
        try await first.waitForEvent("claimed")
        first.process.send(SIGTERM)
        try first.letSandboxAnswer("go")
        #expect(await first.process.wait() == .exit(0))
        #expect(try Ledger(of: first).attempts == ["billed"])
        let second = try await RunningDaemon(in: first.directory)
        #expect(try await second.fluxq("wait", "1").end == .exit(0))
        #expect(try await second.job(2).state == "queued")
        #expect(try second.ledger().count(where: \.billed) == 1)
    }

    @Test("under a watchdog a stop is as clean as without one")
    func watchdog() async throws {
        let daemon = try await RunningDaemon(environment: ["WATCHDOG_USEC": "60000000"])
        #expect(await daemon.stop() == .exit(0))
        #expect(!FileManager.default.fileExists(atPath: daemon.socket))
    }

    @Test("after the time to drain the remaining calls are unknown, and the exit is clean")
    func drainEnds() async throws {
        let first = try await RunningDaemon(environment: ["FLUXQ_WORKERS_DRAIN_SECONDS": "1"])
        _ = try await first.run(["submit", "--image", "-", "a sandbox:slow=600"], input: SamplePictures.png.bytes)
        try await first.waitForEvent("claimed")
        // Once the sandbox's ledger has the request, it has been sent; before, it could still be not sent.
        try await Observation.wait { try !first.ledger().isEmpty }
        #expect(await first.stop() == .exit(0))
        #expect(try Ledger(of: first).attempts == ["unknown"])
    }

    @Test("a canceled job that was running keeps the pictures of its call")
    func canceled() async throws {
        let daemon = try await RunningDaemon()
        _ = try await daemon.run(["submit", "--image", "-", "a sandbox:until=go"], input: SamplePictures.png.bytes)
        try await daemon.waitForEvent("claimed")
        #expect(try await daemon.fluxq("cancel", "1").end == .exit(0))
        try daemon.letSandboxAnswer("go")
        #expect(try await daemon.fluxq("wait", "1").end == .exit(1))
        let job = try await daemon.job(1)
        #expect(job.reason == "canceled" && job.images.count == 1)
        #expect(try await daemon.fluxq("fetch", "1", "--output", daemon.directory.path("out")).end == .exit(0))
    }
}
