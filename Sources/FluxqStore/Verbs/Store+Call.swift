package import FluxqModel

/// A picture of an answer that has just come.
package enum NewPicture: Hashable, Sendable {
    /// To be fetched.
    case link(String, deadline: Timestamp)
    /// Came inline and is in the archive.
    case saved(StoredPicture)
    /// Came, but is no whole picture; its bytes, if there are any, are in the archive under that hash.
    case unusable(ContentHash?, message: PictureTrouble)
    /// Paid for, and not to be obtained any more: a link that can never be right, or an inline picture that this host
    /// has lost.
    case lost(link: String?, message: PictureTrouble)
}

extension Store {
    /// Commits what came of a call: the job's next state, its ledger row and its pictures, and what it means for its lane.
    ///
    /// - Parameter pictures: of a `.answered` report, in the answer's order; empty for every other.
    /// - Returns: `.stale` where the job is no longer in this attempt.
    package func record(
        _ report: CallReport, of claim: Claim, pictures: [NewPicture] = []
    ) async throws(StoreError) -> Advance {
        try await write { transaction in try transaction.record(report, of: claim, pictures: pictures) }
    }
}

extension Transaction {
    /// How long other jobs go first once the lane opens after a job's call has closed it.
    private static let turnOfOthers = Duration.seconds(1)
    /// Calls in a row that this host keeps from being sent, before one counts.
    private static let localTries = 10

    fileprivate func record(_ report: CallReport, of claim: Claim, pictures: [NewPicture]) throws -> Advance {
        if report.isLocal {
            try dismiss(claim)
        } else {
            try judge(report.outcome.shown(by: pictures), of: claim)
        }
        // Even if the gate stays as it was: a place has become free.
        wakeCalls()

        guard let row = try callingJob(claim.call) else { return .stale }
        let job = try JobRow(row)
        return try end(job, with: report, pictures: pictures, event: localFailure(report, of: job))
    }

    /// Has the lane's gate judge what a call met.
    private func judge(_ outcome: CallOutcome, of claim: Claim) throws {
        var gate = try gate(of: claim.lane)
        let alone = gate.record(
            outcome, of: claim.callInLane, now: now, ceiling: ceiling(of: claim.lane.endpoint), pauses: policy.pauses,
            using: &generator)
        try write(gate, of: claim.lane)
        for party in alone { try noteRefusedAlone(party.job) }
    }

    /// Another call may probe instead of one that this host kept from being sent.
    private func dismiss(_ claim: Claim) throws {
        var gate = try gate(of: claim.lane)
        gate.dismiss(claim.callInLane)
        try write(gate, of: claim.lane)
    }

    /// So often may a queued job be refused while calls of others work: an outage that comes and goes can look like that.
    private static let doubts = 2

    /// A queued job was refused while calls of others worked: again and again, it is a strike.
    private func noteRefusedAlone(_ id: JobID) throws {
        let noted = try row(
            "UPDATE jobs SET refused_alone = refused_alone + 1 WHERE id = ? AND state = 'queued' RETURNING refused_alone",
            [id])
        if let noted, noted["refused_alone"] > Self.doubts { try strike(id) }
    }

    /// The refusals of a queued job are its own, and count.
    func strike(_ id: JobID) throws {
        guard let row = try row("SELECT \(JobRow.columns) FROM jobs WHERE id = ? AND state = 'queued'", [id]) else {
            return
        }
        let job = try JobRow(row)
        guard case .advanced(let state) = try advance(job, .struck(last: lastTrouble(of: id))) else { return }
        try log(state == .failed ? .failed : .struck, job: id, uid: job.uid, state: state)
    }

    /// What the latest call of a job met.
    private func lastTrouble(of id: JobID) throws -> CallTrouble? {
        try value(
            CallTrouble.self,
            "SELECT message FROM attempts WHERE job = ? AND message IS NOT NULL ORDER BY number DESC LIMIT 1", [id])
    }

    /// What this host keeps from being sent is tried for a long time, and not without end: after
    /// `StorePolicy.localPatience` each further try counts as a failed attempt.
    ///
    /// - Returns: nil for what is no such failure, or not for long enough yet.
    private func localFailure(_ report: CallReport, of job: JobRow) throws -> Lifecycle.Event? {
        guard report.isLocal, case .notSent(let trouble) = report.outcome else { return nil }
        let unsent = try unsent(job.id)
        // Many tries, too: the clock alone may have been set.
        guard let first = unsent.since, now >= first + policy.localPatience, unsent.count >= Self.localTries else {
            return nil
        }
        return .attemptFailed(.hostFailed(trouble: trouble), nextTry: try nextTry(for: job, after: report))
    }

