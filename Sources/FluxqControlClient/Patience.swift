/// How long a client waits for a daemon that is busy or being restarted.
package struct Patience: Sendable {
    /// For a connection: the daemon has reached its connection limit, or is restarting and its socket remains.
    package var busy: Duration
    /// For a socket: there is none, such as between two daemons that create their own.
    package var away: Duration

    package init(busy: Duration, away: Duration) {
        self.busy = busy
        self.away = away
    }

    /// An acceptable wait for a person or script at the prompt.
    package static let atThePrompt = Patience(busy: .seconds(60), away: .seconds(15))
    package static let none = Patience(busy: .zero, away: .zero)
}

/// The pauses between retries: each about twice as long as the last, with a random part so that clients differ.
struct GrowingPause {
    private var next = Duration.milliseconds(50)
    private static let longest = Duration.seconds(2)

    mutating func take() -> Duration {
        defer { next = min(next * 2, Self.longest) }
        return next * Double.random(in: 0.5...1)
    }
}
