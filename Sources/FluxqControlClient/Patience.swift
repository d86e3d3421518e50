/// How long a client waits for a daemon that is busy or being restarted.
package struct Patience: Sendable {
    /// For a place: the daemon has more connections than it takes, or has left its socket and comes back to it.
    package var busy: Duration
    /// For a socket: there is none, as between two daemons that make their own.
    package var away: Duration

    package init(busy: Duration, away: Duration) {
        self.busy = busy
        self.away = away
    }

    /// What a person or a script at the prompt can be asked for.
    package static let atThePrompt = Patience(busy: .seconds(60), away: .seconds(15))
    package static let none = Patience(busy: .zero, away: .zero)
}

/// The pauses between tries: each about twice the last one, and never the same for two clients.
struct GrowingPause {
    private var next = Duration.milliseconds(50)
    private static let longest = Duration.seconds(2)

    mutating func take() -> Duration {
        defer { next = min(next * 2, Self.longest) }
        return next * Double.random(in: 0.5...1)
    }
}
