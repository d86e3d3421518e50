import FluxqModel
import FluxqStore
import FluxqTestSupport
import FluxqWorkers
import Glibc

/// One seed: the daemon's lives on one state directory, from an empty queue until every submitted job is over.
///
/// ```
/// step:  something can run ──> one random piece of it            (tasks and blocking work, in any order)
///        sometimes         ──> a move of the world               (people, outages, the clock, the disk, a crash)
///        nothing can run   ──> a move, or time passes until something wakes or becomes due
/// ```
///
/// The referee checks after every step. After the last move, all failures are ended, and every job must end.
final class Simulation {
    private enum Limits {
        static let steps = 500_000
        /// The time in which everything must end after that; links live a week.
        static let mended: Int64 = 60 * 86_400_000
        static let dyingSteps = 20_000
    }

    private let disk: SmallDisk
    private let root: String
    private let plant: Plant?
    let dice: Dice
    private let storeDice: Dice
    let executor = SimulatedExecutor()
    let clock: SimulatedClock
    let trace: Trace
    private let api: SimulatedAPI
    let users: Users
    /// nil if the seed has no clients of the OpenAI-compatible routes.
    private let clients: DoorClients?
    private let rules: DaemonLife.Rules
    let scene: Scene
    private var movesLeft: Int
    private var lives = 0
    private(set) var life: DaemonLife
    let referee: Referee
    private(set) var figures = Figures()

    /// - Parameter isPrinted: true prints the trace to standard output during the run.
    init(seed: UInt64, disk: SmallDisk, plant: Plant?, isPrinted: Bool) throws {
        self.disk = disk
        disk.mayRefuse = false
        self.plant = plant
        root = "\(disk.directory)/seed-\(seed)"
        try SmallFile.makeDirectory(root)
        dice = Dice(seed: seed, stream: 1)
        storeDice = Dice(seed: seed, stream: 2)
        clock = SimulatedClock(oversleep: plant == .oversleep ? .seconds(60) : .zero)
        trace = Trace(clock: clock, isPrinted: isPrinted)
        scene = Scene(dice)
        api = SimulatedAPI(clock: clock, trace: trace, dice: Dice(seed: seed, stream: 3), scene: scene)
        users = Users(
            scene: scene, dice: Dice(seed: seed, stream: 4), clock: clock, trace: trace, executor: executor,
            diskMayBeFull: { disk.mayRefuse })
        clients = DoorClients(
            seed: seed, scene: scene, plant: plant, clock: clock, trace: trace, executor: executor,
            diskMayBeFull: { disk.mayRefuse })
        rules = DaemonLife.Rules(scene, dice)
        movesLeft = scene.moves
        let directory = "\(root)/1"
        try SmallFile.makeDirectory(directory)
        // The archive's many directories are created once and reused by each seed.
        if access(Self.emptyArchive(disk), F_OK) == 0 {
            try SmallFile.move(Self.emptyArchive(disk), to: "\(directory)/objects")
        }
        (lives, api.life) = (1, 1)
        life = try Self.start(
            1, directory, rules: rules, plant: plant, clock: clock, storeDice: storeDice, executor: executor,
            trace: trace, api: api, hasDoor: clients != nil)
        referee = Referee(
            books: try Books(path: "\(directory)/queue.sqlite"), directory: directory, rules: rules, clock: clock,
            trace: trace, api: api, users: users)
        figures.seeds = 1
        trace.say("\(scene.kind): \(scene.catalog.lanes); mallory: \(scene.ways)")
        figures.moves = movesLeft
        api.begun = { [unowned referee] call in referee.shares.begun(call) }
        api.order = { [unowned users, clients] prompt in
            users.edit(prompt).map { ($0.order.owner.uid, $0.way) }
                ?? clients?.content(prompt).map { ($0.owner.uid, nil) } ?? (0, nil)
        }
        // The closures ask the referee, which switches from life to life, for the current state.
        api.openAttempt = { [unowned referee, trace] prompt in
            do { return try referee.books.openAttempts(prompt: prompt) } catch { trace.violate("\(error)") }
            return []
        }
        api.mayGiveUp = { [unowned self] in life.drainEnds.map { self.clock.elapsed >= $0 } ?? false }
        api.isSame = { [clients] first, second in
            first == second || clients?.content(first).map { $0.owns(second) } ?? false
        }
        api.billsAllowed = { [unowned referee, unowned users, clients, trace] call in
            if let content = clients?.content(call.prompt) { return content.callsAllowed }
            guard let edit = users.edit(call.prompt) else { return 0 }
            do {
                let resent = edit.order.onUnknown == .retry ? try referee.books.unknownAttempts(prompt: call.prompt) : 0
                return 1 + edit.retries + resent
            } catch { trace.violate("\(error)") }
            return 0
        }
        if let clients { connect(clients) }
    }

