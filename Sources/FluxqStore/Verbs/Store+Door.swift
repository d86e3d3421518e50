package import FluxqModel

extension Store.Order {
    /// The part of an OpenAI-compatible request that its later, identical requests are compared with.
    package struct Door: Hashable, Sendable {
        /// SHA-256 over the fields and the picture: identical requests have the same.
        package var fingerprint: ContentHash
        /// True if a client waits for the answer on its connection. Such a job is not queued if no call can begin now,
        /// and it is canceled if nobody has waited for it for a while, unless it has a key.
        package var isAwaited: Bool

        package init(fingerprint: ContentHash, isAwaited: Bool) {
            self.fingerprint = fingerprint
            self.isAwaited = isAwaited
        }
    }
}

/// A job that an OpenAI-compatible request has made, as a later, identical request finds it.
package struct DoorJob: Hashable, Sendable {
    package enum Progress: Hashable, Sendable {
        case inFlight
        case done(at: Timestamp)
        case failed(FailureReason, at: Timestamp)
    }

    package var id: JobID
    package var progress: Progress
    /// True if its answer, as it is now, was delivered whole.
    package var isDelivered: Bool

    package init(id: JobID, progress: Progress, isDelivered: Bool = false) {
        self.id = id
        self.progress = progress
        self.isDelivered = isDelivered
    }
}

extension Store {
    /// Many identical requests at once are more than this; an older job than these is not found.
    private static let mostDoorJobs = 1000

    /// The jobs of identical requests of a user that have not ended, or ended within `age`; newest first.
    package func doorJobs(
        _ fingerprint: ContentHash, of uid: UInt32, age: Duration
    ) async throws(StoreError) -> [DoorJob] {
        try await read { db, now in
            let sql = """
                SELECT jobs.id, state, reason, finished_at, delivered_at IS NOT NULL AS is_delivered
                FROM door_requests JOIN jobs ON jobs.id = door_requests.job
                WHERE door_requests.uid = ? AND door_requests.fingerprint = ?
                    AND (finished_at IS NULL OR finished_at >= ?)
                ORDER BY door_requests.job DESC LIMIT ?
                """
            return try db.rows(sql, [uid, fingerprint, now + (.zero - age), Self.mostDoorJobs]).map(DoorJob.init)
        }
    }

    /// Queued jobs for which a client waited when an earlier process ended. They are canceled if nobody asks again.
    package func leftDoorJobs() async throws(StoreError) -> [(job: JobID, uid: UInt32)] {
        try await read { db, _ in
            // Through the index of queued jobs, which are few compared to all that were ever made.
            try db.rows(
                """
                SELECT jobs.id, jobs.uid FROM jobs CROSS JOIN door_requests ON door_requests.job = jobs.id
                WHERE jobs.state = 'queued' AND stays = 0
                """
            ).map { (job: $0["id"], uid: $0["uid"]) }
        }
    }

    /// Records that a job has got another identical request.
    ///
    /// - Parameter isAwaited: false if its client does not wait: from now on the job stays queued.
    package func noteJoin(of id: JobID, by caller: User, isAwaited: Bool) async throws(StoreError) {
        try await write { transaction in
            if !isAwaited { try transaction.execute("UPDATE door_requests SET stays = 1 WHERE job = ?", [id]) }
            try transaction.log(.joined, ofJobAsItIs: id, actor: caller.uid)
        }
    }

    /// Records that a job's answer was delivered whole: no other request gets it.
    ///
    /// - Parameter finishedAt: of the job when the answer was made. If the job has been retried since, nothing is
    ///   recorded.
    package func noteDelivery(of id: JobID, finishedAt: Timestamp) async throws(StoreError) {
        try await write { transaction in
            let noted = try transaction.execute(
                """
                UPDATE door_requests SET delivered_at = ? WHERE job = ? AND delivered_at IS NULL
                    AND EXISTS (SELECT 1 FROM jobs WHERE id = door_requests.job AND finished_at = ?)
                """, [transaction.now, id, finishedAt])
            if noted == 1 { try transaction.log(.delivered, ofJobAsItIs: id) }
        }
    }

