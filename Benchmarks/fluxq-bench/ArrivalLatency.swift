import FluxqControl
import FluxqControlClient
import FluxqHost
import FluxqModel
import FluxqSandbox
import Glibc

/// The time from a submit's acknowledgement at the client to the arrival of the request's head at the API, one job
/// after the other.
enum ArrivalLatency {
    static func measure(_ scale: Scale, _ work: WorkDirectory) async throws -> [Figure] {
        try await TestDaemon.run(in: work) { daemon in
            let acknowledged = try await ControlClient.withConnection(to: daemon.socket) { client in
                let image = try await client.upload(bytes: SmallJob.inputBytes, in: work)
                var times: [String: Int64] = [:]
                for number in 1...scale.latencyJobs {
                    let submission = SmallJob.submission("job \(number)", image: image)
                    let job = try await client.submit(submission).document
                    times[job.request.prompt] = monotonicNanoseconds()
                    _ = try await client.finished(job.id)
                }
                return times
            }
            let latencies = try daemon.ledger.entries().compactMap { entry in
                entry.prompt.flatMap { acknowledged[$0] }.map {
                    Duration.nanoseconds(entry.receivedMonotonicNanoseconds - $0)
                }
            }
            guard latencies.count == scale.latencyJobs else {
                throw Failure("The API saw \(latencies.count) calls for \(scale.latencyJobs) jobs.")
            }
            let samples = try Samples(latencies)
            let name = "submit to arrival at the API"
            return [
                Figure(name: "\(name), median", value: samples.median, unit: "ms", note: "idle daemon"),
                Figure(name: "\(name), 99th percentile", value: samples.percentile99, unit: "ms"),
            ]
        }
    }

    /// Reads the clock of the sandbox's ledger, which all processes of the host share.
    private static func monotonicNanoseconds() -> Int64 {
        HostClock.monotonic().wholeNanoseconds
    }
}
