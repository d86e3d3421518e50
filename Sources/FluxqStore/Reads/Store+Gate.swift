package import FluxqModel

/// How the queue is doing, and one owner's part in it.
package struct QueueOverview: Hashable, Sendable {
    package var gate: QueueGate
    /// The administrator's name, if the queue is paused.
    package var pausedBy: String?
    /// The lanes that are configured by name, have been called or have jobs, by endpoint and model.
    package var lanes: [LaneOverview] = []
    /// The owner's jobs by state.
    package var counts: [JobState: Int]
    package var usage: OwnerUsage
}

/// How one lane is doing.
package struct LaneOverview: Hashable, Sendable {
    package var lane: Lane
    package var gate: LaneGate
    /// An endpoint that is configured offers the model; jobs of other lanes wait.
    package var isOffered: Bool
    /// Calls in flight at most, as the lane has learnt.
    package var callsAtOnce: Int
    /// Whether the lane is closed for the caller's own jobs alone, or for everybody's.
    package var isSuspect: Bool
    /// When the endpoint's rate allows the next call, if that is not yet.
    package var nextCallAt: Timestamp?
    /// Whether anybody's jobs are queued in it.
    package var hasJobs: Bool
}

extension Store {
    package func queue(of caller: User) async throws(StoreError) -> QueueOverview {
        let policy = policy
        return try await read { [shortage] db, now in
            let owner = try db.row("SELECT queued, running, done, failed FROM owners WHERE uid = ?", [caller.uid])
            let gate = try QueueGate(db, shortage: shortage.present)
            return QueueOverview(
                gate: gate,
                pausedBy: try gate.pause.flatMap { pause in
                    try db.value(String.self, "SELECT name FROM owners WHERE uid = ?", [pause.uid])
                },
                lanes: try GateReader(db: db, policy: policy, now: now).overview(for: caller.uid),
                counts: Dictionary(uniqueKeysWithValues: JobState.allCases.map { ($0, owner?[$0.rawValue] ?? 0) }),
                usage: try LimitsReader(db: db, policy: policy, now: now).usage(of: caller))
        }
    }

    /// The gate of a lane; that of one which has never been called is open.
    package func gate(of lane: Lane) async throws(StoreError) -> LaneGate {
        try await read { [policy] db, now in try GateReader(db: db, policy: policy, now: now).gate(of: lane) }
    }

    /// Says that the file system of the state directory has no room, or nil that it has again.
    package func report(_ present: Shortage?) {
        if shortage.replace(present) != present { signal.notify([.calls]) }
    }
}

/// Reads the gates of lanes, in whatever transaction it is asked.
struct GateReader {
    let db: any Connection
    let policy: StorePolicy
    let now: Timestamp

    func gate(of lane: Lane) throws -> LaneGate {
        let row = try db.row("SELECT * FROM lanes WHERE endpoint = ? AND model = ?", [lane.endpoint, lane.model])
        return try row.map(LaneGate.init) ?? LaneGate()
    }

    func spacing(of endpoint: String) throws -> CallSpacing? {
        guard let interval = policy.catalog.endpoint(endpoint)?.callInterval else { return nil }
        let last = try db.value(
            Timestamp.self, "SELECT last_call_at FROM endpoints WHERE name = ? AND last_call_at IS NOT NULL", [endpoint]
        )
        return CallSpacing(interval: interval, lastCallAt: last)
    }

    func overview(for uid: UInt32) throws -> [LaneOverview] {
        let rows = try db.rows("SELECT * FROM lanes")
        var gates = Dictionary(uniqueKeysWithValues: try rows.map { (Lane($0), try LaneGate($0)) })
        let waiting = try db.rows(Self.lanesWithJobs).map(Lane.init)
        for lane in policy.catalog.lanes + waiting where gates[lane] == nil { gates[lane] = LaneGate() }
        let hasJobs = Set(waiting)
        return try gates.compactMap { lane, gate -> LaneOverview? in
            let endpoint = policy.catalog.endpoint(lane.endpoint)
            let isOffered = endpoint?.offers(lane.model) ?? false
            // What is configured no longer is of interest as long as somebody waits for it.
            guard isOffered || hasJobs.contains(lane) else { return nil }
            return LaneOverview(
                lane: lane, gate: gate, isOffered: isOffered,
                callsAtOnce: isOffered ? gate.places(ceiling: endpoint?.concurrency ?? 0) : 0,
                isSuspect: gate.isSuspect(.init(job: JobID(rawValue: 0), uid: uid)),
                nextCallAt: try spacing(of: lane.endpoint)?.next(after: now), hasJobs: hasJobs.contains(lane))
        }.sorted { $0.lane < $1.lane }
    }

