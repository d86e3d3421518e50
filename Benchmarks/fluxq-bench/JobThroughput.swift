import FluxqControl
import FluxqControlClient
import FluxqModel

/// Jobs from the submit to the picture in the archive. The sandbox answers immediately and shares the process and its
/// processors.
enum JobThroughput {
    private static let clients = 16

    static func measure(_ scale: Scale, _ work: WorkDirectory) async throws -> [Figure] {
        var figures: [Figure] = []
        for concurrency in [4, 16] {
            let directory = try WorkDirectory(in: work.path)
            let measured = try await TestDaemon.run(
                in: directory, environment: ["FLUXQ_WORKERS_CONCURRENCY": "\(concurrency)"]
            ) { daemon in
                try await rate(daemon, jobs: scale.throughputJobs, directory)
            }
            figures.append(
                Figure(
                    name: "jobs end to end, workers.concurrency \(concurrency)", value: measured, unit: "/s",
                    note: "\(clients) clients submit, link fetched and archived, no latency at the API"))
        }
        return figures
    }

    private static func rate(_ daemon: TestDaemon, jobs: Int, _ work: WorkDirectory) async throws -> Double {
        try await ControlClient.withConnection(to: daemon.socket) { client in
            let image = try await client.upload(bytes: SmallJob.inputBytes, in: work)
            let start = ContinuousClock.now
            try await withThrowingDiscardingTaskGroup { group in
                for first in 0..<clients {
                    group.addTask {
                        try await ControlClient.withConnection(to: daemon.socket) { client in
                            for number in stride(from: first, to: jobs, by: clients) {
                                _ = try await client.submit(SmallJob.submission("job \(number)", image: image))
                            }
                        }
                    }
                }
            }
            while true {
                let counts = try await client.queue().document.counts
                guard counts.failed == 0 else { throw Failure("\(counts.failed) jobs failed") }
                if counts.done == jobs { break }
                try await Task.sleep(for: .milliseconds(10))
            }
            return Double(jobs) / ((ContinuousClock.now - start) / .seconds(1))
        }
    }
}
