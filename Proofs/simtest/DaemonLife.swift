import FluxqArchive
import FluxqDoor
import FluxqHost
import FluxqImagesAPI
import FluxqModel
import FluxqStore
import FluxqTestSupport
import FluxqWorkers
import Logging
import ServiceLifecycleTestKit

/// fluxqd from one start to its end: real store, archive and workers on a state directory.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class DaemonLife: @unchecked Sendable {
    /// The settings for every life of a seed.
    struct Rules {
        var policy = StorePolicy()
        var settings = Workers.Settings()

        init(_ scene: Scene, _ dice: Dice) {
            policy.catalog = scene.catalog
            settings.downloads = dice.roll(1...3)
            settings.maxPictureBytes = 64 << 10
            settings.drain = .seconds(dice.pick([0, 5, 100]))
            policy.maxAttempts = dice.roll(1...5)
            policy.downloadBackoff = .init(base: .seconds(2), cap: .seconds(dice.pick([14_400, 86_400])))
            policy.prices = Dictionary(
                uniqueKeysWithValues: scene.catalog.models.map { ($0, .init(micros: 40_000, currency: "USD")) })
            settings.firstScrubbedBucket = UInt8(dice.roll(0...255))
            if scene.kind == .rivalry {
                policy.maxAttempts = 5
                return
            }
            policy.limits.standard[.queuedJobs] = dice.pick([nil, 4])
            policy.limits.standard[.runningJobs] = dice.pick([nil, nil, nil, 1, 2])
            // A call asks for four images at most, so every job can be called eventually.
            policy.limits.standard[.imagesPerDay] = dice.pick([nil, nil, nil, 4, 12])
            policy.limits.standard[.spendPerDay] = dice.pick([nil, nil, nil, 4 * 40_000, 9 * 40_000])
            let perMinute = dice.pick([nil, nil, nil, 30, 1])
            for index in policy.catalog.endpoints.indices { policy.catalog.endpoints[index].ratePerMinute = perMinute }
        }
    }

    let number: Int
    let directory: String
    let store: Store
    let archive: LocalArchive
    let room: WaitingRoom
    /// Requests of the OpenAI-compatible routes that are neither seated nor refused.
    var admissions = 0
    /// Connections of their clients.
    private var connections: [DoorConnection] = []
    private var cancels: Task<Void, Never>?
    private(set) var isServing = false
    /// True if it has been told to stop.
    private(set) var isStopping = false
    /// The time until which calls in flight must be waited for; nil if it is not stopping.
    private(set) var drainEnds: Int64?
    private(set) var isOver = false
    /// False if its answers no longer reach anyone, because it was killed.
    private(set) var isReachable = true
    /// The error that ended it without a request to stop.
    private(set) var failure: (any Error)?
    private var workers: Task<Void, Never>?
    private var shutdown: GracefulShutdownTestTrigger?
    private var visits: [Task<Void, Never>] = []
    private var waits: [Task<Void, Never>] = []
    private let clock: SimulatedClock
    private let drainTime: Duration
    private(set) var visitsUnderWay = 0
    /// The number of waiting clients for each job.
    private(set) var waited: [JobID: Int] = [:]

    init(
        number: Int, directory: String, rules: Rules, clock: SimulatedClock, storeDice: Dice,
        executor: SimulatedExecutor, trace: Trace, api: SimulatedAPI, plant: Plant?, hasDoor: Bool
    ) throws {
        self.number = number
        self.directory = directory
        self.clock = clock
        drainTime = rules.settings.drain
        let storeClock: @Sendable () -> Timestamp = {
            plant == .hastyClock && storeDice.chance(0.5) ? clock.now() + .seconds(3600) : clock.now()
        }
        let blocking: BlockingWork = { executor.enqueue(blocking: $0) }
        if plant == .emptyIncoming { SmallFile.removeTree("\(directory)/incoming") }
        try plant?.apply(toDatabase: "\(directory)/queue.sqlite")
        archive = try LocalArchive(
            directory: directory, blocking: blocking,
            onFatal: { trace.violate("the archive calls a disk failed that has not: \($0)") })
        store = try Store(
            path: "\(directory)/queue.sqlite", policy: plant?.apply(to: rules.policy) ?? rules.policy, now: storeClock,
            random: { storeDice.next() },
            blocking: blocking, onFatal: { trace.violate("the store calls a disk failed that has not: \($0)") })
        room = WaitingRoom(
            store: store, patience: plant == .hastyAbandon ? .seconds(1) : WaitingRoom.patience,
            elapsed: { clock.uptime() }, sleep: { try await clock.sleep(for: $0) })
        let parts = Workers.Parts(
            store: store, archive: archive,
            apis: Dictionary(
                uniqueKeysWithValues: rules.policy.catalog.endpoints.map { endpoint in
                    let connection = api.connection(life: number, endpoint: endpoint.name)
                    return (endpoint.name, plant?.apply(to: connection) ?? connection)
                }), clock: clock, settings: rules.settings,
            logger: Logger(label: "fluxqd", factory: { _ in TraceLog(trace: trace) }))
        workers = Task(executorPreference: executor) {
            do {
                // As at a daemon's start, nothing is served before the calls of a dead process are settled.
                if plant != .skipRecovery {
                    let answered = Set(parts.archive.spool.leftAnswers.map(\.call))
                    let interrupted = try await parts.store.recover(keeping: answered)
                    trace.say("fluxqd starts; interrupted: \(interrupted)")
                }
                self.isServing = true
                if hasDoor, plant != .neverAbandon { self.cancelAbandoned(executor, trace) }
                await testGracefulShutdown { trigger in
                    self.shutdown = trigger
                    await Workers(parts).run()
                }
            } catch {
                self.failure = error
            }
            self.isServing = false
            self.isOver = true
        }
    }

    private func cancelAbandoned(_ executor: SimulatedExecutor, _ trace: Trace) {
        // It may have been killed while it started.
        guard !isStopping else { return }
        cancels = Task(executorPreference: executor) { [room] in
            await room.run { error in
                guard self.isReachable, !self.isStopping else { return }
                if case .full = error { return trace.say("jobs cannot be canceled: the disk is full") }
                trace.violate("jobs that nobody waits for cannot be canceled: \(error)")
            }
        }
    }

    /// Simulates a connection that ends with the daemon.
    func open(_ connection: DoorConnection) {
        connections.removeAll { !$0.isOpen }
        connections.append(connection)
    }

    /// Simulates a request of the OpenAI-compatible routes that waits for its job.
    ///
    /// - Returns: nil if the client has hung up or fluxqd stops before the job has ended.
    func end(of id: JobID, of owner: User, on connection: DoorConnection) async throws -> Job? {
        waited[id, default: 0] += 1
        defer { waited[id, default: 0] -= 1 }
        while connection.isOpen, !connection.isEnding {
            let seen = store.signal.count
            guard let job = try await store.job(id, uid: owner.uid) else { return nil }
            if job.hasEnded { return job }
            await withTaskGroup(of: Void.self) { [store] group in
                group.addTask { _ = await store.signal.change(of: .job(id), after: seen) }
                group.addTask { if connection.isOpen, !connection.isEnding { await connection.change() } }
                await group.next()
                group.cancelAll()
            }
        }
        return nil
    }

    /// Simulates a request at the control socket.
    func visit(_ executor: SimulatedExecutor, _ work: @escaping @Sendable () async -> Void) {
        visitsUnderWay += 1
        visits.append(
            Task(executorPreference: executor) {
                await work()
                self.visitsUnderWay -= 1
            })
    }

    /// Simulates a client that waits until a job is over or fluxqd stops.
    func wait(for job: JobID, of owner: User, _ executor: SimulatedExecutor, _ trace: Trace) {
        waits.append(
            Task(executorPreference: executor) { [store] in
                self.waited[job, default: 0] += 1
                while !Task.isCancelled {
                    let seen = store.signal.count
                    do {
                        // A forgotten job no longer exists.
                        guard let state = try await store.job(job, uid: owner.uid)?.lifecycle.state else { break }
                        if [.done, .failed].contains(JobState(state)) { break }
                    } catch {
                        trace.violate("a wait for job \(job) ended with: \(error)")
                    }
                    _ = await store.signal.change(of: .job(job), after: seen)
                }
                self.waited[job, default: 0] -= 1
            })
    }

    /// Simulates SIGTERM.
    func drain() {
        isStopping = true
        drainEnds = drainEnds ?? clock.elapsed + drainTime.milliseconds
        for wait in waits { wait.cancel() }
        stopServing()
        shutdown?.triggerGracefulShutdown()
    }

    /// Simulates a second SIGTERM.
    func giveUp() {
        isStopping = true
        drainEnds = clock.elapsed
        for wait in waits { wait.cancel() }
        stopServing()
        workers?.cancel()
    }

    private func stopServing() {
        cancels?.cancel()
        for connection in connections { connection.beginEnd() }
    }

    /// Simulates kill -9; later results of its tasks are ignored.
    func kill() {
        isReachable = false
        giveUp()
        for visit in visits { visit.cancel() }
        for connection in connections { connection.close() }
    }

    func close() throws {
        try store.close()
    }
}

extension Job {
    var hasEnded: Bool { [.done, .failed].contains(JobState(lifecycle.state)) }
}
