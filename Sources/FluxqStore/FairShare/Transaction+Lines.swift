import FluxqModel

extension LineMemory.State {
    /// Lanes of an endpoint with owners who may be called.
    func lanesWithWork(of endpoint: ModelCatalog.Endpoint) -> [Lane] {
        (lines ?? [:]).compactMap { lane, line in
            lane.endpoint == endpoint.name && endpoint.offers(lane.model) && !line.order.isEmpty ? lane : nil
        }
    }
}

// The lines of owners for the claim.
extension Transaction {
    /// The maximum number of jobs that one claim moves to another lane, so that no transaction is long.
    private static let mostMoved = 1000
    /// The maximum number of jobs of one owner that a claim moves into the line, and of owners.
    private static let mostJobsAdmitted = 100
    private static let mostOwnersAdmitted = 32

    /// Builds the lines if there are none, and applies the configuration.
    ///
    /// - Returns: true if more jobs have to be moved to another lane.
    func prepareLines() throws -> Bool {
        let basis = LimitBasis(policy)
        var hasMoreToMove = false
        if memory.use({ $0.catalog }) != policy.catalog {
            hasMoreToMove = try moveHome()
            if !hasMoreToMove { memory.use { $0.catalog = policy.catalog } }
        }
        let isMade = memory.use { state in
            // Marks from before a reload say nothing about these limits.
            if state.basis != basis { state.clearLimitBlocks() }
            state.basis = basis
            state.liftMarks(at: now)
            return state.lines != nil
        }
        if !isMade { try makeLines() }
        return hasMoreToMove
    }

    private func makeLines() throws {
        let rows = try db.rows(
            """
            SELECT lines.endpoint, model, lines.uid, timed_at, coalesce(virtual_time, 0) AS virtual_time,
                coalesce(last_turn, 0) AS last_turn
            FROM lines LEFT JOIN shares ON shares.uid = lines.uid AND shares.endpoint = lines.endpoint WHERE ready > 0
            ORDER BY virtual_time, last_turn, lines.uid
            """)
        var lines: [Lane: LineMemory.Line] = [:]
        for row in rows { lines[Lane(row), default: .init()].put(LineMemory.Waiter(row)) }
        memory.use { state in
            state.lines = lines
            state.touched = []
        }
    }

    /// Reads the changed rows again.
    func refreshLines() throws {
        let touched = memory.use { state in
            defer { state.touched = [] }
            return state.touched
        }
        for place in touched {
            let row = try row(
                """
                SELECT lines.uid, ready, timed_at, coalesce(virtual_time, 0) AS virtual_time,
                    coalesce(last_turn, 0) AS last_turn
                FROM lines LEFT JOIN shares ON shares.uid = lines.uid AND shares.endpoint = lines.endpoint
                WHERE lines.endpoint = ? AND model = ? AND lines.uid = ?
                """, [place.lane.endpoint, place.lane.model, place.uid])
            let waiter = row.flatMap { $0["ready"] > 0 ? LineMemory.Waiter($0) : nil }
            memory.use { state in
                if let waiter {
                    state.lines?[place.lane, default: .init()].put(waiter)
                } else {
                    state.lines?[place.lane]?.remove(place.uid)
                }
            }
        }
    }

    /// The next time when an owner joins a line without any other change.
    func nextOwnerComes() throws -> Timestamp? {
        let due = try value(
            Timestamp.self, "SELECT min(timed_at) FROM lines WHERE ready = 0 AND timed_at IS NOT NULL")
        return [due, memory.use { $0.marksEnd }].compactMap(\.self).min()
    }

    static let dueOwners = """
        SELECT endpoint, model, uid FROM lines WHERE ready = 0 AND timed_at IS NOT NULL AND timed_at <= ?
        ORDER BY timed_at LIMIT ?
        """

    /// Admits owners who had nothing ready in a lane and whose first job is now due. An owner with many due jobs takes
    /// no place from others: one ready job is enough to be in the line, and the other due jobs follow when its turn
    /// comes.
    func admitDueOwners() throws {
        let due = try db.rows(Self.dueOwners, [now, Self.mostOwnersAdmitted])
        for row in due { try admitDueJobs(of: row["uid"], in: Lane(row)) }
    }

    /// Makes due jobs ready; they get the place of their number.
    func admitDueJobs(of uid: UInt32, in lane: Lane) throws {
        try execute(
            """
            UPDATE jobs SET not_before = NULL, after_backoff = 0 WHERE id IN (
                SELECT id FROM jobs WHERE uid = ? AND endpoint = ? AND model = ? AND state = 'queued'
                    AND not_before IS NOT NULL AND not_before <= ?
                ORDER BY not_before LIMIT ?)
            """, [uid, lane.endpoint, lane.model, now, Self.mostJobsAdmitted])
        memory.touch(lane, uid)
    }

