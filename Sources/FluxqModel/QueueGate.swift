/// What keeps the whole queue from calling: a pause by hand, an API that cannot be used, a rate limit.
/// One row of the database; a pure value here.
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
        /// When the next call may try whether things are better.
        package var probeAt: Timestamp

        package init(cause: HoldCause, since: Timestamp, message: String, probes: Int, probeAt: Timestamp) {
            self.cause = cause
            self.since = since
            self.message = message
            self.probes = probes
            self.probeAt = probeAt
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
    package var rateLimitedUntil: Timestamp?
    /// Rate-limited answers in a row; the exponent of the backoff.
    package var rateLimits: Int

    package init(
        pause: Pause? = nil, hold: Hold? = nil, rateLimitedUntil: Timestamp? = nil, rateLimits: Int = 0
    ) {
        self.pause = pause
        self.hold = hold
        self.rateLimitedUntil = rateLimitedUntil
        self.rateLimits = rateLimits
    }

    /// - Parameter calling: calls in flight; a probe goes out alone.
    package func admission(at now: Timestamp, calling: Int) -> Admission {
        if pause != nil { return .closed(until: nil) }
        if let rateLimitedUntil, now < rateLimitedUntil { return .closed(until: rateLimitedUntil) }
        guard let hold else { return .open }
        if calling > 0 { return .closed(until: nil) }
        return now < hold.probeAt ? .closed(until: hold.probeAt) : .probe
    }

    /// When calls may begin again, where that is later than now.
    package func opens(after now: Timestamp) -> Timestamp? {
        [hold?.probeAt, rateLimitedUntil].compactMap(\.self).filter { $0 > now }.max()
    }

    /// Somebody has said that calls may begin again: ends a pause and a rate limit, and the probe of a hold is due.
    ///
    /// The hold stays until that probe has shown that the API can be used.
    package mutating func resume(at now: Timestamp) {
        pause = nil
        rateLimitedUntil = nil
        hold?.probeAt = now
    }

    /// What a call's outcome says about the queue.
    ///
    /// - Parameter startedAt: when the call began; one that began before the hold proves nothing about its end.
    package mutating func record(
        _ outcome: CallOutcome, startedAt: Timestamp, now: Timestamp, pauses: Pauses,
        using generator: inout some RandomNumberGenerator
    ) {
        switch outcome {
        case .answered, .noImage, .rejected, .moderated:
            // What was in flight when the gate closed proves nothing about its opening.
            if rateLimitedUntil.map({ now >= $0 }) ?? true {
                rateLimitedUntil = nil
                rateLimits = 0
            }
            if let held = hold, startedAt >= held.since { hold = nil }
        case .notSent(let message):
            close(.unreachable, message: message, startedAt: startedAt, now: now, pauses: pauses, using: &generator)
        case .accountClosed(let error):
            close(.account, message: error.message, startedAt: startedAt, now: now, pauses: pauses, using: &generator)
        case .rateLimited(_, let retryAfter):
            rateLimits += 1
            // Calls that were in flight together may each be refused; the longest wait counts.
            let until = now + (retryAfter ?? pauses.rateLimit.pause(failures: rateLimits, using: &generator))
            rateLimitedUntil = max(rateLimitedUntil ?? until, until)
            // The host answered and the account is known, so whatever held the queue is over.
            if let held = hold, startedAt >= held.since { hold = nil }
        case .serverError:
            if hold?.cause == .unreachable {
                hold = nil
            } else {
                postponeProbe(now: now, pauses: pauses, using: &generator)
            }
        case .unknown:
            postponeProbe(now: now, pauses: pauses, using: &generator)
        }
    }

    private mutating func close(
        _ cause: HoldCause, message: String, startedAt: Timestamp, now: Timestamp, pauses: Pauses,
        using generator: inout some RandomNumberGenerator
    ) {
        if let held = hold, startedAt < held.since {
            // A straggler of the calls that were in flight when the hold began: no news.
            hold?.message = held.cause == cause ? message : held.message
            return
        }
        let probes = hold.map { $0.probes + 1 } ?? 0
        hold = Hold(
            cause: cause, since: hold?.since ?? now, message: message, probes: probes,
            probeAt: now + pauses.probe.pauseAtLeastHalf(failures: probes + 1, using: &generator))
    }

    private mutating func postponeProbe(
        now: Timestamp, pauses: Pauses, using generator: inout some RandomNumberGenerator
    ) {
        guard var held = hold else { return }
        held.probes += 1
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

extension Backoff {
    /// A pause from half the ceiling to the ceiling: a probe must not follow at once on the one that just failed.
    fileprivate func pauseAtLeastHalf(failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        let ceiling = ceiling(failures: failures).milliseconds
        return .milliseconds(Int64.random(in: ceiling / 2...ceiling, using: &generator))
    }
}

extension QueueGate {
    /// The one reason that a queued job is not running: what keeps everybody first, then what keeps this job.
    package func waiting(notBefore: Timestamp?, afterBackoff: Bool, now: Timestamp) -> Waiting {
        if pause != nil { return .paused }
        if hold != nil { return .held }
        if let rateLimitedUntil, now < rateLimitedUntil { return .rateLimited }
        if let notBefore, now < notBefore { return afterBackoff ? .backoff : .scheduled }
        return .ready
    }
}
