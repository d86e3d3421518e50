package import FluxqModel
import GRDB
import Synchronization

/// The right to make one call: the intent is on the disk.
package struct Claim: Hashable, Sendable {
    package let job: JobID
    package let uid: UInt32
    package let lane: Lane
    /// The fence: every later write of this call carries it.
    package let attempt: Int
    package let request: EditRequest
    /// Of the request's picture, where that is in the archive.
    package let inputMediaType: String?
    package let begunAt: Timestamp
    /// The `since` of the hold that this call probes; nil where the queue is not held.
    package let probing: Timestamp?

    package init(
        job: JobID, uid: UInt32, lane: Lane, attempt: Int, request: EditRequest, inputMediaType: String?,
        begunAt: Timestamp, probing: Timestamp? = nil
    ) {
        self.job = job
        self.uid = uid
        self.lane = lane
        self.attempt = attempt
        self.request = request
        self.inputMediaType = inputMediaType
        self.begunAt = begunAt
        self.probing = probing
    }
}

extension Claim {
    package var call: CallID { CallID(job: job, attempt: attempt) }
}

extension Store {
    package enum ClaimResult: Hashable, Sendable {
        case claimed(Claim)
        /// Nothing may be called now. `until`: when that changes by itself; nil where only a change of the store can.
        case nothing(until: Timestamp?)
    }

    /// Takes the next job that may be called and commits the intent to call it.
    package func claim() async throws(StoreError) -> ClaimResult {
        let known = marksBasis.withLock { $0 }
        let (result, basis) = try await write { transaction in
            let basis = LimitBasis(transaction.policy)
            // Marks of an earlier start, or of before a reload, say nothing about these limits.
            if basis != known { try transaction.liftAllMarks() }
            return (try transaction.claim(), basis)
        }
        marksBasis.withLock { $0 = basis }
        return result
    }
}

extension Transaction {
    /// Owners found at their limits in one claim at most, so that no transaction is long; the next one goes on.
    private static let mostPassedBy = 100

    fileprivate func claim() throws -> Store.ClaimResult {
        let calling =
            try value(Int.self, "SELECT count(*) FROM jobs WHERE state = 'running' AND phase = 'calling'") ?? 0
        let gate = try gate()
        if case .closed(let until) = gate.admission(at: now, calling: calling) { return .nothing(until: until) }

        try endPausesOfAnotherClock()
        try admitDueOwners()
        try readmitBlockedOwners()
        for _ in 0..<Self.mostPassedBy {
            guard let owner = try nextOwner() else { return .nothing(until: try nextOwnerComes()) }
            if let timedAt = owner.timedAt, timedAt <= now { try admitDueJobs(of: owner.uid) }
            guard let job = try nextJob(of: owner.uid) else {
                throw StoreError.damaged("owner \(owner.uid) has ready jobs by their count and none by their rows")
            }
            if let reached = try LimitsReader(db: db, policy: policy, now: now).obstacle(to: job.request, of: owner) {
                // The mark costs once; until something changes, no claim looks at this owner again.
                try block(owner, by: reached)
                continue
            }
            return .claimed(try claim(job, of: owner, under: gate.hold?.since))
        }
        return .nothing(until: now)
    }

    private func claim(_ job: JobRow, of owner: OwnerRow, under hold: Timestamp?) throws -> Claim {
        guard case .advanced = try advance(job, .claimed) else {
            throw StoreError.damaged("job \(job.id) is queued and cannot be claimed")
        }
        try takeTurn(owner, images: job.request.imagesWanted)
        try rememberCall()
        try log(.claimed, job: job.id, uid: job.uid, state: .running)
        let mediaType = try job.input.flatMap { hash in
            try value(String.self, "SELECT media_type FROM inputs WHERE uid = ? AND hash = ?", [job.uid, hash])
        }
        return Claim(
            job: job.id, uid: job.uid,
            lane: Lane(endpoint: Lane.defaultEndpoint, model: job.request.model), attempt: job.lifecycle.attempt + 1,
            request: job.request,
            inputMediaType: mediaType, begunAt: now, probing: hold)
    }

    /// A pause that was set by a clock which has been set back since is over: how much of it is left nobody can tell.
    private func endPausesOfAnotherClock() throws {
        try execute(
            """
            UPDATE jobs SET not_before = NULL, after_backoff = 0 WHERE id IN (
                SELECT id FROM jobs WHERE state = 'queued' AND after_backoff = 1 AND started_at > ? LIMIT 100)
            """, [now])
    }

    /// Priorities count among one owner's jobs alone, and the first keeps its place: a smaller one does not slip past it
    /// when a limit is nearly reached.
    private func nextJob(of uid: UInt32) throws -> JobRow? {
        try row(
            """
            SELECT * FROM jobs WHERE uid = ? AND state = 'queued' AND not_before IS NULL
            ORDER BY priority DESC, id LIMIT 1
            """, [uid]
        ).map(JobRow.init)
    }
}
