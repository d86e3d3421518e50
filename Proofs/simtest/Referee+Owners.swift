import FluxqModel
import FluxqStore

/// Compares the answers to owners with the database.
extension Referee {
    /// Compares an answer to the owner with the database.
    func check(_ jobs: [Job], _ overview: QueueOverview, of owner: User) throws {
        let now = clock.now()
        let rows = try books.jobs().filter { $0.uid == owner.uid }
        guard jobs.map(\.id) == rows.map(\.id).reversed() else {
            throw Violation(description: "\(owner.name) is shown other jobs than there are")
        }
        var limits: [Lane: LimitKind] = [:]
        for (lane, ready) in Dictionary(
            grouping: rows.filter { $0.state == "queued" && $0.notBefore == nil }, by: \.lane)
        {
            limits[lane] = try first(of: ready, uid: owner.uid).flatMap { first in try obstacle(to: first, at: now) }
        }
        for (job, row) in zip(jobs.reversed(), rows) {
            let state = JobState(job.lifecycle.state).rawValue
            let waiting = waiting(row, limit: limits[row.lane], at: now)
            guard state == row.state, job.waiting?.rawValue == waiting else {
                throw Violation(
                    description: "job \(job.id) is shown as \(state), waiting: \(job.waiting?.rawValue ?? "-"); it is "
                        + "\(row.state), waiting: \(waiting ?? "-")")
            }
        }
        for state in JobState.allCases {
            let count = rows.count { $0.state == state.rawValue }
            if overview.counts[state] != count {
                throw Violation(description: "\(owner.name) is told of \(overview.counts) jobs, \(state): \(count)")
            }
        }
    }

    /// - Parameter limit: the limit that blocks the first of the owner's jobs of that lane, and so all of them.
    func waiting(_ row: Books.JobRow, limit: LimitKind?, at now: Timestamp) -> String? {
        guard row.state == "queued" else { return nil }
        if gates.isPaused { return "paused" }
        let gate = gates.lanes[row.lane] ?? LaneGate()
        if gate.hold(on: .init(job: row.id, uid: row.uid)) != nil { return "held" }
        if gate.isRateLimited(at: now) { return "rate_limited" }
        if let notBefore = row.notBefore, now < notBefore { return row.isAfterBackoff ? "backoff" : "scheduled" }
        if let limit { return limit == .spendPerDay ? "budget" : "user_limit" }
        return spacing(of: row.lane.endpoint, gates).next(after: now) == nil ? "ready" : "rate_limited"
    }
}
