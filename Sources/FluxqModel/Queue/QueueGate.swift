/// What keeps every lane from calling: a pause by hand, or a disk without room. Each lane has a `LaneGate` beside it.
package struct QueueGate: Hashable, Sendable {
    package struct Pause: Hashable, Sendable {
        package var since: Timestamp
        /// The administrator who paused.
        package var uid: UInt32

        package init(since: Timestamp, uid: UInt32) {
            self.since = since
            self.uid = uid
        }
    }

    package var pause: Pause?
    /// What the workers find out by themselves before they claim; here for those who look.
    package var shortage: Shortage?

    package init(pause: Pause? = nil, shortage: Shortage? = nil) {
        self.pause = pause
        self.shortage = shortage
    }
}

/// `rate_per_minute` of an endpoint: calls begin at least so far from one another.
package struct CallSpacing: Hashable, Sendable {
    package var interval: Duration
    /// When the latest call began, of this daemon or an earlier one.
    package var lastCallAt: Timestamp?

    package init(interval: Duration, lastCallAt: Timestamp?) {
        self.interval = interval
        self.lastCallAt = lastCallAt
    }

    /// When the next call may begin, if that is not yet. A clock that shows an earlier time has been set back since.
    package func next(after now: Timestamp) -> Timestamp? {
        guard let lastCallAt, now >= lastCallAt, now < lastCallAt + interval else { return nil }
        return lastCallAt + interval
    }
}

extension QueueGate {
    /// The one reason that a queued job is not running: what keeps everybody first, then what keeps its lane, then what keeps
    /// this job, and last what is over in a moment.
    ///
    /// - Parameters:
    ///   - lane: the gate of the job's lane; nil if no endpoint offers its model.
    ///   - spacing: of the lane's endpoint.
    ///   - limit: of the owner, that is reached.
    package func waiting(
        for party: LaneGate.Party, in lane: LaneGate?, spacing: CallSpacing? = nil,
        notBefore: Timestamp?, afterBackoff: Bool, limit: LimitReached? = nil, now: Timestamp
    ) -> Waiting {
        if pause != nil { return .paused }
        guard shortage == nil, let lane else { return .held }
        if lane.hold(on: party) != nil { return .held }
        if lane.isRateLimited(at: now) { return .rateLimited }
        if let notBefore, now < notBefore { return afterBackoff ? .backoff : .scheduled }
        if let limit { return limit.waiting }
        return spacing?.next(after: now) == nil ? .ready : .rateLimited
    }
}
