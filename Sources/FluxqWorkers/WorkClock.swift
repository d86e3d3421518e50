package import FluxqModel
import Glibc

/// The clocks, as the workers and the store read them; tests bring their own.
package protocol WorkClock: Sendable {
    /// The wall clock. Somebody may set it, forward or back, at any time.
    func now() -> Timestamp

    /// A clock that nobody sets; it continues while the host sleeps.
    func uptime() -> Duration

    /// Returns when the wall clock shows that time or soon after, once as much time has really passed as lay between the two
    /// at first, and soon after somebody has set the wall clock. The caller looks again each time: by another clock, other
    /// work may be due. Throws when the task is canceled.
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
    /// The longest uninterrupted sleep: waking now and then finds out that somebody has set the wall clock.
    private static let longestSleep = Duration.seconds(300)
    /// By so much the clocks may disagree while the wall clock is only being corrected.
    private static let correction = Duration.seconds(1)

    package init() {}

    package func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(rawValue: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    package func sleep(until time: Timestamp) async throws {
        let end = uptime() + (time - now())
        while let nap = Self.nap(shown: time - now(), left: end - uptime()) {
            try await Task.sleep(for: nap)
        }
    }

    /// - Parameters:
    ///   - shown: what the wall clock says there is left of the sleep.
    ///   - left: what there really is left of it.
    /// - Returns: how long to sleep before the clocks are looked at again; nil if the sleep is over.
    static func nap(shown: Duration, left: Duration) -> Duration? {
        let isSet = max(shown - left, left - shown) > correction
        let shorter = min(shown, left)
        return isSet || shorter <= .zero ? nil : min(shorter, longestSleep)
    }

    package func sleep(for duration: Duration) async throws {
        try await Task.sleep(for: duration)
    }
}
