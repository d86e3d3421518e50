/// The answer of `GET /v1/queue`: how the queue is doing, and the caller's part in it.
package struct QueueDocument: Hashable, Sendable, Codable {
    /// The caller's jobs by state.
    package var counts: Counts
    /// An administrator has stopped new calls.
    package var paused: Paused?
    /// The API cannot be used; jobs stay queued.
    package var held: Held?
    /// The API asked for patience until then.
    package var rateLimitedUntil: WireTime?
    /// The disk has no room: nothing new is called, and what has been paid for waits.
    package var short: Short?
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

    package struct Held: Hashable, Sendable, Codable {
        /// `unreachable` or `account`.
        package var cause: String
        package var since: WireTime
        package var message: String
        /// Calls that have tried since then whether things are better.
        package var probes: Int?
        package var nextProbeAt: WireTime

        package enum CodingKeys: String, CodingKey {
            case cause, since, message, probes
            case nextProbeAt = "next_probe_at"
        }

        package init(cause: String, since: WireTime, message: String, probes: Int? = nil, nextProbeAt: WireTime) {
            self.cause = cause
            self.since = since
            self.message = message
            self.probes = probes
            self.nextProbeAt = nextProbeAt
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
        case counts, paused, held
        case rateLimitedUntil = "rate_limited_until"
        case short = "disk_full"
        case usage
    }

    package init(
        counts: Counts, paused: Paused?, held: Held?, rateLimitedUntil: WireTime?, short: Short? = nil,
        usage: UsageDocument
    ) {
        self.counts = counts
        self.paused = paused
        self.held = held
        self.rateLimitedUntil = rateLimitedUntil
        self.short = short
        self.usage = usage
    }
}
