import FluxqControl
import FluxqTestSupport
import Foundation
import Testing

@Suite("A full disk under the daemon", .enabled(if: SmallFileSystem.isPossible), .timeLimit(.minutes(30)))
struct FullDiskTests {
    /// A daemon with its state on a small file system, and an API elsewhere.
    private struct Scene {
        let api: RunningDaemon
        let disk: SmallFileSystem
        let daemon: RunningDaemon

        init(_ environment: [String: String] = [:]) async throws {
            api = try await RunningDaemon()
            let directory = try TemporaryDirectory()
            disk = try SmallFileSystem(on: directory.path("state"), options: "size=64m,mode=0700")
            // The database and four pictures need about 24 MiB.
            daemon = try await RunningDaemon(
                in: directory,
                environment: ["FLUXQ_DOWNLOADS_MAX_BYTES": "2 MiB"].merging(environment) { $1 },
                api: api.sandboxAddress())
        }

        func submit(_ prompt: String, _ options: String...) async throws -> RunningDaemon.Run {
            try await daemon.run(["submit", "--image", "-"] + options + [prompt], input: SamplePictures.png.bytes)
        }

        /// The job ended although there should have been no room for its pictures.
        struct NotShort: Error {
            let state: String
        }

        /// Polls until a job's message says that the disk is full.
        func waitForShortage(of id: Int) async throws {
            while true {
                let job = try await daemon.job(id)
                if job.message?.contains("free disk space") == true { return }
                guard job.state == "running" else { throw NotShort(state: job.state) }
            }
        }
    }

    @Test("without room for the pictures of a call there are no calls; with it, everything continues automatically")
    func noCalls() async throws {
        let scene = try await Scene()
        try scene.disk.fill(leaving: 10 << 20)
        #expect(try await scene.submit("x sandbox:bytes=600000").end == .exit(0))
        try await Observation.wait { try await scene.daemon.job(1).waiting == "held" }
        let status = try await scene.daemon.fluxq("status")
        #expect(status.output.contains("The disk is full since"), "\(status.output)")
        #expect(status.output.contains("An administrator must free disk space"))
        #expect(try scene.api.ledger().isEmpty)
        scene.disk.empty()
        #expect(try await scene.daemon.fluxq("wait", "1", "--timeout", "1500").end == .exit(0))
        #expect(try await scene.daemon.fluxq("status").output.contains("The queue is running."))
        #expect(await scene.daemon.stop() == .exit(0))
        #expect(try Ledger(of: scene.daemon).attempts == ["billed"])
    }

    @Test("a submit and an upload are refused with what to do, and accepted again when there is room")
    func refused() async throws {
        let scene = try await Scene()
        try scene.disk.fill()
        let refused = try await scene.submit("x sandbox:bytes=600000")
        #expect(refused.end == .exit(75))
        #expect(refused.errors.contains("must free disk space"), "\(refused.errors)")
        #expect(try await scene.daemon.fluxq("status").end == .exit(0))
        scene.disk.empty()
        #expect(try await scene.submit("x sandbox:bytes=600000").end == .exit(0))
        #expect(try await scene.daemon.fluxq("wait", "1", "--timeout", "1500").end == .exit(0))
    }

    @Test(
        "paid pictures wait for room, inline or linked, however long that takes",
        arguments: ["sandbox:inline", "sandbox:link"])
    func archivingWaits(form: String) async throws {
        // The call's timeout passes while its answer waits.
        let scene = try await Scene(["FLUXQ_API_TIMEOUT_SECONDS": "15"])
        #expect(try await scene.submit("x \(form) sandbox:until=full sandbox:bytes=600000").end == .exit(0))
        try await Observation.wait { try await scene.daemon.job(1).phase == "calling" }
        try scene.disk.fill()
        try scene.api.letSandboxAnswer("full")
        try await scene.waitForShortage(of: 1)
        #expect(try await scene.daemon.fluxq("wait", "1", "--timeout", "17").end == .exit(75))
        let status = try await scene.daemon.fluxq("status", "1")
        #expect(status.output.contains("job 1: running"), "\(status.output)")
        #expect(status.output.contains("free disk space"))
        scene.disk.empty()
        #expect(try await scene.daemon.fluxq("wait", "1", "--timeout", "1500").end == .exit(0))
        let job = try await scene.daemon.job(1)
        #expect(job.images.map(\.bytes) == [600_000])
        #expect(await scene.daemon.stop() == .exit(0))
        #expect(try Ledger(of: scene.daemon).attempts == ["billed"])
        #expect(try scene.api.ledger().count == 1)
    }
}