    private func connect(_ clients: DoorClients) {
        clients.life = { [unowned self] in life }
        clients.isLate = { [unowned referee, clock, trace, adoptTime = clients.adoptTime] content in
            do {
                return try referee.books.hasEnded("\(content.name), ", before: clock.now() + (.zero - adoptTime))
            } catch { trace.violate("\(error)") }
            return false
        }
        let rule = DoorRule(clients, clock: clock, trace: trace, books: { [unowned referee] in referee.books })
        clients.rule = rule
        referee.door = rule
    }

    var digest: UInt64 { trace.digest }
    var lastLines: [String] { trace.lastLines }

    /// - Throws: `Violation` if a promise was broken.
    func run() throws {
        defer { cleanUp() }
        if scene.kind == .rivalry { try compete() }
        while movesLeft > 0 { try step() }
        mend()
        let mended = clock.elapsed
        while try !isOver() {
            try step()
            if clock.elapsed - mended > Limits.mended || trace.step > Limits.steps {
                let jobs = try referee.books.jobs().filter { $0.state != "done" && $0.state != "failed" }
                throw Violation(
                    description: "all is mended, and still not over after \(trace.step) steps: "
                        + jobs.map { "job \($0.id) is \($0.state) \($0.phase ?? "")" }.joined(separator: ", "))
            }
        }
        life.drain()
        while !life.isOver { try step() }
        try referee.atStop()
        try referee.atEnd()
        figures.steps = trace.step
        for job in try referee.books.jobs() {
            figures.jobs += 1
            figures.ends[job.reason ?? job.state, default: 0] += 1
        }
        figures.requests = clients?.requests ?? 0
        figures.joined = clients?.joined ?? 0
        figures.hangUps = clients?.hungUp ?? 0
        figures.calls = api.calls.count
        figures.billed = api.calls.count(where: \.isBilled)
        figures.unknown = api.calls.count {
            if case .unknown? = $0.report?.outcome { true } else { $0.report == nil }
        }
    }

    // MARK: - Steps

    func step() throws {
        if movesLeft > 0 { clients?.stir() }
        let count = executor.count
        if count > 0, movesLeft == 0 || !dice.chance(scene.restlessness) {
            let index = dice.roll(0...count - 1)
            trace.choose(index, of: count)
            if executor.run(at: index) {
                try sow()
                try referee.afterCommit()
            }
            if scene.slowness > 0, dice.chance(0.3) {
                clock.advance(to: clock.elapsed + Int64(dice.roll(0...scene.slowness)))
            }
        } else {
            trace.choose(0, of: 0)
            if count == 0 { try rest() }
            if movesLeft > 0 {
                movesLeft -= 1
                try make(dice.pick(scene.weights))
            } else if executor.count == 0, !life.isOver {
                try letTimePass()
            }
        }
        disk.mayRefuse = disk.isFull || referee.mayDiskRefuse
        try referee.afterStep()
        if let violation = trace.violation { throw violation }
    }

    /// Plants the defects that are outside of the daemon.
    private func sow() throws {
        switch plant {
        case .losePicture: SmallFile.removeFiles(in: "\(life.directory)/objects/sha256")
        case .forgeState where !disk.mayRefuse && dice.chance(0.01):
            try Books.forgeState(path: "\(life.directory)/queue.sqlite")
        default: break
        }
    }

