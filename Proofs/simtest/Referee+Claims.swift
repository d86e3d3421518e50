import FluxqModel
import FluxqStore

/// Whether a call was allowed to begin.
extension Referee {
    /// - Parameters:
    ///   - events: of the same commit, before the claim.
    ///   - gates: as they were before that commit.
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
        // What another call or a download brought just before may have opened the lane, or somebody with a word.
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

    /// Something that was bought on a lane can still be fetched.
    func canOnlyWait(_ lane: Lane) throws -> Bool {
        let jobs = Set(try books.jobs().filter { $0.lane == lane && $0.phase == "archiving" }.map(\.id))
        return try books.pictures().contains { $0.state == "pending" && jobs.contains($0.attempt.job) }
    }

    /// No claim passes a limit of its owner.
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

    /// Nothing is called on a lane that is known to be out, but probes.
    func checkLane(_ claim: AttemptID) throws {
        let jobs = try books.jobs()
        guard let job = jobs.first(where: { $0.id == claim.job }) else { return }
        let lane = job.lane
        // A claim just before may have been the last that an owner's limits allow.
        let stillReady = try ready(at: clock.now())[lane] ?? []
        try lanes.check(claim, on: lane, of: job.uid, stillReady: stillReady, canOnlyWait: canOnlyWait(lane))
    }
}

/// Calls of an endpoint begin at least so far from one another.
struct EndpointSpacing {
    let perMinute: Int?
    let lastCallAt: Timestamp?

    /// When the next call may begin, if that is not yet.
    func next(after now: Timestamp) -> Timestamp? {
        guard let perMinute, let lastCallAt else { return nil }
        let next = lastCallAt + Duration.seconds(60) / perMinute
        return now >= lastCallAt && now < next ? next : nil
    }
}
