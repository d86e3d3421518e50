package import FluxqModel
import Glibc

/// The wall clock, as the workers and the store read it; tests bring their own.
package protocol WorkClock: Sendable {
    func now() -> Timestamp

    /// Returns at that time or soon after; throws when the task is canceled.
    func sleep(until time: Timestamp) async throws
}

package struct SystemClock: WorkClock {
    /// The longest uninterrupted sleep. The system sleeps by a clock that only goes forward: waking now and then finds out
    /// that somebody has set the wall clock.
    private static let longestSleep = Duration.seconds(300)

    package init() {}

    package func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(rawValue: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    package func sleep(until time: Timestamp) async throws {
        while case let left = time - now(), left > .zero {
            try await Task.sleep(for: min(left, Self.longestSleep))
        }
    }
}
