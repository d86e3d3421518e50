package import Logging
import Synchronization

/// Limits the log lines that each user can cause per minute. The system's log drops lines of a service that logs too
/// many, and the dropped lines must be the user's own.
package final class UserLog: Sendable {
    private struct Minute {
        var beginning: ContinuousClock.Instant
        var lines = 0
    }

    static let linesPerMinute = 120
    private static let minute = Duration.seconds(60)

    private let logger: Logger
    private let now: @Sendable () -> ContinuousClock.Instant
    private let minutes = Mutex<[UInt32: Minute]>([:])

    init(_ logger: Logger, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.logger = logger
        self.now = now
    }

    /// - Parameter uid: of the user who causes the line; added to the metadata.
    package func log(
        _ level: Logger.Level, _ message: Logger.Message, of uid: UInt32, _ metadata: Logger.Metadata = [:]
    ) {
        let (isShown, leftOut) = minutes.withLock { minutes -> (Bool, Int) in
            let now = now()
            var minute = minutes[uid] ?? Minute(beginning: now)
            var leftOut = 0
            if now - minute.beginning >= Self.minute {
                leftOut = minute.lines - Self.linesPerMinute
                minute = Minute(beginning: now)
            }
            // Drops users who have been quiet since, and none of whose lines were dropped.
            if minutes[uid] == nil {
                minutes = minutes.filter {
                    now - $0.value.beginning < Self.minute || $0.value.lines > Self.linesPerMinute
                }
            }
            minute.lines += 1
            minutes[uid] = minute
            return (minute.lines <= Self.linesPerMinute, leftOut)
        }
        if leftOut > 0 {
            logger.notice(
                "Log lines about a user were dropped: there were too many in a minute.",
                metadata: ["uid": "\(uid)", "lines": "\(leftOut)"])
        }
        if isShown { logger.log(level: level, message, metadata: metadata.merging(["uid": "\(uid)"]) { $1 }) }
    }
}
