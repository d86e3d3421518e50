import FluxqControl
import FluxqControlClient
import FluxqModel

/// Follows a job to its end by long polls, over a restart of the daemon as well.
struct JobWatch {
    let socket: ControlSocket
    let console: Console
    /// nil to wait as long as it takes.
    let deadline: ContinuousClock.Instant?
    /// Between two attempts to reach a daemon that is away.
    var restartPause = Duration.seconds(1)

    enum Ending {
        case finished(Answered<JobDocument>)
        case timedOut(JobDocument)
    }

    /// How long a daemon may be away in the middle of waiting; a stop drains its calls for up to 100 seconds.
    static let restartPatience = Duration.seconds(150)
    /// A terminal is shown every second what the job does; otherwise one poll lasts as long as it may.
    static let livePollSeconds = 1
    /// Polls never come faster, whatever the daemon answers.
    static let leastPause = Duration.milliseconds(200)

    func follow(_ id: Int64) async throws -> Ending {
        let live = LiveLine(console)
        defer { live.clear() }
        var lastAnswer: ContinuousClock.Instant?
        while true {
            do {
                return try await ControlClient.withConnection(to: socket) { client in
                    while true {
                        let began = ContinuousClock.now
                        let answer = try await client.job(id, waitSeconds: pollSeconds(live: live.isShown))
                        lastAnswer = .now
                        let words = JobWords(answer.document)
                        if words.isFinished { return .finished(answer) }
                        if let deadline, deadline <= .now { return .timedOut(answer.document) }
                        live.show(words.live(now: .now()))
                        try await Task.sleep(until: began + Self.leastPause)
                    }
                }
            } catch let error as ControlClientError where error.isRestart {
                // Before the first answer there is nothing to come back to.
                guard let lastAnswer, .now - lastAnswer < Self.restartPatience else { throw error }
                if let deadline, deadline <= .now { throw error }
                live.show("job \(id)  the daemon is away; trying again")
                try await Task.sleep(for: restartPause)
            }
        }
    }

    private func pollSeconds(live: Bool) -> Int {
        let most = live ? Self.livePollSeconds : ControlClient.maxWaitSeconds
        guard let deadline else { return most }
        let left = deadline - .now
        return left <= .zero ? 0 : min(most, Int(left.components.seconds) + 1)
    }
}

extension ControlClientError {
    /// What a daemon looks like that is being restarted.
    fileprivate var isRestart: Bool {
        switch self {
        case .noDaemon, .connectionLost: true
        default: false
        }
    }
}
