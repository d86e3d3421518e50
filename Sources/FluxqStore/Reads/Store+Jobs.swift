package import FluxqModel

/// A selection of jobs, newest first.
package struct JobQuery: Hashable, Sendable {
    package var state: JobState?
    package var label: String?
    /// Includes only jobs with a smaller number: the next page.
    package var before: JobID?
    package var limit: Int
    /// The maximum total size of the jobs' requests and errors. A list ends early, though not before its first job.
    package var textBytes: Int
    /// Includes the jobs of all users, if the caller is an administrator.
    package var everybody: Bool

    package init(
        state: JobState? = nil, label: String? = nil, before: JobID? = nil, limit: Int = 50,
        textBytes: Int = .max, everybody: Bool = false
    ) {
        self.state = state
        self.label = label
        self.before = before
        self.limit = limit
        self.textBytes = textBytes
        self.everybody = everybody
    }
}

/// The result of a query.
package struct JobList: Hashable, Sendable {
    package var jobs: [Job] = []
    /// True if there are more jobs, with smaller numbers.
    package var isCut = false
}

extension Store {
    /// The job of that number; nil if there is none, or it belongs to another user and the caller is no administrator.
    package func job(_ id: JobID, for caller: Caller) async throws(StoreError) -> Job? {
        let policy = policy
        return try await read { [shortage, memory] db, now in
            let reader = JobReader(db: db, policy: policy, shortage: shortage.present, now: now, memory: memory)
            guard var job = try reader.job(id, for: caller) else { return nil }
            if job.waiting != nil { job.place = try reader.place(of: job) }
            return job
        }
    }

    package func jobs(_ query: JobQuery, for caller: Caller) async throws(StoreError) -> JobList {
        let policy = policy
        return try await read { [shortage] db, now in
            try JobReader(db: db, policy: policy, shortage: shortage.present, now: now).jobs(query, for: caller)
        }
    }

    /// The result of an earlier submission under the same key; nil if the key is new.
    package func submission(under key: Order.Key, of owner: User) async throws(StoreError) -> Submission? {
        let policy = policy
        return try await read { [shortage] db, now in
            try JobReader(db: db, policy: policy, shortage: shortage.present, now: now)
                .submission(under: key, of: owner)
        }
    }

    /// The archived content of a picture of a job that the caller may see: the picture, or the bytes that came instead.
    package func picture(of id: JobID, index: Int, for caller: Caller) async throws(StoreError) -> ReadableContent? {
        try await read { db, _ in
            let sql = """
                SELECT pictures.hash, pictures.media_type FROM pictures JOIN jobs ON jobs.id = pictures.job
                WHERE jobs.id = ? AND \(Caller.reach) AND pictures.position = ? AND pictures.hash IS NOT NULL
                """
            return try db.row(sql, [id] + caller.reachArguments + [index]).map { row in
                ReadableContent(
                    hash: row["hash"], mediaType: row["media_type"] ?? ReadableContent.unknownMediaType)
            }
        }
    }

    /// The picture that a job edits, if the caller may see the job and the picture is in the archive.
    package func input(of id: JobID, for caller: Caller) async throws(StoreError) -> StoredPicture? {
        try await read { db, _ in
            let sql = """
                SELECT inputs.* FROM inputs JOIN jobs ON jobs.uid = inputs.uid AND jobs.input = inputs.hash
                WHERE jobs.id = ? AND \(Caller.reach)
                """
            return try db.row(sql, [id] + caller.reachArguments).map { StoredPicture($0) }
        }
    }
}

extension Transaction {
    func job(_ id: JobID, for caller: Caller) throws -> Job? {
        try JobReader(db: db, policy: policy, shortage: shortage, now: now).job(id, for: caller)
    }

    func submission(under key: Store.Order.Key, of owner: User) throws -> Store.Submission? {
        try JobReader(db: db, policy: policy, shortage: shortage, now: now).submission(under: key, of: owner)
    }
}

extension StoredPicture {
    /// Reads a row of `pictures` or `inputs`.
    init(_ row: Row) {
        self.init(
            hash: row["hash"], mediaType: row["media_type"], width: row["width"], height: row["height"],
            bytes: row["bytes"])
    }

