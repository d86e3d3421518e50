import FluxqControl
import FluxqControlClient
import FluxqModel

/// Follows a job to its end by long polls, across restarts of the daemon.
struct JobWatch {
    let socket: ControlSocket
    let console: Console
    /// nil to wait without a limit.
    let deadline: ContinuousClock.Instant?
    /// When the job was last known to exist; nil if it must be found first.
    var known: ContinuousClock.Instant?
    /// About how long to wait after each connection before the next one.
    var pause = Duration.seconds(1)
    /// The longest time a connection is held: more clients may wait than fluxqd has connections for.
    var longestHold = Duration.seconds(longestPollSeconds)
    /// Patience before the first answer, limited by the deadline. After it, this type does its own waiting.
    var firstPatience = Patience.atThePrompt
    /// The pause between two attempts to reach a daemon that is not running.
    var restartPause = Duration.seconds(1)

    enum Ending {
        case finished(Answered<JobDocument>)
        case timedOut(JobDocument)
    }

    /// How long the daemon may be away while a job is followed. A stopping daemon finishes its calls for up to 100
    /// seconds.
    static let restartPatience = Duration.seconds(150)
    /// On a terminal the state is updated every second; otherwise a poll lasts longer.
    static let livePollSeconds = 1
    static let longestPollSeconds = 10
    /// The shortest time between two polls, whatever the daemon answers.
    static let leastPause = Duration.milliseconds(200)

    func follow(_ id: Int64) async throws -> Ending {
        let live = LiveLine(console)
        defer { live.clear() }
        var lastAnswer: ContinuousClock.Instant?
        // Once other clients wait for a connection as well, none is held while nothing happens.
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
                    } while !isCrowded && opened.duration(to: .now) < longestHold
                    return nil
                }
                if let ending { return ending }
                // Leaves the connection to other clients for a while.
                try await Task.sleep(for: pause * Double.random(in: 0.5...1.5))
            } catch let error as ControlClientError where error.isBusy {
                // The job exists, and waiting for a connection loses nothing.
                if let deadline, deadline <= .now { throw error }
                isCrowded = true
                live.show("job \(id)  the daemon is busy; waiting")
                try await Task.sleep(for: pause * Double.random(in: 0.5...1.5))
            } catch let error as ControlClientError where error.isRestart {
                // Before the first answer there is nothing to resume, and the client has already been patient.
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
    /// True for errors that a restarting daemon causes.
    fileprivate var isRestart: Bool {
        switch self {
        case .noDaemon, .connectionLost: true
        default: false
        }
    }
}
