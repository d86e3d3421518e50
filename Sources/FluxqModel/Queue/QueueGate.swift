/// The gate that closes all lanes: a pause by hand, or a full disk. In addition, each lane has a `LaneGate`.
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
    /// The workers check this themselves before a claim; it is here to be shown to users.
    package var shortage: Shortage?

    package init(pause: Pause? = nil, shortage: Shortage? = nil) {
        self.pause = pause
        self.shortage = shortage
    }
}

/// `rate_per_minute` of an endpoint as the minimum time between the starts of two calls.
package struct CallSpacing: Hashable, Sendable {
    package var interval: Duration
    /// The time when the latest call began, of this daemon or an earlier one.
    package var lastCallAt: Timestamp?

    package init(interval: Duration, lastCallAt: Timestamp?) {
        self.interval = interval
        self.lastCallAt = lastCallAt
    }

    /// The time when the next call may begin; nil if it may begin now. An earlier time than the latest call's means
    /// that the clock was set back.
    package func next(after now: Timestamp) -> Timestamp? {
        guard let lastCallAt, now >= lastCallAt, now < lastCallAt + interval else { return nil }
        return lastCallAt + interval
    }
}

extension QueueGate {
    /// The one reason why a queued job is not running. Reasons for all jobs come first, then those of its lane, then
    /// those of the job itself, and last a reason that ends in a moment.
    ///
    /// - Parameters:
    ///   - lane: the gate of the job's lane; nil if no endpoint offers its model.
    /// - spacing: the spacing of the lane's endpoint.
    ///   - limit: the owner's limit that is reached.
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
