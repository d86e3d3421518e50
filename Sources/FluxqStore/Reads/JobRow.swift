package import FluxqModel

/// A row of `jobs` and the one place where a row's state is written.
struct JobRow {
    let id: JobID
    let uid: UInt32
    let request: EditRequest
    let lane: Lane
    let input: ContentHash?
    let lifecycle: Lifecycle
    /// What it counts in its owner's kept bytes.
    let keptBytes: Int64
    private let row: Row

    init(_ row: Row) throws {
        self.row = row
        id = row["id"]
        uid = row["uid"]
        lane = Lane(row)
        input = row["input"]
        keptBytes = row["kept_bytes"]
        guard let request: EditRequest = try row.json("request") else {
            throw StoreError.damaged("job \(id) has no request")
        }
        self.request = request
        lifecycle = Lifecycle(
            state: try Self.state(of: row), attempt: row["attempt"], attempts: row["attempts"], strikes: row["strikes"],
            onUnknown: try row.choice("on_unknown"))
    }

    private static func state(of row: Row) throws -> Lifecycle.State {
        switch try row.choice("state", JobState.self) {
        case .queued: .queued(notBefore: row["not_before"], afterBackoff: row["after_backoff"])
        case .running: .running(try row.choice("phase"), cancelRequested: row["cancel_requested"])
        case .done: .done(warning: row["warning"])
        case .failed:
            .failed(
                .init(reason: try row.choice("reason"), message: row["message"], error: try row.json("error")))
        }
    }

    /// The job as its owner sees it.
    func job(
        owner: String, waiting: Waiting?, limit: LimitReached?, pictures: [Picture], answer: AnswerRecord?
    ) -> Job {
        Job(
            id: id, owner: Owner(uid: uid, name: owner), label: row["label"], priority: row["priority"],
            createdAt: row["created_at"], startedAt: row["started_at"], finishedAt: row["finished_at"],
            request: request, lane: lane,
            lifecycle: lifecycle, waiting: waiting, limit: limit, pictures: pictures, answer: answer)
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
        wakeWorkers()
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
    var warning: String?

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
