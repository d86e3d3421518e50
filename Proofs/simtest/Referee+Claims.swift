import FluxqModel
import FluxqStore

/// Checks whether a call was allowed to begin.
extension Referee {
    /// - Parameters:
    /// - events: the events of the same commit before the claim.
    ///   - gates: the gates before that commit.
    func checkClaim(of job: JobID, after events: ArraySlice<Books.Event>, gates: Books.Gates) throws {
        let row = try books.jobs().first { $0.id == job }
        guard let claim = try books.attempts(of: job).last, let row else { return }
        if isPaused { throw Violation(description: "\(claim.id) was claimed while the queue was paused") }
        try checkLimits(claim.id)
        try checkLane(claim.id)
        let now = clock.now()
        if spacing(of: row.lane.endpoint, gates).next(after: now) != nil {
            throw Violation(description: "\(claim.id) was claimed sooner after another than the rate allows")
        }
        // Another call, a download or a user's request in the same commit may have opened the lane just before.
        let silent: Set = ["submitted", "claimed", "cancel_requested"]
        if !events.allSatisfy({ silent.contains($0.kind) }) { return }
        let gate = gates.lanes[row.lane] ?? LaneGate()
        let canOnlyWait = try gate.hold?.cause == .undeliverable && canOnlyWait(row.lane)
        if gate.fitness(of: .init(job: job, uid: row.uid), at: now, canOnlyWait: canOnlyWait) == nil {
            let what = gate.isRateLimited(at: now) ? "before the rate limit was over" : "while the lane was held"
            throw Violation(description: "\(claim.id) was claimed \(what)")
        }
    }

    func spacing(of endpoint: String, _ gates: Books.Gates) -> EndpointSpacing {
        EndpointSpacing(
            perMinute: rules.policy.catalog.endpoints.first { $0.name == endpoint }?.ratePerMinute,
            lastCallAt: gates.lastCallAt[endpoint])
    }

    /// True if bought pictures of a lane can still be fetched.
    func canOnlyWait(_ lane: Lane) throws -> Bool {
        let jobs = Set(try books.jobs().filter { $0.lane == lane && $0.phase == "archiving" }.map(\.id))
        return try books.pictures().contains { $0.state == "pending" && jobs.contains($0.attempt.job) }
    }

    /// Checks that a claim exceeds no limit of its owner.
    func checkLimits(_ claim: AttemptID) throws {
        let jobs = try books.jobs()
        guard let uid = jobs.first(where: { $0.id == claim.job })?.uid else { return }
        let limits = rules.policy.limits.standard
        let use = try books.use(of: uid, on: clock.now())
        let running = Int64(jobs.count { $0.uid == uid && $0.phase == "calling" })
        for (kind, used) in [
            (LimitKind.runningJobs, running), (.imagesPerDay, use.images), (.spendPerDay, use.spent),
        ] {
            if let limit = limits[kind], used > limit {
                throw Violation(description: "\(claim) was claimed past \(kind): \(used), and \(limit) are allowed")
            }
        }
    }

    /// Checks that only probes are called on a lane that is known to be out.
    func checkLane(_ claim: AttemptID) throws {
        let jobs = try books.jobs()
        guard let job = jobs.first(where: { $0.id == claim.job }) else { return }
        let lane = job.lane
        // A preceding claim may have used up an owner's limits.
        let stillReady = try ready(at: clock.now())[lane] ?? []
        try lanes.check(claim, on: lane, of: job.uid, stillReady: stillReady, canOnlyWait: canOnlyWait(lane))
    }
}

/// The minimum time between the starts of two calls of an endpoint.
struct EndpointSpacing {
    let perMinute: Int?
    let lastCallAt: Timestamp?

    /// The time when the next call may begin; nil if it may begin now.
    func next(after now: Timestamp) -> Timestamp? {
        guard let perMinute, let lastCallAt else { return nil }
        let next = lastCallAt + Duration.seconds(60) / perMinute
        return now >= lastCallAt && now < next ? next : nil
    }
}