    /// Calls in a row up to the latest that the API did not serve and that are no attempts, and when the first of them began.
    private func unsent(_ id: JobID) throws -> (count: Int, since: Timestamp?) {
        let row = try row(
            """
            SELECT count(*) AS count, min(begun_at) AS since FROM attempts
            WHERE job = ?1 AND (outcome IS NULL OR outcome IN (\(AttemptSettlement.uncounted))) AND number > coalesce(
                (SELECT max(number) FROM attempts WHERE job = ?1 AND outcome NOT IN (\(AttemptSettlement.uncounted))), 0)
            """, [id])
        return (row?["count"] ?? 0, row?["since"])
    }

    /// When a job may be called again.
    private func nextTry(for job: JobRow, after report: CallReport) throws -> Timestamp {
        let gate = try gate(of: job.lane)
        let party = LaneGate.Party(job: job.id, uid: job.uid)
        if !report.isLocal, let opening = gate.opens(for: party, after: now) { return opening + Self.turnOfOthers }
        if case .rateLimited(_, .some(let retryAfter)) = report.outcome { return now + retryAfter }
        let isUncounted =
            switch report.outcome.event(nextTry: now) {
            case .deferred: true
            default: false
            }
        let failures = isUncounted ? try unsent(job.id).count : job.lifecycle.strikes + 1
        return now + policy.attemptBackoff.pause(failures: failures, using: &generator)
    }

    /// No call that the gates know of is in flight.
    func forgetCallsInFlight() throws {
        for row in try db.rows("SELECT endpoint, model FROM lanes") {
            var gate = try gate(of: Lane(row))
            gate.forgetCallsInFlight()
            try write(gate, of: Lane(row))
        }
    }

    /// The row of the job while that call of it is open.
    func callingJob(_ call: CallID) throws -> Row? {
        try row(
            """
            SELECT \(JobRow.columns) FROM jobs
            WHERE id = ? AND state = 'running' AND phase = 'calling' AND attempt = ?
            """, [call.job, call.attempt])
    }

    /// Ends the current call of a job, with the pictures that it brought.
    ///
    /// - Parameter event: what it means for the job, if that is not what its outcome says.
    func end(
        _ job: JobRow, with report: CallReport, pictures: [NewPicture] = [], event: Lifecycle.Event? = nil
    ) throws -> Advance {
        let advance = try end(job, with: report, event: event)
        guard case .advanced(.running) = advance else { return advance }
        try add(pictures, to: job, attempt: job.lifecycle.attempt)
        let end = try settleIfComplete(job.id) ?? advance
        for case .saved(let stored) in pictures { try mend(stored.hash, picture: stored) }
        return end
    }

    private func end(_ job: JobRow, with report: CallReport, event: Lifecycle.Event?) throws -> Advance {
        let event = try event ?? report.outcome.event(nextTry: nextTry(for: job, after: report))
        var settlement = AttemptSettlement(report)
        // The ledger says which calls counted.
        if report.isLocal, case .attemptFailed = event { settlement.outcome = AttemptSettlement.hostFailed }
        let advance = try advance(job, event, settlement: settlement)
        if case .advanced(let state) = advance {
            let kind: EventKind
            switch (state, event) {
            case (.queued, .deferred): kind = .deferred
            case (.queued, _): kind = .attemptFailed
            case (.running, _): kind = .answered
            case (.done, _): kind = .done
            case (.failed, _): kind = .failed
            }
            try log(kind, job: job.id, uid: job.uid, state: state)
        }
        return advance
    }

