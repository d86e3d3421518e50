package import FluxqModel
import Glibc

/// Decides whether the wall clock may be used to delete old data. After somebody sets the clock, or the network sets it
/// some time after a start, new data could suddenly look a week old.
///
/// The wall clock is trusted after it has agreed with the uptime clock for an hour. So it is not trusted in the first
/// hour of the process, or in the hour after the two disagreed.
package struct ClockTrust: Sendable {
    package static let hour = Duration.seconds(3600)
    /// The difference that is allowed while a clock is only being corrected.
    private static let tolerance = Duration.seconds(60)

    private let probation: Duration
    private var wall: Timestamp
    private var uptime: Duration
    /// The uptime when watching began, or when the wall clock was last found to have been set.
    private var watchedSince: Duration

    package init(wall: Timestamp, uptime: Duration, probation: Duration = ClockTrust.hour) {
        self.probation = probation
        self.wall = wall
        self.uptime = uptime
        watchedSince = uptime
    }

    /// - Returns: the time until it may be trusted; nil if it may be now.
    package mutating func look(wall: Timestamp, uptime: Duration) -> Duration? {
        let passed = uptime - self.uptime
        let shown = wall - self.wall
        (self.wall, self.uptime) = (wall, uptime)
        if abs(shown - passed) > Self.tolerance { watchedSince = uptime }
        let left = watchedSince + probation - uptime
        return left > .zero ? left : nil
    }

    #if DEBUG
        private static let variable = "FLUXQ_CLOCK_PROBATION_SECONDS"

        /// Variables of the environment that this build understands.
        package static let environmentVariables: Set<String> = [variable]
        /// An hour, or the value from the environment of a debug build: a proof's daemons live for seconds.
        package static let standardProbation =
            getenv(variable).flatMap { Int(String(cString: $0)) }.map(Duration.seconds) ?? hour
    #else
        package static let environmentVariables: Set<String> = []
        package static let standardProbation = hour
    #endif

    private func abs(_ duration: Duration) -> Duration { max(duration, .zero - duration) }
}
