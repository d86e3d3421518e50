import FluxqModel
import FluxqStore
import FluxqWorkers
import Glibc

/// Checks that everything due is in progress when nothing can run.
extension Referee {
    /// - Parameters:
    /// - isServing: true if the daemon accepts work, so that everything due must be in progress.
    ///   - waited: the number of waiting clients for each job.
    func atRest(isServing: Bool, waited: [JobID: Int]) throws {
        if let missing = try books.contents().first(where: { access($0.path(in: directory), F_OK) != 0 }) {
            throw Violation(description: "\(missing) is gone from the archive, and a row speaks of it")
        }
        for job in try books.jobs() where job.state == "done" || job.state == "failed" {
            if waited[job.id, default: 0] > 0 {
                throw Violation(description: "job \(job.id) is \(job.state), and somebody still waits for it")
            }
        }
        let now = clock.now()
        try lanes.atRest(
            ready: ready(at: now), places: places,
            canOnlyWait: Set(api.lanes.filter { try canOnlyWait($0) }),
            isHindered: !isServing || isPaused || mayDiskRefuse || isClockExcused
                || rules.policy.catalog.endpoints.contains { $0.ratePerMinute != nil })
        try shares.check(at: clock.elapsed)
        guard isServing, !mayDiskRefuse else { return }
        let open = try books.openAttempts().map(\.id)
        let calling = Set(api.inFlight.map(\.attempt))
        if let stuck = open.first(where: { !calling.contains($0) }) {
            throw Violation(description: "\(stuck) is open, and nobody is calling")
        }
        if let due = try dueJob(at: now) {
            throw Violation(description: "job \(due) can be called now, and nobody does: a wake-up was lost")
        }
        // All pictures wait for a time of the wall clock.
        if isClockExcused { return }
        let pictures = try books.pictures()
        if api.downloads.count < rules.settings.downloads,
            let due = pictures.first(where: { row in
                row.state == "pending" && row.nextTry.map { $0 <= now } == true
                    && row.link.map { !api.downloads.contains($0) } == true
            })
        {
            throw Violation(description: "\(due.link ?? "") can be fetched now, and nobody does: a wake-up was lost")
        }
    }

    func dueJob(at now: Timestamp) throws -> JobID? {
        if gates.isPaused { return nil }
        let queued = try books.jobs().filter { $0.state == "queued" }
        for endpoint in rules.policy.catalog.endpoints {
            let calling = api.inFlight.filter { $0.lane.endpoint == endpoint.name }
            guard calling.count < endpoint.concurrency, spacing(of: endpoint.name, gates).next(after: now) == nil else {
                continue
            }
            for lane in endpoint.models.map({ Lane(endpoint: endpoint.name, model: $0) }) {
                let gate = gates.lanes[lane] ?? LaneGate()
                guard calling.count(where: { $0.lane == lane }) < gate.places(ceiling: endpoint.concurrency) else {
                    continue
                }
                if isClockExcused, isTimed(gate, endpoint) { continue }
                let due = queued.filter {
                    $0.lane == lane && ($0.notBefore.map { $0 <= now && !isClockExcused } ?? true)
                }
                let canOnlyWait = try gate.hold?.cause == .undeliverable && canOnlyWait(lane)
                for uid in Set(due.map(\.uid)).sorted() {
                    guard let first = first(of: due, uid: uid), try obstacle(to: first, at: now) == nil,
                        gate.fitness(of: .init(job: first.id, uid: uid), at: now, canOnlyWait: canOnlyWait) != nil
                    else { continue }
                    return first.id
                }
            }
        }
        return nil
    }

    /// True if the wall clock decides when a lane may call, or when an owner's limits are renewed.
    func isTimed(_ gate: LaneGate, _ endpoint: ModelCatalog.Endpoint) -> Bool {
        let limits = rules.policy.limits.standard
        return gate.hold != nil || gate.rateLimit != nil || endpoint.ratePerMinute != nil
            || limits[.imagesPerDay] != nil || limits[.spendPerDay] != nil
    }

    /// The owner's job that is called first; the others wait behind it.
    func first(of jobs: [Books.JobRow], uid: UInt32) -> Books.JobRow? {
        jobs.filter { $0.uid == uid }.max { ($0.priority, $1.id) < ($1.priority, $0.id) }
    }

    /// The limit of its owner that blocks a job now.
    func obstacle(to job: Books.JobRow, at now: Timestamp) throws -> LimitKind? {
        let limits = rules.policy.limits.standard
        let use = try books.use(of: job.uid, on: now)
        let price = rules.policy.prices[job.lane.model]?.micros ?? 0
        if let limit = limits[.spendPerDay], use.spent + Int64(job.images) * price > limit { return .spendPerDay }
        if let limit = limits[.imagesPerDay], use.images + Int64(job.images) > limit { return .imagesPerDay }
        let running = try books.jobs().count { $0.uid == job.uid && $0.phase == "calling" }
        if let limit = limits[.runningJobs], running >= limit { return .runningJobs }
        return nil
    }

    /// The next time when something becomes due; nil if nothing becomes due by itself.
    func nextDue() throws -> Int64? {
        var times: [Timestamp] = []
        if !gates.isPaused {
            let queued = try books.jobs().filter { $0.state == "queued" }
            times += queued.compactMap(\.notBefore)
            let now = clock.now()
            for lane in Set(queued.map(\.lane)) {
                times += [
                    gates.lanes[lane]?.looksAgain(after: now), spacing(of: lane.endpoint, gates).next(after: now),
                ]
                .compactMap(\.self)
            }
            if !rules.policy.limits.standard.areNone { times.append(UTCDay(now).next.start) }
        }
        times += try books.pictures().filter { $0.state == "pending" }.compactMap(\.nextTry)
        return times.map(clock.elapsed(at:)).filter { $0 > clock.elapsed }.min()
    }
}
