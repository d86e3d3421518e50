package import FluxqModel

/// The right to make one call; the intent is on the disk.
package struct Claim: Hashable, Sendable {
    package let job: JobID
    package let uid: UInt32
    package let lane: Lane
    /// The fence: every later write of this call carries it.
    package let attempt: Int
    package let request: EditRequest
    /// The media type of the request's picture, if that is in the archive.
    package let inputMediaType: String?
    package let begunAt: Timestamp
    /// The number of the call in its lane, from 1.
    package let number: Int

    package init(
        job: JobID, uid: UInt32, lane: Lane, attempt: Int, request: EditRequest, inputMediaType: String?,
        begunAt: Timestamp, number: Int = 0
    ) {
        self.job = job
        self.uid = uid
        self.lane = lane
        self.attempt = attempt
        self.request = request
        self.inputMediaType = inputMediaType
        self.begunAt = begunAt
        self.number = number
    }
}

extension Claim {
    package var call: CallID { CallID(job: job, attempt: attempt) }

    /// The call in the form that the gate of its lane uses.
    var callInLane: LaneGate.Call { .init(number: number, party: .init(job: job, uid: uid), begunAt: begunAt) }
}

extension Store {
    package enum ClaimResult: Hashable, Sendable {
        case claimed(Claim)
        /// Nothing may be called now. `until`: the time when that changes; nil if only a change of the store can change
        /// it.
        case nothing(until: Timestamp?)
    }

    /// Takes the next job that may be called and commits the intent to call it.
    ///
    /// - Parameter inFlight: the number of unanswered calls in each lane; nil uses the database's number.
    package func claim(inFlight: [Lane: Int]? = nil) async throws(StoreError) -> ClaimResult {
        try await write { transaction in try transaction.claim(inFlight: inFlight) }
    }

    /// True if any endpoint has a free place for another call.
    package func hasPlace(inFlight: [Lane: Int]) -> Bool {
        policy.catalog.endpoints.contains { endpoint in
            inFlight.reduce(0) { $0 + ($1.key.endpoint == endpoint.name ? $1.value : 0) } < endpoint.concurrency
        }
    }
}

extension Transaction {
    /// The maximum number of owners found at their limits in one claim, so that no transaction is long; the next claim
    /// continues.
    private static let mostPassedBy = 100

    fileprivate func claim(inFlight: [Lane: Int]?) throws -> Store.ClaimResult {
        if try gate().pause != nil { return .nothing(until: nil) }
        let hasMoreToMove = try prepareLines()
        try endPausesOfAnotherClock()
        try admitDueOwners()
        try refreshLines()

        let inFlight = try inFlight ?? callsInFlight()
        let endpoints = policy.catalog.endpoints
        let first = memory.use { $0.nextEndpoint }
        var left = Self.mostPassedBy
        var opening: Timestamp?
        for offset in endpoints.indices {
            let index = (first + offset) % endpoints.count
            let endpoint = endpoints[index]
            let calling = inFlight.reduce(0) { $0 + ($1.key.endpoint == endpoint.name ? $1.value : 0) }
            guard calling < endpoint.concurrency else { continue }
            if let next = try spacing(of: endpoint)?.next(after: now) {
                opening = min(opening ?? next, next)
                continue
            }
            switch try claim(at: endpoint, inFlight: inFlight, mayPassBy: &left) {
            case .claimed(let claim):
                // Rotates the endpoints, so that one with fast answers does not leave another one's places empty.
                memory.use { $0.nextEndpoint = (index + 1) % endpoints.count }
                return .claimed(claim)
            case .nothing(let until):
                if let until { opening = min(opening ?? until, until) }
            }
        }
        if hasMoreToMove || left <= 0 { return .nothing(until: now) }
        return .nothing(until: [opening, try nextOwnerComes()].compactMap(\.self).min())
    }

