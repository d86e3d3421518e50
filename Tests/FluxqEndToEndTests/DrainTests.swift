import FluxqControl
import FluxqModel
import FluxqTestSupport
import Foundation
import Testing

@Suite("Draining", .timeLimit(.minutes(30)))
struct DrainTests {
    @Test("with twenty calls in flight none is unknown, and clients are served to the end")
    func twenty() async throws {
        let daemon = try await RunningDaemon(environment: ["FLUXQ_WORKERS_CONCURRENCY": "20"])
        // One uploaded picture, so that twenty submits take only a moment.
        let image = try JSONDecoder().decode(
            JobDocument.self,
            from: Data(
                try await daemon.run(
                    ["submit", "--json", "--at", "2100-01-01T00:00:00Z", "--image", "-", "x"],
                    input: SamplePictures.png.bytes
                ).output.utf8)
        ).request.image?.wire
        let picture = try #require(image)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<20 {
                group.addTask {
                    _ = try await daemon.fluxq("submit", "--image", picture, "\(number) sandbox:until=stopping")
                }
            }
            try await group.waitForAll()
        }
        try await daemon.waitForEvent("claimed", count: 20)
        try await Observation.wait { try daemon.ledger().count == 20 }
        let waiter = try ChildProcess(
            RunningDaemon.executable("fluxq"), ["wait", "2", "--socket", daemon.socket],
            environment: RunningDaemon.baseEnvironment, directory: daemon.directory.path)
        daemon.process.send(SIGTERM)
        let notice = await daemon.nextNotice()
        #expect(notice.contains("STOPPING=1") && notice.contains("EXTEND_TIMEOUT_USEC=130000000"), "\(notice)")

        // Requests are still answered and submits accepted: the job waits for the next start.
        #expect(try await daemon.job(2).phase == "calling")
        #expect(try await daemon.fluxq("submit", "--image", picture, "late").lines == ["22"])
        try daemon.letSandboxAnswer("stopping")
        #expect(await daemon.process.wait() == .exit(0))
        #expect(try Ledger(of: daemon).attempts == Array(repeating: "billed", count: 20))
        #expect(try daemon.ledger().count == 20)

        // Links that were not downloaded before are downloaded now, and a waiting client has waited through the
        // restart.
        let next = try await RunningDaemon(in: daemon.directory)
        #expect(await waiter.wait() == .exit(0), "\(waiter.errors)")
        #expect(try await next.fluxq("wait", "22").end == .exit(0))
    }

    @Test("a second SIGTERM abandons the calls in flight: they are unknown, and the exit is clean")
    func secondSignal() async throws {
        let daemon = try await RunningDaemon()
        _ = try await daemon.run(["submit", "--image", "-", "a sandbox:slow=600"], input: SamplePictures.png.bytes)
        try await daemon.waitForEvent("claimed")
        try await Observation.wait { try !daemon.ledger().isEmpty }
        daemon.process.send(SIGTERM)
        #expect(await daemon.nextNotice().contains("STOPPING=1"))
        #expect(try await daemon.job(1).phase == "calling")
        #expect(await daemon.stop() == .exit(0))
        #expect(try Ledger(of: daemon).attempts == ["unknown"])
        let next = try await RunningDaemon(in: daemon.directory)
        #expect(try await next.job(1).reason == "outcome_unknown")
    }

    @Test("a call abandoned in the middle of its answer keeps the pictures that had arrived")
    func inTheMiddle() async throws {
        let daemon = try await RunningDaemon()
        let prompt = "a sandbox:stall-after=3 sandbox:inline sandbox:bytes=300000"
        _ = try await daemon.run(["submit", "--image", "-", "--n", "4", prompt], input: SamplePictures.png.bytes)
        let incoming = daemon.directory.path("state/incoming")
        try await Observation.wait {
            // A complete picture has its call and its index in its file name.
            try FileManager.default.contentsOfDirectory(atPath: incoming).contains { $0.hasPrefix("1-1-1-") }
        }
        daemon.process.send(SIGTERM)
        #expect(await daemon.nextNotice().contains("STOPPING=1"))
        #expect(await daemon.stop() == .exit(0))
        #expect(try Ledger(of: daemon).attempts == ["billed"])
        let next = try await RunningDaemon(in: daemon.directory)
        let job = try await next.job(1)
        #expect(job.state == "done")
        #expect(job.images.count >= 2)
        #expect(job.warning?.contains("of 4 pictures came; the answer was cut off: ") == true, "\(job.warning ?? "")")
    }
}