    /// Reads a row of `pictures`; the message of a saved picture describes its flaw.
    fileprivate init(pictures row: Row) {
        self.init(row)
        if case .said(let text)? = row["message"] as PictureTrouble? { flaw = text }
    }
}

/// Builds jobs from their rows. Every query has the caller in its WHERE.
private struct JobReader {
    let db: any Connection
    let policy: StorePolicy
    let shortage: Shortage?
    let now: Timestamp
    var memory: LineMemory?

    func job(_ id: JobID, for caller: Caller) throws -> Job? {
        let sql = """
            SELECT \(JobRow.document) FROM jobs JOIN owners USING (uid) WHERE jobs.id = ? AND \(Caller.reach)
            """
        guard let row = try db.row(sql, [id] + caller.reachArguments) else { return nil }
        var sight = Sight(gate: try gate)
        var job = try job(row, &sight)
        job.ledger = try ledger(of: id)
        return job
    }

    func submission(under key: Store.Order.Key, of owner: User) throws -> Store.Submission? {
        let sql = "SELECT id, fingerprint FROM jobs WHERE uid = ? AND key = ?"
        guard let row = try db.row(sql, [owner.uid, key.text]) else {
            let forgotten = try db.value(
                JobID.self, "SELECT job FROM forgotten_keys WHERE uid = ? AND key = ?", [owner.uid, key.text])
            return forgotten.map(Store.Submission.keyForgotten)
        }
        let fingerprint: ContentHash = row["fingerprint"]
        guard fingerprint == key.fingerprint, let job = try job(row["id"], for: Caller(owner)) else {
            return .keyReused
        }
        return .existing(job)
    }

    private var gate: QueueGate {
        get throws { try QueueGate(db, shortage: shortage) }
    }

    private var limits: LimitsReader { LimitsReader(db: db, policy: policy, now: now, memory: memory) }

    /// Values that several jobs of a list share.
    private struct Sight {
        let gate: QueueGate
        var lanes: [Lane: (gate: LaneGate?, spacing: CallSpacing?)] = [:]
        /// The limits that block the first of an owner's ready jobs in a lane, and so all of them.
        var obstacles: [LineMemory.Place: LimitReached?] = [:]
    }

    /// nil for a job that waits for its own time or limit.
    func place(of job: Job) throws -> QueuePlace? {
        guard case .queued(let notBefore, _) = job.lifecycle.state, notBefore.map({ $0 <= now }) ?? true,
            job.limit == nil
        else { return nil }
        return try limits.place(of: job.id, in: job.lane, gate: gate)
    }

    func jobs(_ query: JobQuery, for caller: Caller) throws -> JobList {
        let owner = caller.listCondition(everybody: query.everybody, column: "jobs.uid")
        var sql = "SELECT \(JobRow.document) FROM jobs JOIN owners USING (uid) WHERE \(owner.sql)"
        var arguments = owner.arguments
        if let state = query.state {
            // A label has few jobs, but a state may have a million, so this uses the index of labels.
            sql += " AND \(query.label == nil ? "jobs.state" : "(jobs.state || '')") = ?"
            arguments += [state.rawValue]
        }
        if let label = query.label {
            sql += " AND jobs.label = ?"
            arguments += [label]
        }
        if let before = query.before {
            sql += " AND jobs.id < ?"
            arguments += [before]
        }
        sql += " ORDER BY jobs.id DESC LIMIT ?"
        // One more than requested, to know whether there are more.
        arguments += [query.limit + 1]
        var sight = Sight(gate: try gate)
        var list = JobList()
        var textBytes = 0
        try db.forEachRow(sql, arguments) { row in
            textBytes += ["request", "error"].reduce(0) { $0 + ((row[$1] as String?)?.utf8.count ?? 0) }
            list.isCut = list.jobs.count == query.limit || textBytes > query.textBytes && !list.jobs.isEmpty
            if list.isCut { return false }
            list.jobs.append(try job(row, &sight))
            return true
        }
        return list
    }