    /// The owner who is next in one lane.
    private struct Candidate {
        let lane: Lane
        let turn: FairShare.Turn
        let fitness: LaneGate.Fitness
    }

    private func claim(
        at endpoint: ModelCatalog.Endpoint, inFlight: [Lane: Int], mayPassBy left: inout Int
    ) throws -> Store.ClaimResult {
        var opening: Timestamp?
        while left > 0 {
            opening = nil
            var candidates: [Candidate] = []
            for lane in memory.use({ $0.lanesWithWork(of: endpoint) }) {
                let gate = try gate(of: lane)
                let places = gate.places(ceiling: endpoint.concurrency)
                guard inFlight[lane, default: 0] < places else { continue }
                if let candidate = try candidate(in: lane, gate) { candidates.append(candidate) }
                if let looksAgain = gate.looksAgain(after: now) { opening = min(opening ?? looksAgain, looksAgain) }
            }
            guard let next = candidates.min(by: { $0.turn < $1.turn }) else { return .nothing(until: opening) }

            // The turn decides which owner is next; the owner's priorities decide which of the owner's jobs.
            let uid = next.turn.uid
            var best: (lane: Lane, job: LineMemory.FirstJob)?
            for candidate in candidates {
                let isOpen = candidate.fitness == .open
                let isOwn = candidate.turn.uid == uid
                let mayCall = try isOwn || isOpen && fitness(of: uid, in: candidate.lane) == .open
                guard mayCall, let job = try firstJob(of: uid, in: candidate.lane) else { continue }
                if best.map({ job.precedes($0.job) }) ?? true { best = (candidate.lane, job) }
            }
            guard let best, let owner = try owner(uid),
                let row = try row("SELECT \(JobRow.columns), request FROM jobs WHERE id = ?", [best.job.id])
            else {
                throw StoreError.damaged("owner \(uid) has ready jobs by their count and none by their rows")
            }
            if owner.isHeldBack {
                memory.use { $0.mark(uid, in: best.lane, .init(since: now, until: nil)) }
                left -= 1
                continue
            }
            let job = try JobRow(row)
            let limits = LimitsReader(db: db, policy: policy, now: now)
            if let reached = try limits.obstacle(toCalling: job.images, in: job.lane, of: owner) {
                // The mark makes the check happen once: until a change, no claim looks at this owner again.
                memory.use { state in
                    let timedAt = state.lines?[best.lane]?.waiters[uid]?.timedAt
                    state.mark(
                        uid, in: best.lane,
                        .init(since: now, until: [reached.freesAt, timedAt].compactMap(\.self).min()))
                }
                left -= 1
                continue
            }
            return .claimed(try claim(job, for: job.request(row), of: owner, in: best.lane))
        }
        return .nothing(until: now)
    }

    /// The first owner in the order of the lane who may call; under a hold, the first of those whose call would prove
    /// most.
    private func candidate(in lane: Lane, _ gate: LaneGate) throws -> Candidate? {
        let order = memory.use { $0.lines?[lane]?.order ?? [] }
        if gate.isOpenToAll(at: now) {
            return order.first.map { Candidate(lane: lane, turn: $0, fitness: .open) }
        }
        let canOnlyWait = try canOnlyWait(lane, gate)
        var best: Candidate?
        for turn in order {
            guard let job = try firstJob(of: turn.uid, in: lane),
                let fitness = gate.fitness(of: .init(job: job.id, uid: turn.uid), at: now, canOnlyWait: canOnlyWait)
            else { continue }
            if best.map({ fitness < $0.fitness }) ?? true { best = Candidate(lane: lane, turn: turn, fitness: fitness) }
            if fitness <= .unconcerned { break }
        }
        return best
    }

    private func fitness(of uid: UInt32, in lane: Lane) throws -> LaneGate.Fitness? {
        guard let job = try firstJob(of: uid, in: lane) else { return nil }
        return try gate(of: lane).fitness(of: .init(job: job.id, uid: uid), at: now)
    }