    /// Every lane that has queued jobs: a seek for each, however many owners wait.
    static let lanesWithJobs = """
        WITH RECURSIVE lane (endpoint, model) AS (
            SELECT * FROM (SELECT endpoint, model FROM lines ORDER BY endpoint, model LIMIT 1) AS first
            UNION ALL
            SELECT next.endpoint, next.model FROM lane JOIN lines AS next ON (next.endpoint, next.model, next.uid) = (
                SELECT endpoint, model, uid FROM lines WHERE (endpoint, model) > (lane.endpoint, lane.model)
                ORDER BY endpoint, model, uid LIMIT 1))
        SELECT * FROM lane
        """
}

extension Transaction {
    func gate() throws -> QueueGate { try QueueGate(db, shortage: shortage) }

    func gate(of lane: Lane) throws -> LaneGate {
        if let known = memory.use({ $0.gates[lane] }) { return known }
        var gate = try GateReader(db: db, policy: policy, now: now).gate(of: lane)
        return memory.use { state in
            // A number is never given out twice in one life.
            gate.calls = max(gate.calls, state.calls[lane] ?? 0)
            state.gates[lane] = gate
            return gate
        }
    }

    /// The number of calls in flight at most, of all lanes of an endpoint.
    func ceiling(of endpoint: String) -> Int { policy.catalog.endpoint(endpoint)?.concurrency ?? 1 }

    func write(_ gate: LaneGate, of lane: Lane) throws {
        let before = try self.gate(of: lane)
        guard gate != before else { return }
        memory.use { state in
            state.gates[lane] = gate
            state.calls[lane] = gate.calls
        }
        // Most calls of a lane that works change nothing that a start needs.
        let hasRow = before.calls > 0
        if hasRow, gate.lasting == before.lasting { return }
        try execute(
            """
            INSERT INTO lanes (endpoint, model, held_cause, held_at, held_message, held_job, held_uid, probes, checked_at,
                probe_at, rate_limited_at, rate_limited_until, rate_limits, pace, calls, evidence)
            VALUES (:endpoint, :model, :held_cause, :held_at, :held_message, :held_job, :held_uid, :probes, :checked_at,
                :probe_at, :rate_limited_at, :rate_limited_until, :rate_limits, :pace, :calls, :evidence)
            ON CONFLICT (endpoint, model) DO UPDATE SET held_cause = excluded.held_cause, held_at = excluded.held_at,
                held_message = excluded.held_message, held_job = excluded.held_job, held_uid = excluded.held_uid,
                probes = excluded.probes, checked_at = excluded.checked_at, probe_at = excluded.probe_at,
                rate_limited_at = excluded.rate_limited_at, rate_limited_until = excluded.rate_limited_until,
                rate_limits = excluded.rate_limits, pace = excluded.pace, calls = excluded.calls,
                evidence = excluded.evidence
            """,
            [
                "endpoint": lane.endpoint, "model": lane.model, "held_cause": gate.hold?.cause.rawValue,
                "held_at": gate.hold?.since, "held_message": gate.hold?.message,
                "held_job": gate.hold?.closedBy?.job, "held_uid": gate.hold?.closedBy?.uid,
                "probes": gate.hold?.probes ?? 0, "checked_at": gate.hold?.checkedAt, "probe_at": gate.hold?.probeAt,
                "rate_limited_at": gate.rateLimit?.since, "rate_limited_until": gate.rateLimit?.until,
                "rate_limits": gate.rateLimits, "pace": gate.pace.limit, "calls": gate.calls,
                "evidence": try jsonText(gate.evidence),
            ])
        if let hold = gate.hold, before.hold == nil {
            try logQueue(.laneHeld, actor: nil)
            tell(LaneNews(lane: lane, hold: hold))
        } else if gate.hold == nil, before.hold != nil {
            try logQueue(.laneOpened, actor: nil)
            tell(LaneNews(lane: lane, hold: nil))
        }
    }
}

extension QueueGate {
    init(_ db: any Connection, shortage: Shortage?) throws {
        guard let row = try db.row("SELECT * FROM queue") else {
            throw StoreError.damaged("the row of the queue is missing")
        }
        self.init(shortage: shortage)
        if let since: Timestamp = row["paused_at"] { pause = Pause(since: since, uid: row["paused_by"]) }
    }
}

extension LaneGate {
    /// From a row of `lanes`.
    init(_ row: Row) throws {
        self.init(
            rateLimits: row["rate_limits"], calls: row["calls"],
            evidence: row["evidence"] == "{}" ? Evidence() : try row.json("evidence", Evidence.self) ?? Evidence())
        // A database of before lanes has learnt it for the whole queue.
        if pace.limit == nil, let learnt: Int = row["pace"] { pace = CallLimiter(limit: learnt) }
        if let until: Timestamp = row["rate_limited_until"] {
            rateLimit = RateLimit(since: row["rate_limited_at"], until: until)
        }
        if !row.isNull("held_cause") {
            let closer: JobID? = row["held_job"]
            hold = Hold(
                cause: try row.choice("held_cause"), since: row["held_at"], message: row["held_message"],
                probes: row["probes"], checkedAt: row["checked_at"], probeAt: row["probe_at"],
                closedBy: closer.map { Party(job: $0, uid: row["held_uid"]) })
        }
    }
}
