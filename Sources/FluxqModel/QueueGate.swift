/// What keeps the whole queue from calling: a pause by hand, an API that cannot be used, a rate limit, the API's or one of
/// the configuration. One row of the database; a pure value here.
///
/// Every wait that fluxq sets itself carries the time it was set at. A wall clock that shows an earlier time has been set
/// back since, and how much of the wait is left nobody can tell: it is over.
package struct QueueGate: Hashable, Sendable {
    /// Why nothing can be called until somebody or something changes outside of fluxq.
    package enum HoldCause: String, CaseIterable, Sendable {
        /// Name, connection or TLS of the API's host fail.
        case unreachable
        /// The API refuses the key, the account or this host's address.
        case account
    }

    package struct Hold: Hashable, Sendable {
        package var cause: HoldCause
        package var since: Timestamp
        /// What the API or the network said, and what to do.
        package var message: String
        /// Probes sent so far.
        package var probes: Int
        /// When a call last found that it still is so.
        package var checkedAt: Timestamp
        /// When the next call may try whether things are better.
        package var probeAt: Timestamp

        /// - Parameter checkedAt: nil for `since`.
        package init(
            cause: HoldCause, since: Timestamp, message: String, probes: Int, checkedAt: Timestamp? = nil,
            probeAt: Timestamp
        ) {
            self.cause = cause
            self.since = since
            self.message = message
            self.probes = probes
            self.checkedAt = checkedAt ?? since
            self.probeAt = probeAt
        }

        fileprivate func isProbeDue(at now: Timestamp) -> Bool { now >= probeAt || now < checkedAt }
    }

    /// The API has asked for patience.
    package struct RateLimit: Hashable, Sendable {
        package var since: Timestamp
        package var until: Timestamp

        package init(since: Timestamp, until: Timestamp) {
            self.since = since
            self.until = until
        }

        package func isOver(at now: Timestamp) -> Bool { now >= until || now < since }
    }

    /// `workers.rate_per_minute`: calls begin at least so far from one another.
    package struct Spacing: Hashable, Sendable {
        package var interval: Duration
        /// When the latest call began, of this daemon or an earlier one.
        package var lastCallAt: Timestamp?

        package init(interval: Duration, lastCallAt: Timestamp?) {
            self.interval = interval
            self.lastCallAt = lastCallAt
        }

        /// When the next call may begin, where that is not yet.
        package func next(after now: Timestamp) -> Timestamp? {
            guard let lastCallAt, now >= lastCallAt, now < lastCallAt + interval else { return nil }
            return lastCallAt + interval
        }
    }

    package struct Pause: Hashable, Sendable {
        package var since: Timestamp
        /// The administrator who paused.
        package var uid: UInt32

        package init(since: Timestamp, uid: UInt32) {
            self.since = since
            self.uid = uid
        }
    }

    /// Whether a call may begin.
    package enum Admission: Hashable, Sendable {
        case open
        /// One call may try whether the API is back; the next only when this one has ended.
        case probe
        /// Not before that time; nil until something else happens.
        case closed(until: Timestamp?)
    }

    package var pause: Pause?
    package var hold: Hold?
    package var rateLimit: RateLimit?
    /// Rate-limited answers in a row; the exponent of the backoff.
    package var rateLimits: Int
    /// nil where calls may follow one another as they like.
    package var spacing: Spacing?
    /// What the workers find out by themselves before they claim; here for those who look.
    package var shortage: Shortage?

    package init(
        pause: Pause? = nil, hold: Hold? = nil, rateLimit: RateLimit? = nil, rateLimits: Int = 0,
        spacing: Spacing? = nil, shortage: Shortage? = nil
    ) {
        self.pause = pause
        self.hold = hold
        self.rateLimit = rateLimit
        self.rateLimits = rateLimits
        self.spacing = spacing
        self.shortage = shortage
    }

    /// - Parameter calling: calls in flight; a probe goes out alone.
    package func admission(at now: Timestamp, calling: Int) -> Admission {
        if pause != nil { return .closed(until: nil) }
        if let rateLimit, !rateLimit.isOver(at: now) { return .closed(until: rateLimit.until) }
        if let hold {
            if calling > 0 { return .closed(until: nil) }
            if !hold.isProbeDue(at: now) { return .closed(until: hold.probeAt) }
        }
        if let next = spacing?.next(after: now) { return .closed(until: next) }
        return hold == nil ? .open : .probe
    }

    /// When calls may begin again, where what keeps them is a hold or the API's rate limit.
    package func opens(after now: Timestamp) -> Timestamp? {
        var times: [Timestamp] = []
        if let hold, !hold.isProbeDue(at: now) { times.append(hold.probeAt) }
        if let rateLimit, !rateLimit.isOver(at: now) { times.append(rateLimit.until) }
        return times.max()
    }

    /// Somebody has said that calls may begin again: ends a pause and a rate limit, and the probe of a hold is due.
    ///
    /// The hold stays until that probe has shown that the API can be used.
    package mutating func resume(at now: Timestamp) {
        pause = nil
        rateLimit = nil
        hold?.probeAt = now
    }

    /// What a call's outcome says about the queue.
    ///
    /// - Parameter probing: the `since` of the hold that the call began under; nil where there was none. A call of before
    ///   the present hold proves nothing about its end. The hold itself tells them apart, not the time: clocks are set.
    package mutating func record(
        _ outcome: CallOutcome, probing: Timestamp?, now: Timestamp, pauses: Pauses,
        using generator: inout some RandomNumberGenerator
    ) {
        let isNews = hold.map { $0.since == probing } ?? true
        switch outcome {
        case .answered, .noImage, .rejected, .moderated:
            // What was in flight when the gate closed proves nothing about its opening.
            if rateLimit?.isOver(at: now) ?? true {
                rateLimit = nil
                rateLimits = 0
            }
            if isNews { hold = nil }
        case .notSent(let message):
            close(.unreachable, message: message, isNews: isNews, now: now, pauses: pauses, using: &generator)
        case .accountClosed(let error), .wrongAddress(let error):
            close(.account, message: error.message, isNews: isNews, now: now, pauses: pauses, using: &generator)
        case .rateLimited(_, let retryAfter):
            rateLimits += 1
            let until = now + (retryAfter ?? pauses.rateLimit.pause(failures: rateLimits, using: &generator))
            // Calls that were in flight together may each be refused; the longest wait counts.
            let present = rateLimit.flatMap { $0.isOver(at: now) ? nil : $0.until }
            rateLimit = RateLimit(since: now, until: max(present ?? until, until))
            // The host answered and the account is known, so whatever held the queue is over.
            if isNews { hold = nil }
        case .serverError:
            if hold?.cause == .unreachable {
                hold = nil
            } else {
                postponeProbe(now: now, pauses: pauses, using: &generator)
            }
        case .unknown, .webPage:
            postponeProbe(now: now, pauses: pauses, using: &generator)
        }
    }

    private mutating func close(
        _ cause: HoldCause, message: String, isNews: Bool, now: Timestamp, pauses: Pauses,
        using generator: inout some RandomNumberGenerator
    ) {
        guard isNews else {
            // A straggler of the calls that were in flight when the hold began: no news.
            if hold?.cause == cause { hold?.message = message }
            return
        }
        let probes = hold.map { $0.probes + 1 } ?? 0
        hold = Hold(
            cause: cause, since: hold?.since ?? now, message: message, probes: probes, checkedAt: now,
            probeAt: now + pauses.probe.pauseAtLeastHalf(failures: probes + 1, using: &generator))
    }

    private mutating func postponeProbe(
        now: Timestamp, pauses: Pauses, using generator: inout some RandomNumberGenerator
    ) {
        guard var held = hold else { return }
        held.probes += 1
        held.checkedAt = now
        held.probeAt = now + pauses.probe.pauseAtLeastHalf(failures: held.probes + 1, using: &generator)
        hold = held
    }

    /// How long the queue waits, by cause.
    package struct Pauses: Hashable, Sendable {
        package var probe: Backoff
        package var rateLimit: Backoff

        package init(
            probe: Backoff = .init(base: .seconds(5), cap: .seconds(300)),
            rateLimit: Backoff = .init(base: .seconds(2), cap: .seconds(120))
        ) {
            self.probe = probe
            self.rateLimit = rateLimit
        }
    }
}

extension QueueGate {
    /// The one reason that a queued job is not running: what keeps everybody first, then what keeps this job, and last what is
    /// over in a moment.
    ///
    /// - Parameter limit: of the owner, that is reached.
    package func waiting(
        notBefore: Timestamp?, afterBackoff: Bool, limit: LimitReached? = nil, now: Timestamp
    ) -> Waiting {
        if pause != nil { return .paused }
        if hold != nil || shortage != nil { return .held }
        if let rateLimit, !rateLimit.isOver(at: now) { return .rateLimited }
        if let notBefore, now < notBefore { return afterBackoff ? .backoff : .scheduled }
        if let limit { return limit.waiting }
        return spacing?.next(after: now) == nil ? .ready : .rateLimited
    }
}
