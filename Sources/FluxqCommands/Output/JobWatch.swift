import FluxqControl
import FluxqControlClient
import FluxqModel

/// Follows a job to its end by long polls, over a restart of the daemon as well.
struct JobWatch {
    let socket: ControlSocket
    let console: Console
    /// nil to wait as long as it takes.
    let deadline: ContinuousClock.Instant?
    /// When the job was last known to be there; nil if it has to be found first.
    var known: ContinuousClock.Instant?
    /// About how long no place is held after each time.
    var pause = Duration.seconds(1)
    /// Until the first answer, and never beyond the deadline; after that it has patience of its own.
    var firstPatience = Patience.atThePrompt
    /// Between two attempts to reach a daemon that is away.
    var restartPause = Duration.seconds(1)

    enum Ending {
        case finished(Answered<JobDocument>)
        case timedOut(JobDocument)
    }

    /// How long a daemon may be away in the middle of waiting; a stop drains its calls for up to 100 seconds.
    static let restartPatience = Duration.seconds(150)
    /// A terminal is shown every second what the job does; otherwise a poll lasts longer.
    static let livePollSeconds = 1
    /// How long a place is held: there may be more who wait than fluxqd has places for.
    static let longestPollSeconds = 10
    /// Polls never come faster, whatever the daemon answers.
    static let leastPause = Duration.milliseconds(200)

    func follow(_ id: Int64) async throws -> Ending {
        let live = LiveLine(console)
        defer { live.clear() }
        var lastAnswer: ContinuousClock.Instant?
        // Once others wait for a place as well, none is held while nothing happens.
        var isCrowded = false
        while true {
            do {
                let isFound = lastAnswer != nil || known != nil
                let ending = try await ControlClient.withConnection(
                    to: socket, patience: isFound ? .none : patience,
                    isWaiting: { console.note($0.waitingWords) }
                ) { client -> Ending? in
                    let opened = ContinuousClock.now
                    repeat {
                        let began = ContinuousClock.now
                        let seconds = isCrowded ? 0 : pollSeconds(live: live.isShown)
                        let answer = try await client.job(id, waitSeconds: seconds)
                        lastAnswer = .now
                        let words = JobWords(answer.document)
                        if words.isFinished { return .finished(answer) }
                        if let deadline, deadline <= .now { return .timedOut(answer.document) }
                        live.show(words.live(now: .now()))
                        try await Task.sleep(until: began + Self.leastPause)
                    } while !isCrowded && opened.duration(to: .now) < .seconds(Self.longestPollSeconds)
                    return nil
                }
                if let ending { return ending }
                // Its place is somebody else's for a while.
                try await Task.sleep(for: pause * Double.random(in: 0.5...1.5))
            } catch let error as ControlClientError where error.isBusy {
                // The job is there, and nothing is lost by waiting for a place.
                if let deadline, deadline <= .now { throw error }
                isCrowded = true
                live.show("job \(id)  the daemon is busy; waiting")
                try await Task.sleep(for: pause * Double.random(in: 0.5...1.5))
            } catch let error as ControlClientError where error.isRestart {
                // Before the first answer there is nothing to come back to, and the client has waited its turn.
                guard let lastAnswer = lastAnswer ?? known, .now - lastAnswer < Self.restartPatience else {
                    throw error
                }
                if let deadline, deadline <= .now { throw error }
                live.show("job \(id)  the daemon is not reachable; trying again")
                try await Task.sleep(for: restartPause)
            }
        }
    }

    private var patience: Patience {
        guard let left = deadline.map({ max($0 - .now, .zero) }) else { return firstPatience }
        return Patience(busy: min(firstPatience.busy, left), away: min(firstPatience.away, left))
    }

    private func pollSeconds(live: Bool) -> Int {
        let most = live ? Self.livePollSeconds : Self.longestPollSeconds
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