    /// The result of canceling a job that no client waits for.
    package enum Abandonment: Hashable, Sendable {
        case canceled
        /// Its call may be billed already; nothing was changed.
        case running
        /// It is done, failed or forgotten; nothing was changed.
        case ended
        /// It is to stay queued: it has a key, or its client does not wait. Nothing was changed.
        case stays
    }

    /// Cancels a queued job whose client has waited for the answer and has left.
    ///
    /// - Parameter time: since the client left.
    package func abandon(_ id: JobID, after time: Duration) async throws(StoreError) -> Abandonment {
        try await write { transaction in
            guard
                let row = try transaction.row(
                    "SELECT \(JobRow.columns), stays FROM jobs JOIN door_requests ON job = id WHERE id = ?", [id])
            else { return .ended }
            let job = try JobRow(row)
            switch JobState(job.lifecycle.state) {
            case .done, .failed: return .ended
            case .running: return .running
            case .queued: break
            }
            if row["stays"] { return .stays }
            guard case .advanced(let state) = try transaction.advance(job, .abandoned(after: time)) else {
                throw StoreError.damaged("job \(id) is queued and cannot be canceled")
            }
            try transaction.log(.failed, job: id, uid: job.uid, state: state)
            return .canceled
        }
    }
}

extension Transaction {
    /// Adds an event that leaves the job's state as it is; nothing if there is no such job.
    fileprivate func log(_ kind: EventKind, ofJobAsItIs id: JobID, actor: UInt32? = nil) throws {
        guard let row = try row("SELECT uid, state FROM jobs WHERE id = ?", [id]) else { return }
        try log(kind, job: id, uid: row["uid"], state: row.choice("state"), actor: actor)
    }

    func record(_ door: Store.Order.Door, of id: JobID, uid: UInt32, hasKey: Bool) throws {
        try execute(
            "INSERT INTO door_requests (job, uid, fingerprint, stays) VALUES (?, ?, ?, ?)",
            [id, uid, door.fingerprint, !door.isAwaited || hasKey])
    }

    /// A person has retried the job: its answer will be another one, which was not delivered, and the job stays queued
    /// although no client waits for it.
    func noteRetry(of id: JobID) throws {
        try execute("UPDATE door_requests SET delivered_at = NULL, stays = 1 WHERE job = ?", [id])
    }

    /// True if the lane is held, and a job of that owner could be called now to see whether it works again.
    private func isProbe(by uid: UInt32, in lane: Lane) throws -> Bool {
        guard shortage == nil, policy.catalog.home(of: lane) != nil else { return false }
        let gate = try gate(of: lane)
        return gate.fitness(
            of: .init(job: JobID(rawValue: 0), uid: uid), at: now, canOnlyWait: try canOnlyWait(lane, gate)) != nil
    }

    /// The reason not to queue a job whose client waits: its call would have to wait for a person or for another day.
    func refusal(of order: Store.Order, in lane: Lane, _ owner: OwnerRow) throws -> Store.Submission? {
        let limit = try LimitsReader(db: db, policy: policy, now: now)
            .obstacle(toCalling: order.request.imagesWanted, in: lane, of: owner)
        // The end of a running job frees the others in a moment.
        if let limit, limit.kind != .runningJobs { return .overLimit(limit) }
        let waiting = try gate().waiting(
            // The job has no number yet, so nothing is known against it alone.
            for: .init(job: JobID(rawValue: 0), uid: owner.uid),
            in: policy.catalog.home(of: lane) == nil ? nil : gate(of: lane), notBefore: nil, afterBackoff: false,
            now: now)
        guard waiting == .held || waiting == .paused else { return nil }
        // Without a queued job nobody would find out that a lane works again.
        if waiting == .held, try isProbe(by: owner.uid, in: lane) { return nil }
        return .held(waiting)
    }
}

extension DoorJob {
    fileprivate init(_ row: Row) throws {
        let end: Timestamp? = row["finished_at"]
        let progress: Progress =
            switch (try row.choice("state", JobState.self), end) {
            case (.done, let end?): .done(at: end)
            case (.failed, let end?): .failed(try row.choice("reason"), at: end)
            default: .inFlight
            }
        self.init(id: row["id"], progress: progress, isDelivered: row["is_delivered"])
    }
}
