/// What keeps one lane from calling: a hold, or the API's rate limit; and how many calls at once the lane has learnt.
/// One row of the database; a pure value here.
///
/// ```
/// hold            after                                                 ends
/// account         a refusal of the key, the money or the permissions    a probe that is answered
/// unreachable     a call that was not sent                              a probe that reaches the host
/// wrong_address   an answer that is not the API's own                   a probe that is answered by the API
/// failing         three jobs in a row whose calls failed                a probe that is answered
/// undeliverable   three calls whose pictures cannot be downloaded       a download that succeeds; another owner's inline picture
/// ```
///
/// Whether a lane is closed for everybody or only for those who are refused is told apart by who is refused. If the first
/// call of another owner (or, with one owner alone, of another job) works after a hold that one owner's (one job's) calls
/// brought about, that owner (that job) is a suspect from then on: what it meets closes nothing for others. A suspect job
/// that is refused between two calls of others that work was refused alone; if nobody else's call works in between, suspects
/// alone are held, because nobody can tell then whose fault it is.
///
/// Order is told by the calls' numbers, never by the clock, which may be set. Every wait that fluxq sets itself carries the
/// time it was set at: a wall clock that shows an earlier time has been set back since, and the wait is over.
package struct LaneGate: Hashable, Sendable {
    /// Why nothing can be called until somebody or something changes outside of fluxq.
    package enum HoldCause: String, CaseIterable, Sendable, Codable {
        /// Name, connection or TLS of the API's host fail.
        case unreachable
        /// The API refuses the key, the account or this host's address.
        case account
        /// The server that answers is not the API.
        case wrongAddress = "wrong_address"
        /// Calls fail one after the other.
        case failing
        /// What was bought cannot be downloaded.
        case undeliverable
    }

    /// Whose call it is.
    package struct Party: Hashable, Sendable, Codable {
        package var job: JobID
        package var uid: UInt32

        package init(job: JobID, uid: UInt32) {
            self.job = job
            self.uid = uid
        }
    }

    package struct Hold: Hashable, Sendable {
        package var cause: HoldCause
        package var since: Timestamp
        package var message: HoldMessage
        /// Probes sent so far.
        package var probes: Int
        /// When a call last found that it still is so.
        package var checkedAt: Timestamp
        /// When the next call may try whether things are better.
        package var probeAt: Timestamp
        /// Whose call closed the lane; nil after an update from a version that did not know.
        package var closedBy: Party?

        package init(
            cause: HoldCause, since: Timestamp, message: HoldMessage, probes: Int = 0, checkedAt: Timestamp? = nil,
            probeAt: Timestamp, closedBy: Party? = nil
        ) {
            self.cause = cause
            self.since = since
            self.message = message
            self.probes = probes
            self.checkedAt = checkedAt ?? since
            self.probeAt = probeAt
            self.closedBy = closedBy
        }

        func isProbeDue(at now: Timestamp) -> Bool { now >= probeAt || now < checkedAt }
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

    /// A call of the lane, as its gate knows it.
    package struct Call: Hashable, Sendable {
        /// Among the calls of the lane, from 1.
        package var number: Int
        package var party: Party
        package var begunAt: Timestamp

        package init(number: Int, party: Party, begunAt: Timestamp) {
            self.number = number
            self.party = party
            self.begunAt = begunAt
        }
    }

    /// What is known of recent calls. Lists are bounded: the oldest goes.
    ///
    /// Its JSON leaves out what is empty, and so reads what an earlier version wrote.
    package struct Evidence: Hashable, Sendable {
        /// A suspect that was refused, and waits for what the next call of others says.
        package struct Accusation: Hashable, Sendable, Codable {
            package var party: Party
            /// The latest call that had begun then.
            var latest: Int
            var at: Timestamp
            /// A call of others had worked just before.
            var workedBefore: Bool
        }

        struct Success: Hashable, Sendable, Codable {
            var party: Party
            var at: Timestamp
        }

        /// Of the hold: the latest call that had begun when it began.
        var holdBegan = 0
        /// The number of the call that probes now.
        var probe: Int?
        /// Whose calls have met the present hold.
        var parties: [Party] = []
        /// The hold is for suspects alone.
        var isForSuspects = false
        /// Jobs whose calls failed since the last success.
        var failures: [Party] = []
        /// Calls whose pictures could not be downloaded since the last download that succeeded.
        var undelivered: [Party] = []
        /// Refusals of suspects since the last call of others that worked.
        var refusals: [Party] = []
        var accused: [Accusation] = []
        /// The latest calls that worked, of two different jobs at most.
        var worked: [Success] = []
        var suspectOwners: [UInt32] = []
        var suspectJobs: [JobID] = []
        /// Of the rate limit: the latest call that had begun when it began, and whose calls have met it.
        var limitBegan = 0
        var limitParties: [Party] = []
        /// Who was limited in the last rate limits, one after the other with calls of others that worked between them; a rate
        /// limit that somebody else meets too is the lane's, and the list begins again.
        var limited: [Party] = []
        var hasWorkedSinceLimited = false
        /// Owners and jobs that are limited alone.
        var limitedOwners: [UInt32] = []
        var limitedJobs: [JobID] = []
        var pace = CallLimiter()

        package init() {}
    }

    /// So many failures in a row close a lane.
    package static let patience = 3
    /// So many names are kept of each kind.
    static let memory = 64
    /// A rate limit that lasts longer is tried by one call of somebody else after a while: it may be one owner's alone.
    static let longLimit = Duration.seconds(60)
    static let limitTrial = Duration.seconds(15)
    /// How near two calls have to be to one another, to say the same about the API.
    static let nearness = Duration.seconds(30)

    package var hold: Hold?
    package var rateLimit: RateLimit?
    /// Rate-limited answers in a row; the exponent of the backoff.
    package var rateLimits: Int
    /// The number of the latest call that has begun.
    package var calls: Int
    package var evidence: Evidence

    package init(
        hold: Hold? = nil, rateLimit: RateLimit? = nil, rateLimits: Int = 0, calls: Int = 0,
        evidence: Evidence = .init()
    ) {
        self.hold = hold
        self.rateLimit = rateLimit
        self.rateLimits = rateLimits
        self.calls = calls
        self.evidence = evidence
    }

    package var pace: CallLimiter {
        get { evidence.pace }
        set { evidence.pace = newValue }
    }

    /// Without what changes with each call of a lane that works: a start can do without the number of the latest call, which
    /// counts only beside calls in flight and what they met, and without the latest successes, which count for seconds.
    package var lasting: LaneGate {
        var gate = self
        gate.calls = 0
        gate.evidence.worked = []
        return gate
    }

    /// How long a lane waits, by cause.
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

// MARK: - Who may call

extension LaneGate {
    package func isRateLimited(at now: Timestamp) -> Bool {
        rateLimit.map { !$0.isOver(at: now) } ?? false
    }

    /// Whether what the party's calls meet closes nothing, because it met it alone before.
    package func isSuspect(_ party: Party) -> Bool {
        evidence.suspectOwners.contains(party.uid) || evidence.suspectJobs.contains(party.job)
    }

    /// Whether the API limits this party, and not others.
    package func isLimitedAlone(_ party: Party) -> Bool {
        evidence.limitedOwners.contains(party.uid) || evidence.limitedJobs.contains(party.job)
    }

    /// The hold, if it is this party's too.
    package func hold(on party: Party) -> Hold? {
        evidence.isForSuspects && !isSuspect(party) ? nil : hold
    }

    /// Whether the lane is closed for suspects alone.
    package var isForSuspects: Bool { hold != nil && evidence.isForSuspects }

    /// Whether a call probes now.
    package var isProbing: Bool { evidence.probe != nil }

    /// Calls that may be in flight at once, as things are: after a failure no more than can still fail before the lane is
    /// closed for it.
    ///
    /// - Parameter ceiling: of the endpoint.
    package func places(ceiling: Int) -> Int {
        let failed = evidence.failures.count { !isSuspect($0) }
        let allowed = pace.allowed(ceiling: ceiling)
        return failed > 0 && hold == nil ? min(allowed, max(1, Self.patience - failed)) : allowed
    }

    /// How well a party's job would tell whether the lane can be used again; the lower the better. nil: it may not call.
    package enum Fitness: Int, Comparable, Sendable {
        /// The lane is open for it.
        case open
        /// An owner who has not met what closed the lane.
        case unconcerned
        /// Another owner than the one whose call closed the lane.
        case other
        case closer

        package static func < (one: Fitness, other: Fitness) -> Bool { one.rawValue < other.rawValue }
    }

    /// - Parameter canOnlyWait: what was bought can still be downloaded, which opens the lane without another call.
    package func fitness(of party: Party, at now: Timestamp, canOnlyWait: Bool = false) -> Fitness? {
        var fitness = isOthersTurn(after: party) ? Fitness.closer : .open
        if isRateLimited(at: now) {
            guard let trial = trial(by: party, at: now) else { return nil }
            fitness = trial
        }
        guard let hold = hold(on: party) else { return fitness }
        guard evidence.probe == nil else { return nil }
        let concerned = Set(evidence.parties.map(\.uid))
        if !concerned.contains(party.uid), !concerned.isEmpty {
            // What one owner alone has met may be that owner's: another one's call tells at once.
            if concerned.count == 1, hold.cause != .undeliverable || hold.probes == 0 { return .unconcerned }
            if hold.isProbeDue(at: now), !canOnlyWait { return .unconcerned }
            return nil
        }
        guard hold.isProbeDue(at: now), !canOnlyWait else { return nil }
        return hold.closedBy.map { $0.uid == party.uid } ?? false ? .closer : .other
    }

    /// Whether everybody may call whose turn it is.
    package func isOpenToAll(at now: Timestamp) -> Bool {
        hold == nil && !isRateLimited(at: now) && (evidence.limited.isEmpty || evidence.hasWorkedSinceLimited)
    }

    /// After a rate limit another owner calls first, if there is one: that shows whose limit it was.
    private func isOthersTurn(after party: Party) -> Bool {
        evidence.limited.last?.uid == party.uid && !evidence.hasWorkedSinceLimited
    }

    /// How well a party's call would tell whether a long rate limit is everybody's; nil: it may not try.
    private func trial(by party: Party, at now: Timestamp) -> Fitness? {
        guard let tried = limitIsTried, now >= tried, evidence.probe == nil, let limited = evidence.limitParties.first
        else { return nil }
        if limited.uid != party.uid { return .unconcerned }
        return evidence.limitParties.count == 1 && limited.job != party.job ? .other : nil
    }

    /// When one call may try whether a rate limit is everybody's; nil for a short one, and for one that two have met.
    private var limitIsTried: Timestamp? {
        guard let rateLimit, rateLimit.until - rateLimit.since >= Self.longLimit,
            Set(evidence.limitParties.map(\.uid)).count == 1
        else { return nil }
        return rateLimit.since + Self.limitTrial
    }

    /// When the lane has to be looked at again; nil if only a call that ends can change it.
    package func looksAgain(after now: Timestamp) -> Timestamp? {
        // A hold may concern suspects alone, and a rate limit be tried before it is over: so each time counts by itself.
        let times = [evidence.probe == nil ? hold?.probeAt : nil, rateLimit?.until, limitIsTried]
        return times.compactMap(\.self).filter { $0 > now }.min()
    }

    /// When calls may begin again by the lapse of time.
    ///
    /// - Parameter party: whose call; nil for anybody's.
    package func opens(for party: Party? = nil, after now: Timestamp) -> Timestamp? {
        var times: [Timestamp] = []
        let hold = party.map { self.hold(on: $0) } ?? self.hold
        if let hold, evidence.probe == nil, !hold.isProbeDue(at: now) { times.append(hold.probeAt) }
        if let rateLimit, !rateLimit.isOver(at: now) { times.append(rateLimit.until) }
        return times.max()
    }

    /// A call begins.
    ///
    /// - Returns: its number.
    package mutating func begin(_ party: Party, at now: Timestamp) -> Int {
        calls += 1
        if hold(on: party) != nil || isRateLimited(at: now) { evidence.probe = calls }
        return calls
    }

    /// The process that made the calls in flight is dead: none of them will say anything.
    package mutating func forgetCallsInFlight() {
        evidence.probe = nil
    }

    /// Somebody has said that calls may begin again: ends a rate limit, and the probe of a hold is due.
    ///
    /// The hold stays until that probe has shown that the API can be used.
    package mutating func resume(at now: Timestamp) {
        rateLimit = nil
        // Never later than it was: the clock may be wrong now, and set back before the probe begins.
        if let hold { self.hold?.probeAt = min(hold.probeAt, now) }
    }
}
