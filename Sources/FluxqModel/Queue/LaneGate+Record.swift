extension LaneGate {
    /// What a call's outcome says about the lane.
    ///
    /// - Parameter ceiling: calls in flight at most, of all lanes of the endpoint.
    /// - Returns: suspects that were refused while the lane worked for others.
    package mutating func record(
        _ outcome: CallOutcome, of call: Call, now: Timestamp, ceiling: Int, pauses: Pauses,
        using generator: inout some RandomNumberGenerator
    ) -> [Party] {
        dismiss(call)
        switch outcome {
        case .answered(let answer):
            pace.succeed(ceiling: ceiling)
            // What came inline was delivered as well: so what others cannot download may be theirs alone.
            if answer.items.contains(where: { $0.inline != nil }), hold?.cause == .undeliverable, isNews(call),
                !isConcerned(call.party)
            {
                recordDelivered(call.party)
            }
            evidence.failures = []
            return work(call, now: now, ends: HoldCause.allCases.filter { $0 != .undeliverable }, pauses, &generator)
        case .rejected, .moderated:
            // The API has read the request and answered for itself.
            return work(call, now: now, ends: HoldCause.allCases.filter { $0 != .undeliverable }, pauses, &generator)
        case .noImage:
            // The host is there; but a lane that is known to fail by then stays closed.
            let isFailing = count(call)
            let alone = work(
                call, now: now, ends: isFailing ? [] : [.account, .unreachable, .wrongAddress], pauses, &generator)
            // What it says about the pictures counts like any failure.
            fail(call, .code(.noUsablePicture), now: now, pauses, &generator)
            return alone
        case .notSent(let trouble):
            refuse(.unreachable, call, trouble, now: now, pauses, &generator)
        case .accountClosed(let error):
            refuse(.account, call, error.message, now: now, pauses, &generator)
        case .wrongAddress(let error), .webPage(let error):
            refuse(.wrongAddress, call, error.message, now: now, pauses, &generator)
        case .rateLimited(_, let retryAfter):
            limit(call, retryAfter: retryAfter, now: now, ceiling: ceiling, pauses, &generator)
        case .serverError(let error):
            // Whatever is broken, the host can be reached.
            if !count(call), hold?.cause == .unreachable, isNews(call) { open() }
            fail(call, error.message, now: now, pauses, &generator)
        case .unknown(let error):
            fail(call, error.message, now: now, pauses, &generator)
        }
        return []
    }

    /// A call ended that says nothing about the lane: this host kept it from being sent.
    package mutating func dismiss(_ call: Call) {
        if evidence.probe == call.number { evidence.probe = nil }
    }

    /// A picture of a call could not be downloaded, or can never be.
    package mutating func recordUndelivered(
        _ party: Party, message: PictureTrouble, now: Timestamp, pauses: Pauses,
        using generator: inout some RandomNumberGenerator
    ) {
        guard !evidence.undelivered.contains(where: { $0.job == party.job }) else { return }
        evidence.undelivered = Self.bounded(evidence.undelivered + [party])
        if let hold, hold.cause == .undeliverable {
            evidence.parties = Self.bounded(evidence.parties + [party])
        }
        let all = evidence.undelivered
        let foreign = all.filter { !isSuspect($0) }
        if foreign.count >= Self.patience, hold == nil || evidence.isForSuspects {
            close(
                .undeliverable, all, message: .code(.undelivered(trouble: message)), forSuspects: false, now: now,
                pauses, &generator)
        } else if hold == nil, all.count - foreign.count >= Self.patience {
            close(
                .undeliverable, all.filter { isSuspect($0) }, message: .code(.undelivered(trouble: message)),
                forSuspects: true, now: now, pauses, &generator)
        }
    }

    /// A picture was downloaded.
    package mutating func recordDelivered(_ party: Party) {
        evidence.undelivered = []
        guard hold?.cause == .undeliverable else { return }
        suspect(besides: party)
        open()
    }

    // MARK: - The parts of it

    /// A call of before the present hold proves nothing about its end.
    private func isNews(_ call: Call) -> Bool { hold == nil || call.number > evidence.holdBegan }

    /// The API has done its part for a call.
    private mutating func work(
        _ call: Call, now: Timestamp, ends causes: [HoldCause], _ pauses: Pauses,
        _ generator: inout some RandomNumberGenerator
    ) -> [Party] {
        workUnderLimit(call, now: now)
        if let hold, isNews(call) {
            if causes.contains(hold.cause), self.hold(on: call.party) != nil || !isConcerned(call.party) {
                suspect(besides: call.party)
                open()
                if causes.contains(.failing) { evidence.failures = [] }
            } else if hold.cause == .undeliverable, causes.contains(.failing), self.hold(on: call.party) != nil {
                postponeProbe(now: now, pauses, &generator)
            }
        }
        let alone = evidence.accused.filter { accusation in
            accusation.party.job != call.party.job && accusation.workedBefore && call.number > accusation.latest
                && call.begunAt >= accusation.at && call.begunAt <= accusation.at + Self.nearness
        }
        evidence.accused.removeAll { $0.party.job != call.party.job && call.number > $0.latest }
        if evidence.refusals.contains(where: { $0.job != call.party.job }) { evidence.refusals = [] }
        evidence.worked.removeAll { $0.party.job == call.party.job }
        evidence.worked = (evidence.worked + [.init(party: call.party, at: now)]).suffix(2)
        // Refusals between the same two calls tell the same thing.
        return Set(alone.map(\.party)).sorted { $0.job < $1.job }
    }

    private func isConcerned(_ party: Party) -> Bool {
        evidence.parties.contains { $0.uid == party.uid }
    }

    /// The API, or what stands before it, does not let a call through.
    private mutating func refuse(
        _ cause: HoldCause, _ call: Call, _ trouble: CallTrouble, now: Timestamp, _ pauses: Pauses,
        _ generator: inout some RandomNumberGenerator
    ) {
        let message = HoldMessage.code(.call(trouble: trouble))
        if hold(on: call.party) != nil {
            concern(call.party)
            guard isNews(call) else {
                // A straggler of the calls that were in flight when the hold began: no news.
                if hold?.cause == cause { hold?.message = message }
                return
            }
            hold?.cause = cause
            hold?.message = message
            postponeProbe(now: now, pauses, &generator)
        } else if isSuspect(call.party) {
            accuse(call, now: now)
            evidence.refusals = Self.bounded(evidence.refusals + [call.party])
            guard evidence.refusals.count >= Self.patience, hold == nil else { return }
            close(cause, evidence.refusals, message: message, forSuspects: true, now: now, pauses, &generator)
        } else {
            close(cause, [call.party], message: message, forSuspects: false, now: now, pauses, &generator)
        }
    }

    /// A call failed in a way that says nothing by itself, and much if it happens again and again.
    private mutating func fail(
        _ call: Call, _ trouble: CallTrouble, now: Timestamp, _ pauses: Pauses,
        _ generator: inout some RandomNumberGenerator
    ) {
        let isFailing = count(call)
        let message = HoldMessage.code(.failing(calls: Self.patience, last: trouble))
        if let cause = hold(on: call.party)?.cause {
            concern(call.party)
            guard isNews(call) else { return }
            if cause == .failing || isFailing && cause != .undeliverable {
                hold?.cause = .failing
                hold?.message = message
            }
            postponeProbe(now: now, pauses, &generator)
            return
        }
        let all = evidence.failures
        let foreign = all.filter { !isSuspect($0) }
        if foreign.count >= Self.patience {
            close(.failing, all, message: message, forSuspects: false, now: now, pauses, &generator)
        } else if hold == nil, all.count - foreign.count >= Self.patience {
            close(
                .failing, all.filter { isSuspect($0) }, message: message, forSuspects: true, now: now,
                pauses,
                &generator)
        }
    }

    /// Counts a failure in a row, once for each job.
    ///
    /// - Returns: whether there are enough of them to close the lane for everybody.
    private mutating func count(_ call: Call) -> Bool {
        if hold(on: call.party) == nil || isNews(call), !evidence.failures.contains(where: { $0.job == call.party.job })
        {
            evidence.failures = Self.bounded(evidence.failures + [call.party])
        }
        return evidence.failures.count { !isSuspect($0) } >= Self.patience
    }

    private mutating func limit(
        _ call: Call, retryAfter: Duration?, now: Timestamp, ceiling: Int, _ pauses: Pauses,
        _ generator: inout some RandomNumberGenerator
    ) {
        if isLimitedAlone(call.party) {
            accuse(call, now: now)
            if hold(on: call.party) != nil, isNews(call) { postponeProbe(now: now, pauses, &generator) }
            return
        }
        pace.slowDown(call: call.number, latest: calls, ceiling: ceiling)
        remember(limited: call.party)
        rateLimits += 1
        let until = now + (retryAfter ?? pauses.rateLimit.pause(failures: rateLimits, using: &generator))
        let present = rateLimit.flatMap { $0.isOver(at: now) ? nil : $0.until }
        // An owner's calls that were in flight together may each be refused: the longest wait counts. A later call has the
        // newer word. If owners are told different times, the first of them may try when its own is over.
        let isNewer = call.number > evidence.limitBegan
        let isOthersToo = evidence.limitParties.contains { $0.uid != call.party.uid }
        if let hold, isNews(call) {
            // The host answered and the account is known.
            if [.account, .unreachable, .wrongAddress].contains(hold.cause) {
                open()
            } else if self.hold(on: call.party) != nil {
                postponeProbe(now: now, pauses, &generator)
            }
        }
        if present == nil { evidence.limitParties = [] }
        if !evidence.limitParties.contains(call.party) {
            evidence.limitParties = Self.bounded(evidence.limitParties + [call.party])
        }
        evidence.limitBegan = calls
        let agreed =
            switch present {
            case let present? where isOthersToo: min(present, until)
            case let present? where !isNewer: max(present, until)
            default: until
            }
        rateLimit = RateLimit(since: now, until: agreed)
    }

    private mutating func remember(limited party: Party) {
        // Others are limited too, so it is nobody's own.
        if evidence.limited.contains(where: { $0.uid != party.uid }) { evidence.limited = [] }
        evidence.limitedOwners = []
        evidence.limitedJobs = []
        if evidence.limited.isEmpty || evidence.hasWorkedSinceLimited {
            evidence.limited = Array((evidence.limited + [party]).suffix(Self.patience))
            evidence.hasWorkedSinceLimited = false
        }
    }

    /// What a call that worked says about the rate limit, and about who met the last ones.
    private mutating func workUnderLimit(_ call: Call, now: Timestamp) {
        if let rateLimit, rateLimit.isOver(at: now) || call.number > evidence.limitBegan {
            self.rateLimit = nil
            rateLimits = 0
        }
        guard let last = evidence.limited.last, last.job != call.party.job else { return }
        evidence.hasWorkedSinceLimited = true
        guard evidence.limited.count == Self.patience else { return }
        if Set(evidence.limited.map(\.uid)).count == 1, last.uid != call.party.uid,
            !evidence.limitedOwners.contains(last.uid)
        {
            evidence.limitedOwners = Self.bounded(evidence.limitedOwners + [last.uid])
        }
        if Set(evidence.limited.map(\.job)).count == 1, !evidence.limitedJobs.contains(last.job) {
            evidence.limitedJobs = Self.bounded(evidence.limitedJobs + [last.job])
        }
    }

    private mutating func close(
        _ cause: HoldCause, _ parties: [Party], message: HoldMessage, forSuspects: Bool, now: Timestamp,
        _ pauses: Pauses,
        _ generator: inout some RandomNumberGenerator
    ) {
        hold = Hold(
            cause: cause, since: now, message: message,
            probeAt: now + pauses.probe.pauseAtLeastHalf(failures: 1, using: &generator), closedBy: parties.last)
        evidence.holdBegan = calls
        // What becomes everybody's, suspects have met already.
        let earlier = evidence.parties + (forSuspects ? [] : evidence.accused.map(\.party))
        evidence.parties = Self.bounded(earlier.filter { !parties.contains($0) } + parties)
        evidence.isForSuspects = forSuspects
        evidence.refusals = []
        // Everybody is refused now: it was nobody's own.
        if !forSuspects { evidence.accused = [] }
    }

    /// Failures stay counted: that the host can be reached again does not show that its calls succeed.
    private mutating func open() {
        hold = nil
        evidence.probe = nil
        evidence.parties = []
        evidence.isForSuspects = false
    }

    private mutating func postponeProbe(
        now: Timestamp, _ pauses: Pauses, _ generator: inout some RandomNumberGenerator
    ) {
        guard var held = hold else { return }
        held.probes += 1
        held.checkedAt = now
        held.probeAt = now + pauses.probe.pauseAtLeastHalf(failures: held.probes + 1, using: &generator)
        hold = held
    }

    private mutating func concern(_ party: Party) {
        guard !evidence.parties.contains(party) else { return }
        evidence.parties = Self.bounded(evidence.parties + [party])
    }

    private mutating func accuse(_ call: Call, now: Timestamp) {
        let before = evidence.worked.last { $0.party.job != call.party.job }?.at
        let workedBefore = before.map { $0 <= now && $0 + Self.nearness >= call.begunAt } ?? false
        evidence.accused = Self.bounded(
            evidence.accused + [.init(party: call.party, latest: calls, at: now, workedBefore: workedBefore)])
    }

    /// A call of another party works after a wait that concerned one owner or one job alone: from now on what that one meets
    /// closes nothing.
    private mutating func suspect(besides worker: Party) {
        let owners = Set(evidence.parties.map(\.uid))
        let jobs = Set(evidence.parties.map(\.job))
        if owners.count == 1, let owner = owners.first, owner != worker.uid, !evidence.suspectOwners.contains(owner) {
            evidence.suspectOwners = Self.bounded(evidence.suspectOwners + [owner])
        }
        if jobs.count == 1, let job = jobs.first, job != worker.job, !evidence.suspectJobs.contains(job) {
            evidence.suspectJobs = Self.bounded(evidence.suspectJobs + [job])
        }
    }

    private static func bounded<Element>(_ list: [Element]) -> [Element] { list.suffix(memory) }
}