    private func job(_ row: Row, _ sight: inout Sight) throws -> Job {
        let job = try JobRow(row)
        var waiting: Waiting?
        var limit: LimitReached?
        if case .queued(let notBefore, let afterBackoff) = job.lifecycle.state {
            if notBefore.map({ $0 <= now }) ?? true { limit = try obstacle(to: job, &sight) }
            let lane = try sight.lanes[job.lane] ?? self.lane(job.lane)
            sight.lanes[job.lane] = lane
            waiting = sight.gate.waiting(
                for: .init(job: job.id, uid: job.uid), in: lane.gate, spacing: lane.spacing, notBefore: notBefore,
                afterBackoff: afterBackoff, limit: limit, now: now)
        }
        var result = try job.job(
            row, waiting: waiting, limit: limit, pictures: pictures(of: job.id), answer: answer(of: job.id))
        if waiting != nil, let input = job.input {
            let sql = "SELECT damaged_at IS NOT NULL FROM inputs WHERE uid = ? AND hash = ?"
            result.isInputDamaged = try db.value(Bool.self, sql, [job.uid, input]) ?? false
        }
        if case .running = job.lifecycle.state { result.shortage = shortage }
        if case .queued(.some, afterBackoff: true) = job.lifecycle.state {
            result.obstacle = try db.value(
                CallTrouble.self,
                "SELECT message FROM attempts WHERE job = ? AND number = ? AND message IS NOT NULL",
                [job.id, job.lifecycle.attempt])
        }
        return result
    }

    private func obstacle(to job: JobRow, _ sight: inout Sight) throws -> LimitReached? {
        let place = LineMemory.Place(lane: job.lane, uid: job.uid)
        if let known = sight.obstacles[place] { return known }
        let obstacle = try limits.obstacle(toFirstJobOf: job.uid, in: job.lane)
        sight.obstacles[place] = .some(obstacle)
        return obstacle
    }

    /// The gate is nil for a lane that is no longer configured.
    private func lane(_ lane: Lane) throws -> (gate: LaneGate?, spacing: CallSpacing?) {
        let reader = GateReader(db: db, policy: policy, now: now)
        guard policy.catalog.home(of: lane) != nil else { return (nil, nil) }
        return (try reader.gate(of: lane), try reader.spacing(of: lane.endpoint))
    }

    /// The job's latest calls, oldest first.
    private func ledger(of id: JobID) throws -> [LedgerEntry] {
        try LedgerEntry.latest(of: id, before: nil, limit: Store.callsInDocument, db).reversed()
    }

    private func pictures(of id: JobID) throws -> [Picture] {
        let sql = "SELECT * FROM pictures WHERE job = ? ORDER BY position"
        return try db.rows(sql, [id]).map { row in
            let state: Picture.State
            switch row["state"] as String {
            case "pending":
                state = .pending(
                    Download(
                        link: row["link"], deadline: row["deadline"], tries: row["tries"],
                        triedAt: row["tried_at"], nextTryAt: row["next_try_at"], message: row["message"]))
            case "saved": state = .saved(StoredPicture(pictures: row))
            case "lost": state = .lost(message: row["message"] ?? .said(""))
            case "unusable": state = .unusable(row["hash"], message: row["message"] ?? .said(""))
            case let other: throw StoreError.damaged("picture of job \(id) in state \"\(other)\"")
            }
            return Picture(
                index: row["position"], attempt: row["attempt"], state: state, link: row["link"],
                keptBytes: row["state"] == "unusable" ? row["bytes"] : nil, damaged: row["damaged"])
        }
    }

    /// The data of the latest call that returned any.
    private func answer(of id: JobID) throws -> AnswerRecord? {
        let sql = """
            SELECT request_id, api_created, usage FROM attempts
            WHERE job = ? AND (request_id IS NOT NULL OR api_created IS NOT NULL OR usage IS NOT NULL)
            ORDER BY number DESC LIMIT 1
            """
        return try db.row(sql, [id]).map { row in
            AnswerRecord(requestID: row["request_id"], created: row["api_created"], usage: row["usage"])
        }
    }
}
