import FluxqHost
package import FluxqModel

/// The clocks of the workers and the store; tests use their own.
package protocol WorkClock: Sendable {
    /// The wall clock. It may be set forward or back at any time.
    func now() -> Timestamp

    /// A clock that cannot be set. It continues while the host sleeps.
    func uptime() -> Duration

    /// Returns when the wall clock reaches `time` or soon after, or once the initial distance to `time` has really
    /// elapsed. Also returns soon after the wall clock was set. The caller checks its work again each time, because
    /// other work may be due after a clock change. Throws if the task is canceled.
    func sleep(until time: Timestamp) async throws

    /// Returns after `duration` has really elapsed. Throws if the task is canceled.
    func sleep(for duration: Duration) async throws
}

extension WorkClock {
    package func uptime() -> Duration {
        HostClock.uptime()
    }

    package func sleep(for duration: Duration) async throws {
        try await sleep(until: now() + duration)
    }
}

package struct SystemClock: WorkClock {
    /// The longest uninterrupted sleep. Regular wakeups detect that the wall clock was set.
    private static let longestSleep = Duration.seconds(300)
    /// The allowed difference of the clocks while the wall clock is only being corrected.
    private static let correction = Duration.seconds(1)

    package init() {}

    package func now() -> Timestamp {
        .now()
    }

    package func sleep(until time: Timestamp) async throws {
        let end = uptime() + (time - now())
        while let nap = Self.nap(shown: time - now(), left: end - uptime()) {
            try await Task.sleep(for: nap)
        }
    }

    /// - Parameters:
    /// - shown: the rest of the sleep according to the wall clock.
    /// - left: the real rest of the sleep.
    /// - Returns: the time to sleep before the clocks are read again; nil if the sleep is over.
    static func nap(shown: Duration, left: Duration) -> Duration? {
        let isSet = max(shown - left, left - shown) > correction
        let shorter = min(shown, left)
        return isSet || shorter <= .zero ? nil : min(shorter, longestSleep)
    }

    package func sleep(for duration: Duration) async throws {
        try await Task.sleep(for: duration)
    }
}