    private func add(_ pictures: [NewPicture], to job: JobRow, attempt: Int) throws {
        let last = try value(Int.self, "SELECT max(position) FROM pictures WHERE job = ?", [job.id]) ?? 0
        let insert = """
            INSERT INTO pictures (job, position, attempt, state, link, deadline, next_try_at, message,
                hash, media_type, width, height, bytes)
            VALUES (:job, :position, :attempt, :state, :link, :deadline, :next_try_at, :message,
                :hash, :media_type, :width, :height, :bytes)
            """
        for (offset, picture) in pictures.enumerated() {
            if case .link = picture { wakeDownloads() }
            let new = NewRow(picture, now: now)
            try execute(
                insert,
                [
                    "job": job.id, "position": last + 1 + offset, "attempt": attempt, "state": new.state,
                    "link": new.link, "deadline": new.deadline, "next_try_at": new.nextTryAt, "message": new.message,
                    "hash": new.hash, "media_type": new.stored?.mediaType, "width": new.stored?.width,
                    "height": new.stored?.height, "bytes": new.stored?.bytes,
                ])
        }
    }

    /// Ends an archiving job whose pictures of the current attempt are all saved or can never be.
    ///
    /// - Returns: nil while some are still to be fetched.
    func settleIfComplete(_ id: JobID) throws -> Advance? {
        guard
            let row = try row(
                """
                SELECT \(JobRow.columns),
                    (SELECT message FROM attempts WHERE attempts.job = jobs.id AND number = jobs.attempt) AS defect,
                    count(*) FILTER (WHERE pictures.state = 'pending') AS pending_pictures,
                    count(*) FILTER (WHERE pictures.state = 'saved') AS saved_pictures,
                    count(*) FILTER (WHERE pictures.state = 'lost') AS lost_pictures,
                    count(*) FILTER (WHERE pictures.state = 'unusable') AS unusable_pictures
                FROM jobs LEFT JOIN pictures ON pictures.job = jobs.id AND pictures.attempt = jobs.attempt
                WHERE jobs.id = ? AND jobs.state = 'running' AND jobs.phase = 'archiving' GROUP BY jobs.id
                """, [id])
        else { return .stale }
        guard row["pending_pictures"] == 0 else { return nil }
        let job = try JobRow(row)
        let settlement = Settlement(
            wanted: job.images, saved: row["saved_pictures"], lost: row["lost_pictures"],
            unusable: row["unusable_pictures"], defect: row["defect"], remarks: try remarks(on: job))
        let advance = try advance(job, .settled(settlement))
        if case .advanced(let state) = advance {
            try log(state == .done ? .done : .failed, job: id, uid: job.uid, state: state)
        }
        return advance
    }

    /// Flaws and losses of the pictures of a job's current attempt, all of which have ended.
    private func remarks(on job: JobRow) throws -> [Settlement.Remark] {
        let rows = try db.rows(
            """
            SELECT position, state, message, hash IS NOT NULL AS is_kept FROM pictures
            WHERE job = ? AND attempt = ? AND message IS NOT NULL ORDER BY position
            """, [job.id, job.lifecycle.attempt])
        return rows.map { row in
            let about: Settlement.Remark.About =
                switch row["state"] as String {
                case "saved": .flaw
                case "lost": .lost
                default: .unusable(isKept: row["is_kept"])
                }
            return .init(index: row["position"], about: about, message: row["message"])
        }
    }
}

extension CallOutcome {
    /// What an outcome shows of its lane: an answer none of whose pictures can be used is one without a picture.
    fileprivate func shown(by pictures: [NewPicture]) -> CallOutcome {
        guard case .answered(let answer) = self, !pictures.isEmpty, pictures.allSatisfy(\.isUnusable) else {
            return self
        }
        return .noImage(answer)
    }
}

extension NewPicture {
    fileprivate var isUnusable: Bool {
        if case .unusable = self { true } else { false }
    }
}

/// A new picture spread over the columns of its row.
private struct NewRow {
    var state: String
    var link: String?
    var deadline: Timestamp?
    var nextTryAt: Timestamp?
    var message: PictureTrouble?
    var hash: ContentHash?
    var stored: StoredPicture?

    init(_ picture: NewPicture, now: Timestamp) {
        switch picture {
        case .link(let link, let deadline):
            (state, self.link, self.deadline, nextTryAt) = ("pending", link, deadline, now)
        case .saved(let stored):
            (state, message, hash, self.stored) = ("saved", stored.flaw.map(PictureTrouble.said), stored.hash, stored)
        case .unusable(let hash, let message):
            (state, self.message, self.hash) = ("unusable", message, hash)
        case .lost(let link, let message):
            (state, self.link, deadline, self.message) = ("lost", link, link.map { _ in now }, message)
        }
    }
}
