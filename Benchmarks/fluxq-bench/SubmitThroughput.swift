import FluxqControl
import FluxqControlClient
import FluxqModel

/// Submits that are acknowledged as durable, over the socket, one connection for each client. No jobs run meanwhile.
enum SubmitThroughput {
    static func measure(_ scale: Scale, _ work: WorkDirectory) async throws -> [Figure] {
        try await TestDaemon.run(in: work) { daemon in
            let image = try await ControlClient.withConnection(to: daemon.socket) { client in
                try await client.upload(bytes: SmallJob.inputBytes, in: work)
            }
            var figures: [Figure] = []
            for clients in [1, 16] {
                let rate = try await rate(daemon, image, clients: clients, seconds: scale.submitSeconds)
                figures.append(
                    Figure(
                        name: "submits, \(clients) \(clients == 1 ? "client" : "clients")", value: rate, unit: "/s",
                        note: "acknowledged as durable"))
            }
            return figures
        }
    }

    private static func rate(
        _ daemon: TestDaemon, _ image: EditRequest.Image, clients: Int, seconds: Int
    ) async throws -> Double {
        let submission = SmallJob.submission("later", image: image, runs: false)
        let start = ContinuousClock.now
        let end = start + .seconds(seconds)
        let count = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<clients {
                group.addTask {
                    try await ControlClient.withConnection(to: daemon.socket) { client in
                        var count = 0
                        while ContinuousClock.now < end {
                            _ = try await client.submit(submission)
                            count += 1
                        }
                        return count
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        return Double(count) / ((ContinuousClock.now - start) / .seconds(1))
    }
}
