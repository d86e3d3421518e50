import FluxqModel
import FluxqSandbox

/// Compares the API's ledger of each job with fluxq's records.
extension Invariants {
    func callViolations() -> [Violation] {
        let calls = Dictionary(grouping: calls) { $0.prompt ?? "" }
        let submits = Dictionary(submitted.map { ($0.prompt, $0) }) { first, _ in first }
        let jobs = Set(state.jobs.map(\.prompt))

        var violations: [Violation] = []
        for job in state.jobs {
            let own = attempts[job.id, default: []]
            // A bill for no pictures does not count, as for an answer whose items are errors.
            let theirs = calls[job.prompt, default: []].filter { $0.billed && $0.images > 0 }
            violations += billViolations(job, own, theirs, submits[job.prompt])
            violations += endViolations(job, own)
        }
        for (prompt, calls) in calls where !jobs.contains(prompt) {
            violations.append(
                .init(.answeredIsRecorded, "\(calls.count) calls of a job that is not there: \(prompt)"))
        }
        return violations
    }

    private func billViolations(
        _ job: StateSnapshot.Job, _ own: [StateSnapshot.Attempt], _ theirs: [SandboxLedger.Entry],
        _ submit: SubmittedJob?
    ) -> [Violation] {
        var violations: [Violation] = []
        let unknown = own.filter { $0.billing == "unknown" }

        // A further bill must have been requested: by a retry by hand, or in advance with `retry` for an unknown
        // outcome.
        let wished = (submit?.retriesAsked ?? 0) + (submit?.onUnknown == .retry ? unknown.count : 0)
        if theirs.count > 1 + wished {
            violations.append(
                .init(
                    .billedOnce,
                    "job \(job.id) was billed \(theirs.count) times (\(theirs.map(\.id))), and \(wished) repetitions were asked for"
                ))
        }
        // The same by fluxq's own ledger: after a call that may have been billed, no other call follows unless it was
        // requested.
        let perhapsBilled = own.count { ["billed", "unknown", "reserved"].contains($0.billing) }
        let allowed =
            1 + state.retries[job.id, default: 0] + (job.onUnknown == "retry" ? unknown.count : 0)
        if perhapsBilled > allowed {
            violations.append(
                .init(
                    .billedOnce,
                    "job \(job.id) has \(perhapsBilled) calls that may have been billed, and \(allowed) were asked for")
            )
        }
        if state.retries[job.id, default: 0] > submit?.retriesAsked ?? 0 {
            violations.append(.init(.billedOnce, "job \(job.id) was put back more often than anybody asked"))
        }

        let recorded = Set(own.filter { $0.billing == "billed" }.compactMap(\.requestID))
        let unrecorded = theirs.filter { !recorded.contains($0.id) }
        let unsettled = own.count { $0.billing == "reserved" }
        // If fluxqd was killed while an answer was arriving, only the pictures of that answer may have survived a power
        // cut.
        let unnamed = own.filter { $0.billing == "billed" && $0.requestID == nil && $0.message != nil }
        if unrecorded.count > unknown.count + unsettled + unnamed.count {
            violations.append(
                .init(
                    .answeredIsRecorded,
                    "job \(job.id) (\(job.state) \(job.reason ?? "")) was billed \(unrecorded.map(\.id)), which its attempts "
                        + "\(own.map { "\($0.billing) \($0.requestID ?? "-")" }) do not tell"))
        }

        let billedByThem = Dictionary(theirs.map { ($0.id, $0) }) { first, _ in first }
        if unnamed.count > unrecorded.count {
            violations.append(
                .init(.ledgersAgree, "job \(job.id) has \(unnamed.count) calls that are billed, but not by the API"))
        }
        for attempt in own
        where attempt.billing == "billed" && !unnamed.contains(where: { $0.number == attempt.number }) {
            let name = "attempt \(attempt.number) of job \(job.id)"
            if !attempt.wasSent { violations.append(.init(.unsentIsUnbilled, "\(name) is billed and was never sent")) }
            guard let entry = attempt.requestID.flatMap({ billedByThem[$0] }) else {
                violations.append(.init(.ledgersAgree, "\(name) is billed, but not by the API"))
                continue
            }
            // If no picture came, only the API knows how many were paid for. If an answer broke off, more may have been
            // paid for than came.
            let came = attempt.imagesCame ?? 0
            let mayBeFewer = attempt.outcome == "answered" && attempt.message != nil && came < entry.images
            if entry.images != came, !mayBeFewer, attempt.outcome != "no_image" {
                violations.append(
                    .init(
                        .ledgersAgree,
                        "\(name) is billed for \(attempt.imagesCame ?? 0) pictures, by the API for \(entry.images)"))
            }
        }
        return violations
    }

    /// If the outcome of a job's last call is unknown, the job must say so, unless it was or will be sent again on
    /// request.
    private func endViolations(_ job: StateSnapshot.Job, _ own: [StateSnapshot.Attempt]) -> [Violation] {
        guard let last = own.last, last.billing == "unknown" else { return [] }
        switch (job.state, job.reason) {
        case ("failed", "outcome_unknown"), ("failed", "canceled"): return []
        case ("queued", _) where job.onUnknown == "retry" || state.retries[job.id, default: 0] > 0: return []
        default:
            return [
                .init(
                    .answeredIsRecorded,
                    "job \(job.id) is \(job.state) \(job.reason ?? ""), but the result of its last call is unknown")
            ]
        }
    }
}
