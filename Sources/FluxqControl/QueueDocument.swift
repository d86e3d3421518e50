/// The answer of `GET /v1/queue`: how the queue is doing, and the caller's part in it.
package struct QueueDocument: Hashable, Sendable, Codable {
    /// The caller's jobs by state.
    package var counts: Counts
    /// An administrator has stopped new calls.
    package var paused: Paused?
    /// By endpoint and model.
    package var lanes: [LaneDocument]
    /// The disk has no room: nothing new is called, and what has been paid for waits.
    package var short: Short?
    /// For administrators: what the configuration allows and should not stay so.
    package var warnings: [String]?
    /// The caller's use and limits.
    package var usage: UsageDocument

    package struct Counts: Hashable, Sendable, Codable {
        package var queued: Int
        package var running: Int
        package var done: Int
        package var failed: Int

        package init(queued: Int, running: Int, done: Int, failed: Int) {
            self.queued = queued
            self.running = running
            self.done = done
            self.failed = failed
        }
    }

    package struct Paused: Hashable, Sendable, Codable {
        package var since: WireTime
        /// The administrator: the name for people, and the number.
        package var by: String
        package var uid: UInt32

        package init(since: WireTime, by: String, uid: UInt32) {
            self.since = since
            self.by = by
            self.uid = uid
        }
    }

    package struct Short: Hashable, Sendable, Codable {
        package var since: WireTime
        package var message: String

        package init(since: WireTime, message: String) {
            self.since = since
            self.message = message
        }
    }

    package enum CodingKeys: String, CodingKey {
        case counts, paused, lanes, warnings
        case short = "disk_full"
        case usage
    }

    package init(
        counts: Counts, paused: Paused?, lanes: [LaneDocument] = [], short: Short? = nil,
        warnings: [String]? = nil, usage: UsageDocument
    ) {
        self.counts = counts
        self.paused = paused
        self.lanes = lanes
        self.short = short
        self.warnings = warnings
        self.usage = usage
    }
}
