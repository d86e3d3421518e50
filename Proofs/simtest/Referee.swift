import FluxqModel
import FluxqStore
import FluxqWorkers
import Glibc

/// Holds what happens against the promises: after every step, after every commit, and whenever nothing can run.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class Referee: @unchecked Sendable {
    /// Where the event log says that a job is.
    private enum Place: String {
        case queued, calling, archiving, done, failed
    }

    private struct Watched {
        var place = Place.queued
        var isCanceled = false
    }

    /// For how long after a full disk the workers may still wait before they try again.
    private static let patience: Int64 = 6000

    private let clock: SimulatedClock
    private let trace: Trace
    private let api: SimulatedAPI
    private let users: Users
    private let rules: DaemonLife.Rules
    private(set) var books: Books
    private var directory: String
    private var lastEvent: Int64 = 0
    private var watched: [JobID: Watched] = [:]
    private var settled: [AttemptID: String] = [:]
    private var gate = Books.Gate()
    /// By the event log.
    private(set) var isPaused = false
    /// Contents that were found whole in the present directory.
    private var verified: Set<ContentHash> = []
    private var lost: Set<String> = []
    /// Nothing is late that waits for room on the disk.
    private var diskExcusedUntil: Int64 = 0
    /// Nothing is late that waits for a time of the wall clock, until that is looked at again.
    private var clockExcusedUntil: Int64 = 0
    private var clockWasSet = false
    /// A full disk may have kept this life of the daemon from writing down how many calls the API bears.
    private var diskWasFull = false

    init(
        books: Books, directory: String, rules: DaemonLife.Rules, clock: SimulatedClock, trace: Trace,
        api: SimulatedAPI, users: Users
    ) {
        self.books = books
        self.directory = directory
        self.rules = rules
        self.clock = clock
        self.trace = trace
        self.api = api
        self.users = users
    }

    /// A new life of the daemon begins on that directory.
    func turn(to books: Books, directory: String) throws {
        self.books = books
        self.directory = directory
        verified = []
        diskWasFull = mayDiskRefuse
        try afterCommit()
        try checkPictures(of: books.pictures())
        for edit in users.edits {
            guard let job = edit.job else { continue }
            if try !books.jobs().contains(where: { $0.id == job && $0.prompt == edit.prompt }) {
                throw Violation(description: "job \(job) was acknowledged, and is gone after a start")
            }
        }
    }

    /// The disk is full, or was until now.
    func diskIsFull() {
        diskWasFull = true
        diskExcusedUntil = max(diskExcusedUntil, clock.elapsed + Self.patience)
    }

    /// Who waits by the wall clock notices after a while that somebody has set it.
    func clockIsSet() {
        clockWasSet = true
        clockExcusedUntil = clock.elapsed + SimulatedClock.longestSleep + Self.patience
    }

    /// The disk was full a moment ago, so that somebody may still be told so.
    var mayDiskRefuse: Bool { clock.elapsed < diskExcusedUntil }

    private var isClockExcused: Bool { clock.elapsed < clockExcusedUntil }

    // MARK: - After every step

    func afterStep() throws {
        let calls = api.inFlight.count
        if calls > rules.policy.catalog.endpoints[0].concurrency {
            throw Violation(
                description:
                    "\(calls) calls are in flight, and \(rules.policy.catalog.endpoints[0].concurrency) are allowed")
        }
        if api.downloads.count > rules.settings.downloads {
            throw Violation(
                description: "\(api.downloads.count) downloads at once, and \(rules.settings.downloads) are allowed")
        }
    }

    // MARK: - After every commit

    func afterCommit() throws {
        guard try books.lookForCommit() else { return }
        if let broken = try books.brokenRule() { throw Violation(description: broken) }
        let events = try books.events(after: lastEvent)
        let before = gate
        gate = try books.gate()
        if let last = events.last { lastEvent = last.id }
        for (index, event) in events.enumerated() {
            guard let job = event.job else {
                trace.say("  event \(event.id): \(event.kind)")
                follow(event)
                continue
            }
            trace.say("  event \(event.id): job \(job) \(event.kind), \(event.state ?? "")")
            try follow(event, of: job)
            if event.kind == "claimed" { try checkClaim(of: job, after: events[..<index], gate: before) }
        }
        if gate.isPaused != isPaused {
            throw Violation(
                description: "the queue is \(gate.isPaused ? "" : "not ")paused, and the event log says otherwise")
        }
        for job in Set(events.compactMap(\.job)).sorted() {
            try checkLedger(of: job, events: events.filter { $0.job == job })
            try checkPictures(of: books.pictures(of: job))
        }
    }

    private func follow(_ event: Books.Event) {
        switch event.kind {
        case "paused": isPaused = true
        case "resumed": isPaused = false
        default: break
        }
    }

    /// The event log, held against the lifecycle's drawing.
    private func follow(_ event: Books.Event, of job: JobID) throws {
        let known = watched[job]
        var next = known ?? Watched()
        let mayBegin: [Place?]
        switch event.kind {
        case "submitted": (mayBegin, next.place) = ([nil], .queued)
        case "claimed": (mayBegin, next.place) = ([.queued], .calling)
        case "deferred", "attempt_failed": (mayBegin, next.place) = ([.calling], .queued)
        case "answered": (mayBegin, next.place) = ([.calling], .archiving)
        case "picture_saved", "picture_lost", "picture_kept": mayBegin = [.archiving]
        case "cancel_requested": (mayBegin, next.isCanceled) = ([.calling, .archiving], true)
        case "retried": (mayBegin, next) = ([.failed], Watched())
        case "done": (mayBegin, next.place) = ([.archiving], .done)
        case "failed":
            (mayBegin, next.place) = (event.actor == nil ? [.calling, .archiving, .queued] : [.queued], .failed)
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
    }

    /// - Parameter events: of the same commit, before the claim.
    private func checkClaim(of job: JobID, after events: ArraySlice<Books.Event>, gate: Books.Gate) throws {
        guard let claim = try books.attempts(of: job).last else { return }
        if isPaused { throw Violation(description: "\(claim.id) was claimed while the queue was paused") }
        try checkLimits(claim.id)
        let now = clock.now()
        if gate.next(after: now, interval: rules.callInterval) != nil {
            throw Violation(description: "\(claim.id) was claimed sooner after another than the rate allows")
        }
        // What another call brought just before may have opened the queue, or somebody with a word.
        let news: Set = ["deferred", "attempt_failed", "answered", "failed", "done", "resumed"]
        if events.contains(where: { news.contains($0.kind) }) { return }
        if gate.isRateLimited(at: now), !gate.mayBeOneOwners {
            throw Violation(description: "\(claim.id) was claimed before the rate limit was over")
        }
        guard gate.heldSince != nil, !gate.mayBeOneOwners else { return }
        let others = try books.openAttempts().filter { $0.id != claim.id }
        if !gate.isProbeDue(at: now), !others.isEmpty {
            throw Violation(description: "\(claim.id) was claimed while the queue was held, and not as its one probe")
        }
    }

    /// No claim passes a limit of its owner.
    private func checkLimits(_ claim: AttemptID) throws {
        let jobs = try books.jobs()
        guard let uid = jobs.first(where: { $0.id == claim.job })?.uid else { return }
        let limits = rules.policy.limits.standard
        let use = try books.use(of: uid, on: clock.now())
        let running = Int64(jobs.count { $0.uid == uid && $0.state == "running" })
        for (kind, used) in [
            (LimitKind.runningJobs, running), (.imagesPerDay, use.images), (.spendPerDay, use.spent),
        ] {
            if let limit = limits[kind], used > limit {
                throw Violation(description: "\(claim) was claimed past \(kind): \(used), and \(limit) are allowed")
            }
        }
    }

    /// What the ledger says of a job's calls, held against what the API knows.
    private func checkLedger(of job: JobID, events: [Books.Event]) throws {
        for attempt in try books.attempts(of: job) where attempt.billing != "reserved" && settled[attempt.id] == nil {
            settled[attempt.id] = attempt.billing
            guard let call = api.callOfAttempt[attempt.id] else {
                if attempt.billing == "billed" {
                    throw Violation(description: "\(attempt.id) is billed in the ledger, and was never sent")
                }
                continue
            }
            if attempt.billing == "billed" && !call.isBilled || attempt.billing == "not_billed" && call.isBilled {
                throw Violation(
                    description: "\(attempt.id) is \(attempt.billing) in the ledger, and the API "
                        + (call.isBilled ? "billed it" : "did not bill it"))
            }
            try checkWhole(call, attempt)
            // With whole pictures that had come the bill is known, whatever became of the rest.
            guard call.life == api.life, let report = call.report,
                call.whole.isEmpty || report.outcome.kind == .answered
            else { continue }
            if report.outcome.billing.rawValue != attempt.billing {
                throw Violation(
                    description: "\(attempt.id) is \(attempt.billing) in the ledger, but was told to be "
                        + report.outcome.billing.rawValue)
            }
            try checkEvents(events, follow: report.outcome, attempt.id, whole: call.whole)
        }
    }

    /// A picture that came to the end of its text is there, whatever became of the call and of the process.
    private func checkWhole(_ call: SimulatedCall, _ attempt: Books.AttemptRow) throws {
        let kept = try books.pictures(of: attempt.id.job).filter { $0.attempt == attempt.id }.compactMap(\.hash)
        guard let lost = call.whole.first(where: { !kept.contains($0) }) else { return }
        throw Violation(
            description: "\(attempt.id) is \(attempt.billing) in the ledger without \(lost), which had come whole")
    }

    private func checkEvents(
        _ events: [Books.Event], follow outcome: CallOutcome, _ attempt: AttemptID, whole: [ContentHash]
    ) throws {
        let allowed: Set<String>
        switch outcome {
        case .answered(let answer):
            allowed = ["answered"]
            let pictures = try books.pictures(of: attempt.job).count { $0.attempt == attempt }
            // Pictures that no item spoke of have been paid for too.
            if pictures < answer.items.count || pictures > answer.items.count + whole.count {
                throw Violation(
                    description: "\(attempt) was answered with \(answer.items.count) pictures, and has \(pictures)")
            }
        case .noImage, .rejected, .moderated: allowed = ["failed"]
        case .notSent, .rateLimited, .wrongAddress: allowed = ["deferred", "failed"]
        // Where the account works for others, it is the job's own failure.
        case .accountClosed: allowed = ["deferred", "attempt_failed", "failed"]
        case .serverError, .unknown, .webPage: allowed = ["attempt_failed", "failed"]
        }
        guard events.contains(where: { allowed.contains($0.kind) }) else {
            throw Violation(description: "\(attempt) ended, and the log says \(events.map(\.kind))")
        }
    }

    private func checkPictures(of rows: [Books.PictureRow]) throws {
        for row in rows {
            if let hash = row.hash { try checkContents(hash, of: row) }
            guard row.state == "lost", let text = row.link, lost.insert(text).inserted, let link = api.links[text]
            else {
                continue
            }
            // By a clock that was set wrong its deadline had passed; but that alone decides nothing.
            let wasOverdue = clockWasSet && row.overdueTries == rules.policy.overdueTries - 1
            if link.isGood, link.isAlive(at: clock.trueTime), !wasOverdue {
                throw Violation(description: "\(text) of \(row.attempt) was given up, though its picture can be had")
            }
        }
    }

    private func checkContents(_ hash: ContentHash, of row: Books.PictureRow) throws {
        if row.state == "saved", let link = row.link.flatMap({ api.links[$0] }), link.contents.hash != hash {
            throw Violation(description: "\(row.attempt) saved other bytes than \(row.link ?? "") gives")
        }
        if row.link == nil, api.callOfAttempt[row.attempt]?.inline.contains(hash) == false {
            throw Violation(description: "\(row.attempt) has an inline picture that never came")
        }
        guard verified.insert(hash).inserted else { return }
        let path = hash.path(in: directory)
        guard let expected = Contents.byHash[hash], let found = SmallFile.bytes(of: path), found == expected.bytes
        else {
            throw Violation(description: "\(hash) of \(row.attempt) is not in the archive as it came")
        }
    }

    // MARK: - When nothing can run

    /// - Parameters:
    ///   - isServing: it takes work, so that whatever is due has to be under way.
    ///   - waited: how many wait for each job.
    func atRest(isServing: Bool, waited: [JobID: Int]) throws {
        if let missing = try books.contents().first(where: { access($0.path(in: directory), F_OK) != 0 }) {
            throw Violation(description: "\(missing) is gone from the archive, and a row speaks of it")
        }
        for job in try books.jobs() where job.state == "done" || job.state == "failed" {
            if waited[job.id, default: 0] > 0 {
                throw Violation(description: "job \(job.id) is \(job.state), and somebody still waits for it")
            }
        }
        guard isServing, !mayDiskRefuse else { return }
        let now = clock.now()
        let open = try books.openAttempts().map(\.id)
        let calling = Set(api.inFlight.map(\.attempt))
        if let stuck = open.first(where: { !calling.contains($0) }) {
            throw Violation(description: "\(stuck) is open, and nobody is calling")
        }
        if let due = try dueJob(at: now, open: open.count) {
            throw Violation(description: "job \(due) can be called now, and nobody does: a wake-up was lost")
        }
        // Every picture waits for a time of the wall clock.
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

    private func dueJob(at now: Timestamp, open: Int) throws -> JobID? {
        if gate.isPaused || gate.isRateLimited(at: now) { return nil }
        if gate.heldSince != nil, !gate.isProbeDue(at: now) || open > 0 || gate.isUndeliverable { return nil }
        if gate.next(after: now, interval: rules.callInterval) != nil { return nil }
        // One call is always allowed.
        let concurrency = rules.policy.catalog.endpoints[0].concurrency
        let atOnce = diskWasFull ? 1 : min(concurrency, gate.pace ?? .max, gate.placesAfterFailures)
        guard open < atOnce else { return nil }
        if isClockExcused, isAnythingTimed { return nil }
        let due = try books.jobs().filter {
            $0.state == "queued" && ($0.notBefore.map { $0 <= now && !isClockExcused } ?? true)
        }
        for uid in Set(due.map(\.uid)).sorted() {
            if let first = first(of: due, uid: uid), try obstacle(to: first, at: now) == nil { return first.id }
        }
        return nil
    }

    /// Whether the wall clock decides when all may call, or when an owner's limits are renewed.
    private var isAnythingTimed: Bool {
        let limits = rules.policy.limits.standard
        return gate.heldSince != nil || gate.rateLimitedUntil != nil || rules.callInterval != nil
            || limits[.imagesPerDay] != nil || limits[.spendPerDay] != nil
    }

    /// Who of an owner's jobs is called first; the others keep behind it.
    private func first(of jobs: [Books.JobRow], uid: UInt32) -> Books.JobRow? {
        jobs.filter { $0.uid == uid }.max { ($0.priority, $1.id) < ($1.priority, $0.id) }
    }

    /// The limit of its owner that keeps a job from being called now.
    private func obstacle(to job: Books.JobRow, at now: Timestamp) throws -> LimitKind? {
        let limits = rules.policy.limits.standard
        let use = try books.use(of: job.uid, on: now)
        let price = rules.policy.prices["m"]?.micros ?? 0
        if let limit = limits[.spendPerDay], use.spent + Int64(job.images) * price > limit { return .spendPerDay }
        if let limit = limits[.imagesPerDay], use.images + Int64(job.images) > limit { return .imagesPerDay }
        let running = try books.jobs().count { $0.uid == job.uid && $0.state == "running" }
        if let limit = limits[.runningJobs], running >= limit { return .runningJobs }
        return nil
    }

    /// When something becomes due next that is not yet; nil where nothing does by itself.
    func nextDue() throws -> Int64? {
        var times: [Timestamp] = []
        if !gate.isPaused {
            times += try books.jobs().filter { $0.state == "queued" }.compactMap {
                [
                    $0.notBefore, gate.probeAt, gate.rateLimitedUntil,
                    gate.next(after: clock.now(), interval: rules.callInterval),
                ].compactMap(\.self).max()
            }
            if !rules.policy.limits.standard.areNone { times.append(UTCDay(clock.now()).next.start) }
        }
        times += try books.pictures().filter { $0.state == "pending" }.compactMap(\.nextTry)
        return times.map(clock.elapsed(at:)).filter { $0 > clock.elapsed }.min()
    }

    /// What the owner is told, held against what the database holds.
    func check(_ jobs: [Job], _ overview: QueueOverview, of owner: Owner) throws {
        let now = clock.now()
        let rows = try books.jobs().filter { $0.uid == owner.uid }
        guard jobs.map(\.id) == rows.map(\.id).reversed() else {
            throw Violation(description: "\(owner.name) is shown other jobs than there are")
        }
        let ready = rows.filter { $0.state == "queued" && $0.notBefore == nil }
        let limit = try first(of: ready, uid: owner.uid).flatMap { first in try obstacle(to: first, at: now) }
        for (job, row) in zip(jobs.reversed(), rows) {
            let state = JobState(job.lifecycle.state).rawValue
            let waiting = waiting(row, limit: limit, at: now)
            guard state == row.state, job.waiting?.rawValue == waiting || gate.isForSuspects else {
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

    /// - Parameter limit: that keeps the first of the owner's jobs from being called, and so all of them.
    private func waiting(_ row: Books.JobRow, limit: LimitKind?, at now: Timestamp) -> String? {
        guard row.state == "queued" else { return nil }
        if gate.isPaused { return "paused" }
        if gate.heldSince != nil { return "held" }
        if gate.isRateLimited(at: now) { return "rate_limited" }
        if let notBefore = row.notBefore, now < notBefore { return row.isAfterBackoff ? "backoff" : "scheduled" }
        if let limit { return limit == .spendPerDay ? "budget" : "user_limit" }
        return gate.next(after: now, interval: rules.callInterval) == nil ? "ready" : "rate_limited"
    }

    // MARK: - At a life's end and at the seed's

    /// The workers have ended in order.
    func atStop() throws {
        guard !mayDiskRefuse, let open = try books.openAttempts().first else { return }
        throw Violation(description: "fluxqd stopped in order and left \(open.id) open")
    }

    var isEverythingOver: Bool {
        get throws { try books.jobs().allSatisfy { $0.state == "done" || $0.state == "failed" } }
    }

    func atEnd() throws {
        if let damage = try books.damage().first { throw Violation(description: "SQLite: \(damage)") }
        try checkPictures(of: books.pictures())
        for job in try books.jobs() {
            let attempts = try books.attempts(of: job.id)
            let bills = api.calls.count { $0.isBilled && $0.attempt.job == job.id }
            let billed = attempts.count { $0.billing == "billed" }
            let unknown = attempts.count { $0.billing == "unknown" }
            guard (billed...billed + unknown).contains(bills) else {
                throw Violation(
                    description:
                        "job \(job.id) was billed \(bills) times; its ledger says \(billed) and \(unknown) unknown")
            }
        }
    }
}
