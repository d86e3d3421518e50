import FluxqModel
import FluxqStore
import FluxqWorkers
import Glibc

/// Checks the promises after every step, after every commit, and whenever nothing can run.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class Referee: @unchecked Sendable {
    /// The state of a job according to the event log.
    enum Place: String {
        case queued, calling, archiving, done, failed
    }

    struct Watched {
        var place = Place.queued
        var isCanceled = false
    }

    /// The time that the workers may still wait after a full disk before they try again.
    static let patience: Int64 = 6000

    let clock: SimulatedClock
    let trace: Trace
    let api: SimulatedAPI
    let users: Users
    let rules: DaemonLife.Rules
    var books: Books
    var directory: String
    var lastEvent: Int64 = 0
    var watched: [JobID: Watched] = [:]
    var settled: [AttemptID: String] = [:]
    var gates = Books.Gates()
    /// According to the event log.
    var isPaused = false
    /// Contents that were found intact in the current directory.
    var verified: Set<ContentHash> = []
    var lost: Set<String> = []
    /// The number of pictures of a job that were still to be fetched after its latest event.
    var pending: [JobID: Int] = [:]
    /// Until this time, work that waits for disk space is not late.
    var diskExcusedUntil: Int64 = 0
    /// Until this time, work that waits for a time of the wall clock is not late, because the clock is checked again by
    /// then.
    var clockExcusedUntil: Int64 = 0
    var clockWasSet = false
    let lanes: LaneRule
    let outages: OutageRule
    let shares: ShareRule
    /// nil if the seed has no clients of the OpenAI-compatible routes.
    var door: DoorRule?

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
        lanes = LaneRule(clock: clock, api: api, policy: rules.policy)
        outages = OutageRule(api: api)
        shares = ShareRule(scene: users.scene, lane: Scene.contested)
    }

    /// Starts a new life of the daemon on that directory.
    func turn(to books: Books, directory: String) throws {
        self.books = books
        self.directory = directory
        verified = []
        lanes.lifeEnds()
        door?.lifeBegins()
        try afterCommit()
        try checkPictures(of: books.pictures())
        for edit in users.edits {
            guard let job = edit.job else { continue }
            if try !books.jobs().contains(where: { $0.id == job && $0.prompt == edit.prompt }) {
                throw Violation(description: "job \(job) was acknowledged, and is gone after a start")
            }
        }
    }

    /// Notes that the disk is full, or was until now.
    func diskIsFull() {
        diskExcusedUntil = max(diskExcusedUntil, clock.elapsed + Self.patience)
    }

    /// Notes that the wall clock was set. Sleepers by the wall clock notice it after a while.
    func clockIsSet() {
        clockWasSet = true
        lanes.isClockWrong = true
        clockExcusedUntil = clock.elapsed + SimulatedClock.longestSleep + Self.patience
    }

    /// True if the disk was full a moment ago, so that a refusal may still come.
    var mayDiskRefuse: Bool { clock.elapsed < diskExcusedUntil }

    var isClockExcused: Bool { clock.elapsed < clockExcusedUntil }

    // MARK: - After every step

    func afterStep() throws {
        for endpoint in rules.policy.catalog.endpoints {
            let calls = api.inFlight.count { $0.lane.endpoint == endpoint.name }
            if calls > endpoint.concurrency {
                throw Violation(
                    description:
                        "\(calls) calls are in flight at \(endpoint.name), and \(endpoint.concurrency) are allowed")
            }
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
        let before = gates
        gates = try books.gates()
        if let last = events.last { lastEvent = last.id }
        for (index, event) in events.enumerated() {
            guard let job = event.job else {
                trace.say("  event \(event.id): \(event.kind)")
                follow(event)
                continue
            }
            trace.say("  event \(event.id): job \(job) \(event.kind), \(event.state ?? "")")
            try follow(event, of: job)
            if event.kind == "claimed" { try checkClaim(of: job, after: events[..<index], gates: before) }
            if event.kind == "retried" { outages.retried(job) }
        }
        if gates.isPaused != isPaused {
            throw Violation(
                description: "the queue is \(gates.isPaused ? "" : "not ")paused, and the event log says otherwise")
        }
        for job in Set(events.compactMap(\.job)).sorted() {
            try checkLedger(of: job, events: events.filter { $0.job == job })
            let pictures = try books.pictures(of: job)
            try checkPictures(of: pictures)
            pending[job] = pictures.count { $0.state == "pending" }
        }
        try outages.check(books.jobs())
    }

    // MARK: - At a life's end and at the seed's

    /// Checks the state after the workers have ended in order.
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
        for owner in users.owners {
            let bills = api.calls.count { $0.isBilled && $0.owner == owner.uid }
            let counted = try books.imagesCounted(for: owner.uid)
            if bills > counted {
                throw Violation(
                    description: "\(owner.name) was billed for \(bills) calls, and \(counted) images are counted")
            }
        }
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
