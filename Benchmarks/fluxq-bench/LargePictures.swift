import FluxqControl
import FluxqControlClient
import FluxqModel
import Glibc

/// The daemon's peak memory while a 20 MiB picture is uploaded and sent, and four 20 MiB results are received at once.
enum LargePictures {
    private static let pictureBytes = 20 << 20
    private static let results = 4

    static func measure(_ work: WorkDirectory) async throws -> [Figure] {
        var figures: [Figure] = []
        for format in EditRequest.ResponseFormat.allCases {
            let directory = try WorkDirectory(in: work.path)
            figures += try await TestDaemon.run(in: directory) { daemon in
                try await measure(format, daemon, directory)
            }
        }
        return figures
    }

    private static func measure(
        _ format: EditRequest.ResponseFormat, _ daemon: TestDaemon, _ work: WorkDirectory
    ) async throws -> [Figure] {
        let memory = ProcessMemory(process: daemon.program.id)
        try memory.forgetPeak()
        let start = ContinuousClock.now
        let job = try await ControlClient.withConnection(to: daemon.socket) { client in
            var request = EditRequest.Draft()
            request.prompt = "larger sandbox:bytes=\(pictureBytes)"
            request.image = try await client.upload(bytes: pictureBytes, in: work)
            request.n = results
            request.responseFormat = format
            let submitted = try await client.submit(JobSubmission(request: request))
            return try await client.finished(submitted.document.id)
        }
        let elapsed = ContinuousClock.now - start
        guard job.images.map(\.bytes) == Array(repeating: Int64(pictureBytes), count: results) else {
            throw Failure("Job \(job.id) brought other pictures than asked for: \(job.images)")
        }
        try await fetchAll(job, from: daemon)
        let name = "\(pictureBytes >> 20) MiB in, \(results) × \(pictureBytes >> 20) MiB out, \(format.rawValue)"
        return [
            Figure(
                name: "peak memory, \(name)", value: try memory.peak, unit: "MB",
                note: "upload, call, archive and fetch, sandbox included; at most 150"),
            Figure(name: "memory after it", value: try memory.resident, unit: "MB"),
            Figure(name: "time, \(name)", value: elapsed / .seconds(1), unit: "s", note: "upload to done"),
        ]
    }

    /// Fetches all pictures concurrently.
    private static func fetchAll(_ job: JobDocument, from daemon: TestDaemon) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for image in job.images {
                group.addTask {
                    try await ControlClient.withConnection(to: daemon.socket) { client in
                        let nowhere = open("/dev/null", O_WRONLY)
                        defer { close(nowhere) }
                        try await client.image(job.id, index: image.index, into: nowhere)
                    }
                }
            }
        }
    }
}
