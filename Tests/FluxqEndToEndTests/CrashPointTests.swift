import FluxqTestSupport
import Glibc
import Testing

@Suite("Crash points")
struct CrashPointTests {
    @Test(
        "a debug build kills itself when it passes the named point for the Nth time; the submit gets its one job after that"
    )
    func death() async throws {
        let directory = try TemporaryDirectory()
        let daemon = try await RunningDaemon(
            in: directory, environment: ["FLUXQ_CRASH_POINT": "submitCommitted:2"])
        #expect(
            try await daemon.run(["submit", "--image", "-", "one"], input: SamplePictures.png.bytes).end == .exit(0))
        async let second = daemon.run(["submit", "--image", "-", "two"], input: SamplePictures.png.bytes)
        #expect(await daemon.process.wait() == .signal(SIGKILL))

        // The job was queued, but its number was never returned: the client resends its request and gets the same job.
        let next = try await RunningDaemon(in: directory)
        let submit = try await second
        #expect(submit.end == .exit(0) && submit.output == "2\n", "\(submit.errors)")
        let jobs = try await next.fluxq("wait", "1", "2")
        #expect(jobs.lines.count == 2, "\(jobs.output)\(jobs.errors)")
        await next.stop()
    }

    @Test("a stop at the moment of readiness is clean, however many clients are connecting")
    func earlyStop() async throws {
        for _ in 0..<10 {
            let daemon = try await RunningDaemon()
            async let visits: Void = withTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    // Their answers do not matter: the daemon is stopping.
                    group.addTask {
                        _ = try? await daemon.shell("curl -s --unix-socket \(daemon.socket) http://fluxq/v1/queue")
                    }
                }
            }
            #expect(await daemon.stop() == .exit(0), "\(daemon.process.errors)")
            await visits
        }
    }
}
