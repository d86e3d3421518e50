import FluxqModel
import FluxqStore

/// Compares the event log with the lifecycle's drawing, and the ledger with the API's records.
extension Referee {
    func follow(_ event: Books.Event) {
        switch event.kind {
        case "paused": isPaused = true
        case "resumed":
            isPaused = false
            lanes.resumed()
        default: break
        }
    }

    /// Checks an event against the lifecycle's drawing.
    func follow(_ event: Books.Event, of job: JobID) throws {
        let known = watched[job]
        var next = known ?? Watched()
        let mayBegin: [Place?]
        switch event.kind {
        case "submitted": (mayBegin, next.place) = ([nil], .queued)
        case "claimed": (mayBegin, next.place) = ([.queued], .calling)
        case "deferred", "attempt_failed": (mayBegin, next.place) = ([.calling], .queued)
        case "answered": (mayBegin, next.place) = ([.calling], .archiving)
        case "struck": mayBegin = [.queued]
        case "picture_saved", "picture_lost", "picture_kept": mayBegin = [.archiving]
        case "cancel_requested": (mayBegin, next.isCanceled) = ([.calling, .archiving], true)
        case "retried": (mayBegin, next) = ([.failed], Watched())
        case "done": (mayBegin, next.place) = ([.archiving], .done)
        case "failed":
            (mayBegin, next.place) = (event.actor == nil ? [.calling, .archiving, .queued] : [.queued], .failed)
        case "forgotten": mayBegin = [.done, .failed]
        case "joined": mayBegin = [.queued, .calling, .archiving, .done, .failed]
        case "delivered": mayBegin = [.done, .failed]
        default: return
        }
        let state =
            switch next.place {
            case .calling, .archiving: "running"
            case .queued, .done, .failed: next.place.rawValue
            }
        guard mayBegin.contains(known?.place), state == event.state else {
            throw Violation(
                description:
                    "job \(job) was \(known?.place.rawValue ?? "nowhere") when \"\(event.kind)\" made it \(event.state ?? "")"
            )
        }
        if next.isCanceled, next.place == .queued || next.place == .done {
            throw Violation(description: "job \(job) had been canceled, and is \(next.place.rawValue)")
        }
        watched[job] = next
        try door?.follow(event, of: job, from: known?.place)
        if event.kind == "forgotten" { try forget(job) }
    }

    /// Checks that a forgotten job has no bought picture still to be fetched. `TableRule` checks that its cost stays
    /// counted.
    private func forget(_ job: JobID) throws {
        if pending[job, default: 0] > 0 {
            throw Violation(
                description: "job \(job) was forgotten, and \(pending[job] ?? 0) of its pictures were to be fetched")
        }
        watched[job] = nil
        users.noteForgotten(job)
    }

    /// Compares the ledger's entries of a job with the API's records.
    func checkLedger(of job: JobID, events: [Books.Event]) throws {
        for attempt in try books.attempts(of: job) where attempt.billing != "reserved" && settled[attempt.id] == nil {
            settled[attempt.id] = attempt.billing
            try outages.settled(
                attempt, events: events, reason: books.jobs().first { $0.id == job }?.reason)
            guard let call = api.callOfAttempt[attempt.id] else {
                if attempt.billing == "billed" {
                    throw Violation(description: "\(attempt.id) is billed in the ledger, and was never sent")
                }
                continue
            }
            if call.life == api.life { call.isRecorded = true }
            if attempt.billing == "billed" && !call.isBilled || attempt.billing == "not_billed" && call.isBilled {
                throw Violation(
                    description: "\(attempt.id) is \(attempt.billing) in the ledger, and the API "
                        + (call.isBilled ? "billed it" : "did not bill it"))
            }
            try checkWhole(call, attempt)
            // If pictures had come, the bill is known, however the rest ended.
            guard call.life == api.life, let report = call.report,
                call.inline.isEmpty || report.outcome.kind == .answered
            else { continue }
            if report.outcome.billing.rawValue != attempt.billing {
                throw Violation(
                    description: "\(attempt.id) is \(attempt.billing) in the ledger, but was told to be "
                        + report.outcome.billing.rawValue)
            }
            try checkEvents(events, follow: report.outcome, attempt.id, inline: call.inline)
        }
    }

    /// Checks that a picture that was received to the end of its text is stored, however the call and the process
    /// ended.
    func checkWhole(_ call: SimulatedCall, _ attempt: Books.AttemptRow) throws {
        let kept = try books.pictures(of: attempt.id.job).filter { $0.attempt == attempt.id }.compactMap(\.hash)
        guard let lost = call.whole.first(where: { !kept.contains($0) }) else { return }
        throw Violation(
            description: "\(attempt.id) is \(attempt.billing) in the ledger without \(lost), which had come whole")
    }

    func checkEvents(
        _ events: [Books.Event], follow outcome: CallOutcome, _ attempt: AttemptID, inline: [ContentHash]
    ) throws {
        let allowed: Set<String>
        switch outcome {
        case .answered(let answer):
            allowed = ["answered"]
            let pictures = try books.pictures(of: attempt.job).count { $0.attempt == attempt }
            // Pictures that no item mentions have been paid for too.
            if pictures < answer.items.count || pictures > answer.items.count + inline.count {
                throw Violation(
                    description: "\(attempt) was answered with \(answer.items.count) pictures, and has \(pictures)")
            }
        case .noImage, .rejected, .moderated: allowed = ["failed"]
        case .notSent, .rateLimited, .wrongAddress: allowed = ["deferred", "failed"]
        // If the account works for other jobs, it is the job's own failure.
        case .accountClosed: allowed = ["deferred", "attempt_failed", "failed"]
        case .serverError, .unknown, .webPage: allowed = ["attempt_failed", "failed"]
        }
        guard events.contains(where: { allowed.contains($0.kind) }) else {
            throw Violation(description: "\(attempt) ended, and the log says \(events.map(\.kind))")
        }
    }
}
