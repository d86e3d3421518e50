package import FluxqModel
import Glibc

/// Whether the wall clock may decide that something is old enough to be forgotten. A clock that somebody has set, or that is
/// set by the network a while after a start, would make what is fresh a week old at once.
///
/// It may once it has gone with the clock that nobody sets for an hour: not in the first hour of a life, and not in the hour
/// after the two disagreed.
package struct ClockTrust: Sendable {
    package static let hour = Duration.seconds(3600)
    /// By so much a clock that is only being corrected may be off.
    private static let tolerance = Duration.seconds(60)

    private let probation: Duration
    private var wall: Timestamp
    private var uptime: Duration
    /// When it began to be watched, or was last found to have been set.
    private var watchedSince: Duration

    package init(wall: Timestamp, uptime: Duration, probation: Duration = ClockTrust.hour) {
        self.probation = probation
        self.wall = wall
        self.uptime = uptime
        watchedSince = uptime
    }

    /// - Returns: how long until it may be trusted; nil if it may be now.
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
        /// An hour, or what the environment of a debug build says: a proof's daemons live for seconds.
        package static let standardProbation =
            getenv(variable).flatMap { Int(String(cString: $0)) }.map(Duration.seconds) ?? hour
    #else
        package static let environmentVariables: Set<String> = []
        package static let standardProbation = hour
    #endif

    private func abs(_ duration: Duration) -> Duration { max(duration, .zero - duration) }
}