    /// True if a lane is held because pictures could not be downloaded, and bought pictures of it are still pending.
    func canOnlyWait(_ lane: Lane, _ gate: LaneGate) throws -> Bool {
        guard gate.hold?.cause == .undeliverable else { return false }
        let pending = try row(
            """
            SELECT 1 FROM jobs JOIN pictures ON pictures.job = jobs.id AND pictures.state = 'pending'
            WHERE phase = 'archiving' AND endpoint = ? AND model = ? LIMIT 1
            """, [lane.endpoint, lane.model])
        return pending != nil
    }

    /// The owner's first job by priority. It keeps its place: a smaller job does not overtake it when a limit is nearly
    /// reached.
    private func firstJob(of uid: UInt32, in lane: Lane) throws -> LineMemory.FirstJob? {
        func waiter() -> LineMemory.Waiter? {
            memory.use { $0.lines?[lane]?.marks[uid] == nil ? $0.lines?[lane]?.waiters[uid] : nil }
        }
        if let timedAt = waiter()?.timedAt, timedAt <= now {
            try admitDueJobs(of: uid, in: lane)
            try refreshLines()
        }
        guard let waiter = waiter() else { return nil }
        if let first = waiter.first { return first }
        guard let row = try row(Self.firstJobOfOwner, [uid, lane.endpoint, lane.model]) else { return nil }
        let first = LineMemory.FirstJob(id: row["id"], priority: row["priority"])
        memory.use { $0.lines?[lane]?.know(first, of: uid) }
        return first
    }

    static let firstJobOfOwner = """
        SELECT id, priority FROM jobs
        WHERE uid = ? AND endpoint = ? AND model = ? AND state = 'queued' AND not_before IS NULL
        ORDER BY priority DESC, id LIMIT 1
        """

    private func claim(
        _ job: JobRow, for request: EditRequest, of owner: OwnerRow, in lane: Lane
    ) throws -> Claim {
        guard case .advanced = try advance(job, .claimed) else {
            throw StoreError.damaged("job \(job.id) is queued and cannot be claimed")
        }
        try takeTurn(owner, in: lane, images: job.images)
        var gate = try gate(of: lane)
        let number = gate.begin(.init(job: job.id, uid: job.uid), at: now)
        try write(gate, of: lane)
        try log(.claimed, job: job.id, uid: job.uid, state: .running)
        let mediaType = try job.input.flatMap { hash in
            try value(String.self, "SELECT media_type FROM inputs WHERE uid = ? AND hash = ?", [job.uid, hash])
        }
        return Claim(
            job: job.id, uid: job.uid, lane: lane, attempt: job.lifecycle.attempt + 1, request: request,
            inputMediaType: mediaType, begunAt: now, number: number)
    }

    private func callsInFlight() throws -> [Lane: Int] {
        let rows = try db.rows(
            """
            SELECT endpoint, model, count(*) AS calls FROM jobs WHERE phase = 'calling'
            GROUP BY endpoint, model
            """)
        return Dictionary(uniqueKeysWithValues: rows.map { (Lane($0), $0["calls"]) })
    }

    /// Ends pauses that were set before the clock was set back, because their remaining time is unknown.
    private func endPausesOfAnotherClock() throws {
        let rows = try db.rows(
            """
            SELECT id, uid, endpoint, model FROM jobs
            WHERE after_backoff = 1 AND started_at > ? LIMIT 100
            """, [now])
        for row in rows {
            try execute("UPDATE jobs SET not_before = NULL, after_backoff = 0 WHERE id = ?", [row["id"] as JobID])
            memory.touch(Lane(row), row["uid"])
        }
    }
}

extension Lane {
    /// Reads a row of `jobs`, `lines` or `lanes`.
    init(_ row: Row) {
        self.init(endpoint: row["endpoint"], model: row["model"])
    }
}
