import FluxqModel
import FluxqSandbox

/// What the API's ledger says of each job, against what fluxq says of it.
extension Invariants {
    func callViolations() -> [Violation] {
        let calls = Dictionary(grouping: calls) { $0.prompt ?? "" }
        let submits = Dictionary(submitted.map { ($0.prompt, $0) }) { first, _ in first }
        let jobs = Set(state.jobs.map(\.prompt))

        var violations: [Violation] = []
        for job in state.jobs {
            let own = attempts[job.id, default: []]
            // A bill for nothing, as for an answer whose items are errors, is none.
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

        // A further bill needs somebody who asked for it: by hand, or beforehand where the outcome of one was unknown.
        let wished = (submit?.retriesAsked ?? 0) + (submit?.onUnknown == .retry ? unknown.count : 0)
        if theirs.count > 1 + wished {
            violations.append(
                .init(
                    .billedOnce,
                    "job \(job.id) was billed \(theirs.count) times (\(theirs.map(\.id))), and \(wished) repetitions were asked for"
                ))
        }
        // By fluxq's own account as well: whatever may have been billed is not followed by another call unasked.
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
        // Of an answer that was still coming when fluxqd was killed, its pictures alone may have outlived a power cut.
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
            // Where no picture came, how many were paid for is the API's word alone; of an answer that broke off it may be more
            // than came.
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

    /// A job whose last call nobody knows the outcome of says so, unless it was or will be sent again as somebody wished.
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
