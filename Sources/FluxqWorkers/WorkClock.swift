package import FluxqModel
import Glibc

/// The clocks, as the workers and the store read them; tests bring their own.
package protocol WorkClock: Sendable {
    /// The wall clock. Somebody may set it, forward or back, at any time.
    func now() -> Timestamp

    /// A clock that nobody sets; it continues while the host sleeps.
    func uptime() -> Duration

    /// Returns when the wall clock shows that time or soon after, and in any case once as much time has really passed as
    /// lay between the two at first: who waits looks again, rather than sleep on because the clock was set back.
    /// Throws when the task is canceled.
    func sleep(until time: Timestamp) async throws

    /// Returns after that time has really passed. Throws when the task is canceled.
    func sleep(for duration: Duration) async throws
}

extension WorkClock {
    package func uptime() -> Duration {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    package func sleep(for duration: Duration) async throws {
        try await sleep(until: now() + duration)
    }
}

package struct SystemClock: WorkClock {
    /// The longest uninterrupted sleep: waking now and then finds out that somebody has set the wall clock forward.
    private static let longestSleep = Duration.seconds(300)

    package init() {}

    package func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(rawValue: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    package func sleep(until time: Timestamp) async throws {
        let end = uptime() + (time - now())
        while case let left = min(time - now(), end - uptime()), left > .zero {
            try await Task.sleep(for: min(left, Self.longestSleep))
        }
    }

    package func sleep(for duration: Duration) async throws {
        try await Task.sleep(for: duration)
    }
}
