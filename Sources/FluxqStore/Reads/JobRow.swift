package import FluxqModel

/// A row of `jobs` and the one place where a row's state is written.
struct JobRow {
    /// What a query has to name first. They are read by their places: a column's name is looked for in each row again. What the
    /// job asks for is not among them: it can have 64 KiB, and most verbs need only its model and number of images.
    static let columns = """
        jobs.id, jobs.uid, jobs.endpoint, jobs.model, jobs.images, jobs.input, jobs.kept_bytes, \
        jobs.attempt, jobs.attempts, jobs.strikes, jobs.on_unknown, \
        jobs.state, jobs.not_before, jobs.after_backoff, jobs.phase, jobs.cancel_requested, jobs.warning, \
        jobs.reason, jobs.message, jobs.error
        """

    /// What a job's document takes from `jobs JOIN owners`.
    static let document = """
        \(columns), jobs.label, jobs.priority, jobs.created_at, jobs.started_at, jobs.finished_at, jobs.request, owners.name
        """

    let id: JobID
    let uid: UInt32
    let lane: Lane
    /// Pictures asked for.
    let images: Int
    let input: ContentHash?
    /// What it counts in its owner's kept bytes.
    let keptBytes: Int64
    let lifecycle: Lifecycle

    init(_ row: Row) throws {
        id = row[0]
        uid = row[1]
        lane = Lane(endpoint: row[2], model: row[3])
        images = row[4]
        input = row[5]
        keptBytes = row[6]
        lifecycle = Lifecycle(
            state: try Self.state(of: row), attempt: row[7], attempts: row[8], strikes: row[9],
            onUnknown: try row.choice(at: 10))
    }

    private static func state(of row: Row) throws -> Lifecycle.State {
        switch try row.choice(at: 11, JobState.self) {
        case .queued: .queued(notBefore: row[12], afterBackoff: row[13])
        case .running: .running(try row.choice(at: 14), cancelRequested: row[15])
        case .done: .done(warning: row[16])
        case .failed:
            .failed(.init(reason: try row.choice(at: 17), message: row[18], error: try row.json("error")))
        }
    }

    /// The job as its owner sees it.
    ///
    /// - Parameter row: the same one, with the columns of `document`.
    func job(
        _ row: Row, waiting: Waiting?, limit: LimitReached?, pictures: [Picture], answer: AnswerRecord?
    ) throws -> Job {
        let request = try request(row)
        return Job(
            id: id, owner: User(uid: uid, name: row[26]), label: row[20], priority: row[21], createdAt: row[22],
            startedAt: row[23], finishedAt: row[24], request: request, lane: lane, lifecycle: lifecycle,
            waiting: waiting, limit: limit, pictures: pictures, answer: answer)
    }

    /// What the job asks for.
    ///
    /// - Parameter row: the same one, with the column `request`.
    func request(_ row: Row) throws -> EditRequest {
        guard let request: EditRequest = try row.json("request") else {
            throw StoreError.damaged("job \(id) has no request")
        }
        return request
    }
}

/// How a verb ended that had to find the job in a certain state.
package enum Advance: Hashable, Sendable {
    case advanced(JobState)
    /// The job is no longer in the state or attempt that the caller speaks of; nothing was written.
    case stale
    /// The job's state forbids it; nothing was written.
    case forbidden(JobState)
}

extension Transaction {
    /// Applies an event to a job and writes the state it leads to, guarded by the state it was read in.
    ///
    /// - Parameters:
    ///   - attempt: settles the ledger row of the current attempt, where the event does.
    func advance(_ job: JobRow, _ event: Lifecycle.Event, settlement: AttemptSettlement? = nil) throws -> Advance {
        var next = job.lifecycle
        let effects: [Lifecycle.Effect]
        do {
            effects = try next.apply(event, maxAttempts: policy.maxAttempts)
        } catch {
            return .forbidden(JobState(job.lifecycle.state))
        }
        let columns = StateColumns(next.state)
        let before = StateColumns(job.lifecycle.state)
        let isOver = columns.isOver
        let begins = effects.contains(.openAttempt)
        let comesBack = before.isOver && !isOver
        // What comes back into the queue is called where its model is offered now.
        let lane = columns.state == .queued ? policy.catalog.home(of: job.lane) ?? job.lane : job.lane
        // Only what changes is named: SQLite writes each index that has a named column.
        var place = ""
        var arguments: Arguments = [:]
        if lane != job.lane {
            place += "endpoint = :endpoint, "
            arguments += ["endpoint": lane.endpoint]
        }
        if columns.state != .running || before.state != .running {
            place += "state = :state, not_before = :not_before, after_backoff = :after_backoff, "
            arguments += [
                "state": columns.state.rawValue, "not_before": columns.notBefore, "after_backoff": columns.afterBackoff,
            ]
        }
        let changed = try execute(
            """
            UPDATE jobs SET \(place)phase = :phase, cancel_requested = :cancel_requested, reason = :reason,
                message = :message, error = :error, warning = :warning, attempt = :attempt, attempts = :attempts,
                strikes = :strikes, refused_alone = CASE WHEN :is_over THEN 0 ELSE refused_alone END,
                started_at = CASE WHEN :begins THEN :now ELSE started_at END, finished_at = :finished_at,
                retries = retries + :comes_back
            WHERE id = :id AND state = :state_before AND phase IS NOT DISTINCT FROM :phase_before
                AND attempt = :attempt_before
            """,
            arguments + [
                "phase": columns.phase?.rawValue, "cancel_requested": columns.cancelRequested,
                "reason": columns.failure?.reason.rawValue, "message": columns.failure?.message,
                "error": try columns.failure?.error.map(jsonText), "warning": columns.warning,
                "attempt": next.attempt, "attempts": next.attempts, "strikes": next.strikes, "is_over": isOver,
                "begins": begins, "now": now, "finished_at": isOver ? now : nil, "comes_back": comesBack,
                "id": job.id, "state_before": before.state.rawValue, "phase_before": before.phase?.rawValue,
                "attempt_before": job.lifecycle.attempt,
            ])
        guard changed == 1 else { return .stale }

        for effect in effects {
            switch effect {
            case .openAttempt: try openAttempt(job, number: next.attempt)
            case .settleAttempt(let billing):
                try settleAttempt(job.id, number: next.attempt, billing, settlement ?? .init(outcome: "unknown"))
            }
        }
        if columns.state != .running { try recount(job.id) }
        // Whatever changes about a job may be what a limit of its owner waits for.
        memory.touch(job.lane, job.uid)
        if lane != job.lane { memory.touch(lane, job.uid) }
        wakeCalls()
        return .advanced(columns.state)
    }
}

/// A state spread over its columns.
private struct StateColumns {
    var state: JobState
    var notBefore: Timestamp?
    var afterBackoff = false
    var phase: Phase?
    var cancelRequested = false
    var failure: Lifecycle.Failure?
    var warning: WarningMessage?

    var isOver: Bool { state == .done || state == .failed }

    init(_ lifecycle: Lifecycle.State) {
        state = JobState(lifecycle)
        switch lifecycle {
        case .queued(let notBefore, let afterBackoff):
            self.notBefore = notBefore
            self.afterBackoff = afterBackoff
        case .running(let phase, let cancelRequested):
            self.phase = phase
            self.cancelRequested = cancelRequested
        case .done(let warning):
            self.warning = warning
        case .failed(let failure):
            self.failure = failure
        }
    }
}
