package import FluxqModel
import GRDB

/// A picture of an answer that has just come.
package enum NewPicture: Hashable, Sendable {
    /// To be fetched.
    case link(String, deadline: Timestamp)
    /// Came inline and is in the archive.
    case saved(StoredPicture)
    /// Came, but is no whole picture; its bytes, where there are any, are in the archive under that hash.
    case unusable(ContentHash?, message: String)
    /// A link that can never be right.
    case lost(link: String, message: String)
}

extension Store {
    /// Commits what came of a call: the job's next state, its ledger row and its pictures, and what it means for the queue.
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
    /// How long other jobs go first once the queue opens after a job's call has closed it.
    private static let turnOfOthers = Duration.seconds(1)

    fileprivate func record(_ report: CallReport, of claim: Claim, pictures: [NewPicture]) throws -> Advance {
        var gate = try gate()
        let before = gate
        let isAlone = try isRefusedAlone(report, claim.job)
        if !report.isLocal, !isAlone {
            gate.record(report.outcome, probing: claim.probing, now: now, pauses: policy.pauses, using: &generator)
        }
        if gate != before { try write(gate) }
        if !report.isLocal, report.outcome.showsWorkingAccount { try execute("UPDATE queue SET worked_at = ?", [now]) }
        // Even where the gate stays as it was: a place has become free.
        wakeWorkers()

        guard let row = try callingJob(claim.call) else { return .stale }
        return try end(try JobRow(row), with: report, pictures: pictures, isAlone: isAlone, gate: gate)
    }

    /// Whether the API refuses this job for the account's sake once more, though the account has worked for others since it
    /// did so last: then it is the job that cannot be called, such as for a model that the key may not use.
    private func isRefusedAlone(_ report: CallReport, _ job: JobID) throws -> Bool {
        guard case .accountClosed = report.outcome, !report.isLocal else { return false }
        let found = try row(
            """
            SELECT 1 FROM attempts, queue
            WHERE job = ? AND outcome IN ('account_closed', '\(AttemptSettlement.refusedAlone)') AND settled_at < worked_at
            LIMIT 1
            """, [job])
        return found != nil
    }

    /// The row of the job while that call of it is open.
    func callingJob(_ call: CallID) throws -> Row? {
        try row(
            "SELECT * FROM jobs WHERE id = ? AND state = 'running' AND phase = 'calling' AND attempt = ?",
            [call.job, call.attempt])
    }

    /// Ends the current call of a job, with the pictures that it brought.
    ///
    /// - Parameters:
    ///   - isAlone: see `isRefusedAlone`.
    ///   - gate: as the call has left it.
    func end(
        _ job: JobRow, with report: CallReport, pictures: [NewPicture] = [], isAlone: Bool = false, gate: QueueGate
    ) throws -> Advance {
        let advance = try end(job, with: report, isAlone: isAlone, gate: gate)
        guard case .advanced(.running) = advance else { return advance }
        try add(pictures, to: job, attempt: job.lifecycle.attempt)
        let end = try settleIfComplete(job.id) ?? advance
        for case .saved(let stored) in pictures { try mend(stored.hash, picture: stored) }
        return end
    }

    private func end(
        _ job: JobRow, with report: CallReport, isAlone: Bool, gate: QueueGate
    ) throws -> Advance {
        let nextTry: Timestamp
        if !isAlone, let opening = gate.opens(after: now) {
            nextTry = opening + Self.turnOfOthers
        } else {
            nextTry = now + policy.attemptBackoff.pause(failures: job.lifecycle.strikes + 1, using: &generator)
        }
        var event = report.outcome.event(nextTry: nextTry)
        var settlement = AttemptSettlement(report)
        if isAlone, case .accountClosed(let error) = report.outcome {
            event = .attemptFailed(
                .init(
                    reason: .exhausted,
                    message: "The API refuses this job, and not those of others: \(error.message)", error: error),
                nextTry: nextTry)
            settlement.outcome = AttemptSettlement.refusedAlone
        }
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
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        for (offset, picture) in pictures.enumerated() {
            let position = last + 1 + offset
            switch picture {
            case .link(let link, let deadline):
                try execute(
                    insert, [job.id, position, attempt, "pending", link, deadline, now, nil, nil, nil, nil, nil, nil])
            case .saved(let stored):
                try execute(
                    insert,
                    [
                        job.id, position, attempt, "saved", nil, nil, nil, nil, stored.hash, stored.mediaType,
                        stored.width,
                        stored.height, stored.bytes,
                    ])
            case .unusable(let hash, let message):
                try execute(
                    insert, [job.id, position, attempt, "unusable", nil, nil, nil, message, hash, nil, nil, nil, nil])
            case .lost(let link, let message):
                try execute(
                    insert, [job.id, position, attempt, "lost", link, now, nil, message, nil, nil, nil, nil, nil])
            }
        }
    }

    /// Ends an archiving job whose pictures of the current attempt are all saved or can never be.
    ///
    /// - Returns: nil while some are still to be fetched.
    func settleIfComplete(_ id: JobID) throws -> Advance? {
        guard
            let row = try row(
                """
                SELECT jobs.*,
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
        let settlement = Lifecycle.Settlement(
            wanted: job.request.imagesWanted, saved: row["saved_pictures"], lost: row["lost_pictures"],
            unusable: row["unusable_pictures"], defect: row["defect"])
        let advance = try advance(job, .settled(settlement))
        if case .advanced(let state) = advance {
            try log(state == .done ? .done : .failed, job: id, uid: job.uid, state: state)
        }
        return advance
    }
}