    /// Moves jobs of lanes that are no longer configured to the first endpoint that offers their model. Other jobs of
    /// such lanes wait.
    ///
    /// - Returns: true if there are more of them.
    private func moveHome() throws -> Bool {
        let lanes = try db.rows(GateReader.lanesWithJobs).map(Lane.init)
        var left = Self.mostMoved
        for lane in lanes {
            guard let home = policy.catalog.home(of: lane), home != lane else { continue }
            left -= try execute(
                """
                UPDATE jobs SET endpoint = ?1 WHERE id IN (
                    SELECT jobs.id FROM lines CROSS JOIN jobs
                    WHERE lines.endpoint = ?2 AND lines.model = ?3 AND jobs.uid = lines.uid AND jobs.endpoint = ?2
                        AND jobs.model = ?3 AND state = 'queued' AND not_before IS NULL
                    UNION ALL
                    SELECT jobs.id FROM lines CROSS JOIN jobs
                    WHERE lines.endpoint = ?2 AND lines.model = ?3 AND jobs.uid = lines.uid AND jobs.endpoint = ?2
                        AND jobs.model = ?3 AND state = 'queued' AND not_before IS NOT NULL
                    LIMIT ?4)
                """, [home.endpoint, lane.endpoint, lane.model, left])
            if left <= 0 { break }
        }
        // All lines are rebuilt instead of each owner's.
        if left < Self.mostMoved { memory.forget() }
        return left <= 0
    }

    func endpoint(_ name: String) throws -> LineMemory.Endpoint {
        if let known = memory.use({ $0.endpoints[name] }) { return known }
        let row = try row("SELECT * FROM endpoints WHERE name = ?", [name])
        let endpoint = LineMemory.Endpoint(
            share: FairShare(virtualTime: row?["virtual_time"] ?? 0, turns: row?["turns"] ?? 0),
            lastCallAt: row?["last_call_at"])
        memory.use { $0.endpoints[name] = endpoint }
        return endpoint
    }

    func spacing(of endpoint: ModelCatalog.Endpoint) throws -> CallSpacing? {
        guard let interval = endpoint.callInterval else { return nil }
        return CallSpacing(interval: interval, lastCallAt: try self.endpoint(endpoint.name).lastCallAt)
    }

    /// Moves the virtual times for a claimed call, and records when it began.
    func takeTurn(_ owner: OwnerRow, in lane: Lane, images: Int) throws {
        let weight = try owner.limits(policy.limits).weight
        var endpoint = try endpoint(lane.endpoint)
        let before =
            try row("SELECT * FROM shares WHERE uid = ? AND endpoint = ?", [owner.uid, lane.endpoint])
            .map(FairShare.Turn.init) ?? FairShare.Turn(virtualTime: 0, lastTurn: 0, uid: owner.uid)
        let after = endpoint.share.serve(before, images: images, weight: weight)
        endpoint.lastCallAt = now
        try execute(
            """
            INSERT INTO endpoints (name, virtual_time, turns, last_call_at) VALUES (?, ?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET virtual_time = excluded.virtual_time, turns = excluded.turns,
                last_call_at = excluded.last_call_at
            """, [lane.endpoint, endpoint.share.virtualTime, endpoint.share.turns, now])
        try execute(
            """
            INSERT INTO shares (uid, endpoint, virtual_time, last_turn) VALUES (?, ?, ?, ?)
            ON CONFLICT (uid, endpoint) DO UPDATE SET virtual_time = excluded.virtual_time, last_turn = excluded.last_turn
            """, [owner.uid, lane.endpoint, after.virtualTime, after.lastTurn])
        memory.use { state in
            state.endpoints[lane.endpoint] = endpoint
            for other in Array((state.lines ?? [:]).keys) where other.endpoint == lane.endpoint {
                state.lines?[other]?.move(to: after)
            }
        }
    }
}

extension LineMemory.Waiter {
    /// Reads a row of `lines` and `shares`.
    fileprivate init(_ row: Row) {
        self.init(turn: FairShare.Turn(row), timedAt: row["timed_at"], first: nil)
    }
}

extension FairShare.Turn {
    /// Reads a row of `shares`.
    init(_ row: Row) {
        self.init(virtualTime: row["virtual_time"], lastTurn: row["last_turn"], uid: row["uid"])
    }
}

extension ModelCatalog.Endpoint {
    /// The minimum time between the starts of two calls; nil for none.
    var callInterval: Duration? { ratePerMinute.map { .seconds(60) / $0 } }
}