    /// Nothing can run: everything due must be in progress, and a daemon that has ended is started again.
    private func rest() throws {
        if life.isOver { return try startAgain() }
        try referee.atRest(
            isServing: life.isServing && !life.isStopping && !disk.isFull, waited: life.waited)
        try referee.door?.atRest(
            isServing: life.isServing && !life.isStopping && !disk.isFull, admissions: life.admissions,
            excusedUntil: referee.diskExcusedUntil)
        if movesLeft == 0, referee.isPaused, life.isServing, !life.isStopping { return users.resume(in: life) }
        // Sometimes a user looks at the queue.
        guard life.isServing, !life.isStopping, !disk.mayRefuse, dice.chance(0.1) else { return }
        let owner = dice.pick(users.owners)
        let (jobs, overview) = try ask { [store = life.store] in
            (try await store.jobs(JobQuery(limit: 1000), uid: owner.uid), try await store.queue(of: owner))
        }
        try referee.check(jobs, overview, of: owner)
    }

    /// Queries the store while nothing else can run.
    private func ask<Value: Sendable>(_ question: @escaping @Sendable () async throws -> Value) throws -> Value {
        let answer = Answer<Value>()
        Task(executorPreference: executor) {
            do { answer.result = .success(try await question()) } catch { answer.result = .failure(error) }
        }
        while executor.count > 0 { _ = executor.run(at: 0) }
        guard let result = answer.result else { throw Violation(description: "the store does not answer") }
        return try result.get()
    }

    /// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
    private final class Answer<Value>: @unchecked Sendable {
        var result: Result<Value, any Error>?
    }

    private func letTimePass() throws {
        guard let next = [clock.nextWake, try referee.nextDue()].compactMap(\.self).min() else {
            throw Violation(description: "nothing sleeps and nothing is due: fluxqd would wait for ever")
        }
        let before = clock.elapsed
        clock.advance(to: dice.chance(0.2) ? before + max(0, next - before) / 2 : next)
        // The archive uses the kernel's clock, which is not simulated, so the files are made older instead.
        if clock.elapsed - before >= 60_000 {
            SmallFile.age(Contents.byHash.keys.map { $0.path(in: life.directory) }, by: (clock.elapsed - before) / 1000)
        }
    }

    /// True if everything has ended: every job, every visit, every call.
    private func isOver() throws -> Bool {
        try executor.count == 0 && !life.isOver && life.isServing && !life.isStopping && life.visitsUnderWay == 0
            && referee.isEverythingOver && clients?.isEverythingOver ?? true
    }

    // MARK: - Moves

    private func make(_ move: Move) throws {
        switch move {
        case .letTimePass where executor.count == 0 && !life.isOver: try letTimePass()
        case .submit where life.isServing: try users.submit(to: life)
        case .submitAgain where life.isServing: users.submitAgain(to: life)
        case .bringInput where life.isServing: users.bringInput(to: life)
        case .cancel where life.isServing: users.cancel(in: life)
        case .retry where life.isServing: users.retry(in: life)
        case .forget where life.isServing: users.forget(in: life)
        case .wait where life.isServing && !life.isStopping: users.wait(in: life)
        case .turnOutage: turnOutage()
        case .turnCeiling: api.limit(dice.pick(api.lanes), to: dice.pick([nil, 0, 1, 2]))
        case .pause where life.isServing:
            figures.pauses += 1
            users.pause(in: life)
        case .resume where life.isServing: users.resume(in: life)
        case .setClock: setClock()
        case .fillDisk: fillDisk()
        case .crash: try crash()
        case .drain where life.isServing && !life.isStopping:
            trace.say("SIGTERM")
            figures.drains += 1
            life.drain()
        case .giveUp where life.isServing:
            trace.say("SIGTERM, and again")
            figures.drains += 1
            life.drain()
            life.giveUp()
        default: break
        }
    }

    /// Starts, ends and changes outages, of one lane or of all.
    private func turnOutage() {
        let outage = dice.pick(Outage.allCases)
        let lanes = dice.chance(0.2) ? api.lanes : [dice.pick(api.lanes)]
        for lane in lanes { api.turn(lane, to: api.weather[lane]?.outage != nil && dice.chance(0.7) ? nil : outage) }
    }

    private func setClock() {
        figures.clockJumps += 1
        let range = dice.pick([5000, 300_000, 7_200_000])
        setClock(wrongBy: dice.chance(0.3) ? 0 : clock.error + Int64(dice.roll(-range...range)))
    }

