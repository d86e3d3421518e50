/// Growing pauses with full jitter: a random time between zero and a ceiling that doubles with every failure.
package struct Backoff: Hashable, Sendable {
    package let base: Duration
    package let cap: Duration

    package init(base: Duration, cap: Duration) {
        self.base = base
        self.cap = cap
    }

    /// The longest pause after `failures` failures in a row: `base`, 2·`base`, 4·`base`, … up to `cap`.
    package func ceiling(failures: Int) -> Duration {
        let doublings = min(max(failures - 1, 0), 30)
        return min(cap, base * (1 << doublings))
    }

    /// Returns a pause drawn uniformly from zero to the ceiling.
    package func pause(failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        .milliseconds(Int64.random(in: 0...ceiling(failures: failures).milliseconds, using: &generator))
    }

    /// Returns a pause from half the ceiling to the ceiling, for a try that must not follow a failure immediately.
    package func pauseAtLeastHalf(failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        let ceiling = ceiling(failures: failures).milliseconds
        return .milliseconds(Int64.random(in: ceiling / 2...ceiling, using: &generator))
    }
}
