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
    /// Contents that were found whole in the present directory.
    private var verified: Set<ContentHash> = []
    private var lost: Set<String> = []
    /// Nothing is late that waits for room on the disk, or for the wall clock to be looked at again.
    private var excusedUntil: Int64 = 0
    private var clockWasSet = false
    /// What a time says that was written before means nothing any more.
    private var clockWasSetBack = false

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
        try afterCommit()
        try checkPictures(of: books.pictures())
        for edit in users.edits {
            guard let job = edit.job else { continue }
            if try !books.jobs().contains(where: { $0.id == job && $0.prompt == edit.prompt }) {
                throw Violation(description: "job \(job) was acknowledged, and is gone after a start")
            }
        }
    }

    func excuse(for milliseconds: Int64 = patience) {
        excusedUntil = max(excusedUntil, clock.elapsed + milliseconds)
    }

    /// - Parameter back: milliseconds that the clock was set back by; a pause that had begun may last so much longer.
    func clockIsSet(back: Int64) {
        clockWasSet = true
        if back > 0 { clockWasSetBack = true }
        excuse(for: SimulatedClock.longestSleep + Self.patience + max(0, back))
    }

    var isExcused: Bool { clock.elapsed < excusedUntil }

    // MARK: - After every step

    func afterStep() throws {
        let calls = api.inFlight.count
        if calls > rules.settings.concurrency {
            throw Violation(description: "\(calls) calls are in flight, and \(rules.settings.concurrency) are allowed")
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
        guard let last = events.last else { return }
        lastEvent = last.id
        for (index, event) in events.enumerated() {
            trace.say("  event \(event.id): job \(event.job) \(event.kind), \(event.state)")
            try follow(event)
            if event.kind == "claimed" { try checkClaim(of: event.job, after: events[..<index], gate: before) }
        }
        for job in Set(events.map(\.job)).sorted() {
            try checkLedger(of: job, events: events.filter { $0.job == job })
            try checkPictures(of: books.pictures(of: job))
        }
    }

    /// The event log, held against the lifecycle's drawing.
    private func follow(_ event: Books.Event) throws {
        let known = watched[event.job]
        var next = known ?? Watched()
        let mayBegin: [Place?]
        switch event.kind {
        case "submitted": (mayBegin, next.place) = ([nil], .queued)
        case "claimed": (mayBegin, next.place) = ([.queued], .calling)
        case "deferred", "attempt_failed": (mayBegin, next.place) = ([.calling], .queued)
        case "answered": (mayBegin, next.place) = ([.calling], .archiving)
        case "picture_saved", "picture_lost": mayBegin = [.archiving]
        case "cancel_requested": (mayBegin, next.isCanceled) = ([.calling, .archiving], true)
        case "retried": (mayBegin, next) = ([.failed], Watched())
        case "done": (mayBegin, next.place) = ([.archiving], .done)
        case "failed": (mayBegin, next.place) = (event.actor == nil ? [.calling, .archiving] : [.queued], .failed)
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
                    "job \(event.job) was \(known?.place.rawValue ?? "nowhere") when \"\(event.kind)\" made it \(event.state)"
            )
        }
        if next.isCanceled, next.place == .queued || next.place == .done {
            throw Violation(description: "job \(event.job) had been canceled, and is \(next.place.rawValue)")
        }
        watched[event.job] = next
    }

    /// - Parameter events: of the same commit, before the claim.
    private func checkClaim(of job: JobID, after events: ArraySlice<Books.Event>, gate: Books.Gate) throws {
        // What another call brought just before may have opened the queue.
        let news: Set = ["deferred", "attempt_failed", "answered", "failed", "done"]
        guard !events.contains(where: { news.contains($0.kind) }), let claim = try books.attempts(of: job).last else {
            return
        }
        if gate.isPaused { throw Violation(description: "\(claim.id) was claimed while the queue was paused") }
        if let until = gate.rateLimitedUntil, clock.now() < until, !clockWasSetBack {
            throw Violation(description: "\(claim.id) was claimed before the rate limit was over")
        }
        guard let probeAt = gate.probeAt else { return }
        let others = try books.openAttempts().filter { $0.id != claim.id }
        if clock.now() < probeAt && !clockWasSetBack || !others.isEmpty {
            throw Violation(description: "\(claim.id) was claimed while the queue was held, and not as its one probe")
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
            guard call.life == api.life, let report = call.report else { continue }
            if report.outcome.billing.rawValue != attempt.billing {
                throw Violation(
                    description: "\(attempt.id) is \(attempt.billing) in the ledger, but was told to be "
                        + report.outcome.billing.rawValue)
            }
            try checkEvents(events, follow: report.outcome, attempt.id)
        }
    }

    private func checkEvents(_ events: [Books.Event], follow outcome: CallOutcome, _ attempt: AttemptID) throws {
        let allowed: Set<String>
        switch outcome {
        case .answered(let answer):
            allowed = ["answered"]
            let pictures = try books.pictures(of: attempt.job).count { $0.attempt == attempt }
            if pictures != answer.items.count {
                throw Violation(
                    description: "\(attempt) was answered with \(answer.items.count) pictures, and has \(pictures)")
            }
        case .noImage, .rejected, .moderated: allowed = ["failed"]
        case .notSent, .accountClosed, .rateLimited: allowed = ["deferred", "failed"]
        case .serverError, .unknown: allowed = ["attempt_failed", "failed"]
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
            if link.isGood, link.isAlive(at: clock.trueTime), !clockWasSet {
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
        guard isServing, !isExcused else { return }
        let now = clock.now()
        let open = try books.openAttempts().map(\.id)
        let calling = Set(api.inFlight.map(\.attempt))
        if let stuck = open.first(where: { !calling.contains($0) }) {
            throw Violation(description: "\(stuck) is open, and nobody is calling")
        }
        if let due = try dueJob(at: now, open: open.count) {
            throw Violation(description: "job \(due) can be called now, and nobody does: a wake-up was lost")
        }
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
        if gate.isPaused { return nil }
        if let until = gate.rateLimitedUntil, now < until { return nil }
        if let probeAt = gate.probeAt, now < probeAt || open > 0 { return nil }
        // After a rate limit the workers may allow themselves fewer calls than are configured, but one always.
        let wasLimited = api.calls.contains { call in
            if call.life == api.life, case .rateLimited? = call.report?.outcome { true } else { false }
        }
        guard open == 0 || !wasLimited && open < rules.settings.concurrency else { return nil }
        return try books.jobs().first { $0.state == "queued" && $0.notBefore.map { $0 <= now } ?? true }?.id
    }

    /// When something becomes due next that is not yet; nil where nothing does by itself.
    func nextDue() throws -> Int64? {
        var times: [Timestamp] = []
        if !gate.isPaused {
            times += try books.jobs().filter { $0.state == "queued" }.compactMap {
                [$0.notBefore, gate.probeAt, gate.rateLimitedUntil].compactMap(\.self).max()
            }
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
        for (job, row) in zip(jobs.reversed(), rows) {
            let state = JobState(job.lifecycle.state).rawValue
            let waiting = waiting(row, at: now)
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

    private func waiting(_ row: Books.JobRow, at now: Timestamp) -> String? {
        guard row.state == "queued" else { return nil }
        if gate.isPaused { return "paused" }
        if gate.heldSince != nil { return "held" }
        if let until = gate.rateLimitedUntil, now < until { return "rate_limited" }
        if let notBefore = row.notBefore, now < notBefore { return row.isAfterBackoff ? "backoff" : "scheduled" }
        return "ready"
    }

    // MARK: - At a life's end and at the seed's

    /// The workers have ended in order.
    func atStop() throws {
        guard !isExcused, let open = try books.openAttempts().first else { return }
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
