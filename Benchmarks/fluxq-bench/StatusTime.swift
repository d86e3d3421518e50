import FluxqControl
import FluxqControlClient
import FluxqModel
import NIOPosix

/// `fluxq status` as a shell runs it: a complete process, from its start to its end.
enum StatusTime {
    private static let queuedJobs = 20
    private static let doneJobs = 20

    static func measure(_ scale: Scale, _ work: WorkDirectory) async throws -> [Figure] {
        try await TestDaemon.run(in: work) { daemon in
            try await fill(daemon, work)
            let log = work.path("fluxq.log")
            let times = try await NIOThreadPool.singleton.runIfActive {
                try (0..<scale.statusRuns).map { _ in try time(daemon.socket.path, log: log) }
            }
            let samples = try Samples(times)
            return [
                Figure(
                    name: "fluxq status, median", value: samples.median, unit: "ms",
                    note: "the whole process; \(queuedJobs) jobs queued, \(doneJobs) done")
            ]
        }
    }

    private static func time(_ socket: String, log: String) throws -> Duration {
        let start = ContinuousClock.now
        let program = try Program(
            "fluxq", ["status"], environment: ["FLUXQ_SOCKET": socket, "PATH": "/usr/bin:/bin"], log: log)
        guard program.wait() == 0 else { throw Failure("fluxq status failed") }
        return .now - start
    }

    private static func fill(_ daemon: TestDaemon, _ work: WorkDirectory) async throws {
        try await ControlClient.withConnection(to: daemon.socket) { client in
            let image = try await client.upload(bytes: SmallJob.inputBytes, in: work)
            for number in 1...queuedJobs {
                let job = SmallJob.submission("later \(number)", image: image, runs: false)
                _ = try await client.submit(job)
            }
            for number in 1...doneJobs {
                let job = try await client.submit(SmallJob.submission("now \(number)", image: image))
                _ = try await client.finished(job.document.id)
            }
        }
    }
}