    private func setClock(wrongBy error: Int64) {
        referee.clockIsSet()
        clock.set(wrongBy: error)
        trace.say("the wall clock is set; it is \(error) ms wrong")
    }

    private func fillDisk() {
        if disk.isFull {
            disk.makeRoom()
            referee.diskIsFull()
            trace.say("there is room on the disk")
        } else if disk.canFill {
            let pages = dice.pick([0, 0, 1, 2, 4, 8, 16])
            disk.fill(leavingPages: pages)
            figures.fullDisks += 1
            trace.say("the disk is full but for \(pages) pages")
        }
    }

    private func mend() {
        movesLeft = 0
        disk.makeRoom()
        referee.diskIsFull()
        setClock(wrongBy: 0)
        api.mend()
        clients?.mend()
        trace.say("all is mended")
    }

    // MARK: - Lives

    /// Simulates kill -9 or a power cut: the next start finds the current contents of the disk.
    private func crash() throws {
        trace.say("fluxqd is killed")
        figures.crashes += 1
        let wasFull = disk.isFull
        disk.makeRoom()
        let next = "\(root)/\(lives + 1)"
        try SmallFile.takeState(from: life.directory, to: next)
        api.losePeer()
        lives += 1
        api.life = lives
        life.kill()
        var steps = 0
        while executor.count > 0 {
            _ = executor.run(at: 0)
            steps += 1
            guard steps < Limits.dyingSteps else { throw Violation(description: "canceled workers never end") }
        }
        guard life.isOver else { throw Violation(description: "workers whose task was canceled do not end") }
        try endLife()
        SmallFile.removeTree(life.directory)
        if wasFull { disk.fill(leavingPages: 0) }
        try begin(next)
    }

    /// Restarts a daemon that has ended in order, or could not continue for lack of space.
    private func startAgain() throws {
        if let failure = life.failure {
            guard disk.mayRefuse else { throw Violation(description: "fluxqd could not start: \(failure)") }
            trace.say("fluxqd could not start")
            disk.makeRoom()
            referee.diskIsFull()
        } else {
            guard life.isStopping else { throw Violation(description: "fluxqd ended, and nobody had asked for it") }
            if !disk.mayRefuse { try referee.atStop() }
        }
        api.losePeer()
        lives += 1
        api.life = lives
        try endLife()
        try begin(life.directory)
    }

    private func endLife() throws {
        try referee.books.close()
        try life.close()
    }

    private func begin(_ directory: String) throws {
        do {
            life = try start(directory)
        } catch  where disk.isFull {
            trace.say("no room to start in")
            disk.makeRoom()
            life = try start(directory)
        }
        if disk.isFull { referee.diskIsFull() }
        try referee.turn(to: Books(path: "\(directory)/queue.sqlite"), directory: directory)
    }

    private func start(_ directory: String) throws -> DaemonLife {
        try Self.start(
            lives, directory, rules: rules, plant: plant, clock: clock, storeDice: storeDice, executor: executor,
            trace: trace, api: api, hasDoor: clients != nil)
    }

    private static func emptyArchive(_ disk: SmallDisk) -> String { "\(disk.directory)/objects" }

    private static func start(
        _ number: Int, _ directory: String, rules: DaemonLife.Rules, plant: Plant?, clock: SimulatedClock,
        storeDice: Dice, executor: SimulatedExecutor, trace: Trace, api: SimulatedAPI, hasDoor: Bool
    ) throws -> DaemonLife {
        try DaemonLife(
            number: number, directory: directory, rules: rules, clock: clock, storeDice: storeDice, executor: executor,
            trace: trace, api: api, plant: plant, hasDoor: hasDoor)
    }

    /// Ends everything that a violation has left running, so that the next seed starts cleanly.
    private func cleanUp() {
        disk.makeRoom()
        api.life = 0
        life.kill()
        clients?.abandon()
        var steps = 0
        while executor.count > 0, steps < Limits.dyingSteps {
            _ = executor.run(at: 0)
            steps += 1
        }
        // An error while closing is part of the violation that is being reported.
        try? endLife()
        for hash in Contents.byHash.keys { unlink(hash.path(in: life.directory)) }
        try? SmallFile.move("\(life.directory)/objects", to: Self.emptyArchive(disk))
        SmallFile.removeTree(root)
    }
}
