import FluxqArchive
import FluxqDoor
import FluxqModel
import FluxqStore
import FluxqTestSupport
import FluxqWorkers

/// Clients of the OpenAI-compatible routes: they hang up at any moment, send again, and come back late.
///
/// The HTTP between a client and the waiting room is left out: an answer is either taken whole or not.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class DoorClients: @unchecked Sendable {
    private enum Numbers {
        /// The share of the seeds that have such clients.
        static let share = 0.4
        static let wishes = 12
        /// How often a client sends its request again by itself.
        static let retries = 3
        static let longestPause = 6 * 3_600_000
    }

    let dice: Dice
    /// How long an answer that was not delivered belongs to the next identical request.
    let adoptTime: Duration
    private let scene: Scene
    private let plant: Plant?
    private let clock: SimulatedClock
    private let trace: Trace
    private let executor: SimulatedExecutor
    private let diskMayBeFull: () -> Bool
    /// The daemon's current life.
    var life: () -> DaemonLife? = { nil }
    /// True if an answer of that content ended before the adopt time, by the database.
    var isLate: (DoorContent) -> Bool = { _ in false }
    /// Checks what the clients see.
    var rule: DoorRule?
    private let restlessness: Double
    private let hangUps: Double
    private(set) var contents: [DoorContent] = []
    private(set) var wishes: [DoorWish] = []
    private var tasks: [Task<Void, Never>] = []
    private var connections: [DoorConnection] = []
    /// A planted defect: seats whose clients have gone.
    private var heldSeats: [WaitingRoom.Seat] = []
    /// True once nobody hangs up any more.
    private var isMended = false
    private(set) var requests = 0
    private(set) var hungUp = 0
    private(set) var joined = 0

    /// nil if the seed has no such clients. The draws are from a stream of their own.
    init?(
        seed: UInt64, scene: Scene, plant: Plant?, clock: SimulatedClock, trace: Trace, executor: SimulatedExecutor,
        diskMayBeFull: @escaping () -> Bool
    ) {
        dice = Dice(seed: seed, stream: 5)
        guard scene.kind != .rivalry, dice.chance(Numbers.share) else { return nil }
        self.scene = scene
        self.plant = plant
        self.clock = clock
        self.trace = trace
        self.executor = executor
        self.diskMayBeFull = diskMayBeFull
        adoptTime = .seconds(dice.pick([30, 600, 3600]))
        restlessness = dice.pick([0.005, 0.02, 0.1])
        hangUps = dice.pick([0, 0.005, 0.05])
    }

    func content(_ prompt: String) -> DoorContent? { contents.first { $0.owns(prompt) } }

    var isEverythingOver: Bool { wishes.allSatisfy(\.isOver) }

    /// Sometimes somebody wants another answer, hangs up, or retries a job by hand.
    func stir() {
        if dice.chance(restlessness), wishes.count < Numbers.wishes { want() }
        if dice.chance(hangUps), case let open = connections.filter(\.isOpen), !open.isEmpty {
            hungUp += 1
            trace.say("a client hangs up")
            dice.pick(open).close()
        }
        if dice.chance(restlessness / 20) { retryByHand() }
    }

    func mend() { isMended = true }

    /// Ends everything, because the seed is over.
    func abandon() {
        for task in tasks { task.cancel() }
        for connection in connections { connection.close() }
        heldSeats = []
    }

    private func want() {
        // Sometimes two people want a picture of the same content, or one wants a second.
        let same = contents.filter { $0.kind == .plain }
        let content: DoorContent
        if !same.isEmpty, dice.chance(0.25) {
            content = dice.pick(same)
        } else {
            var draft = EditRequest.Draft()
            draft.model = dice.pick(scene.catalog.models)
            draft.n = dice.pick([nil, 1, 2])
            content = DoorContent(
                "door \(contents.count + 1)", dice.pick([(.plain, 6), (.keyed, 1), (.asynchronous, 2)]),
                owner: dice.pick(scene.owners), draft: draft)
            contents.append(content)
        }
        content.wishes += 1
        let wish = DoorWish(content, isMarked: dice.chance(0.5))
        wishes.append(wish)
        tasks.append(Task(executorPreference: executor) { await self.pursue(wish) })
    }

    private func retryByHand() {
        guard let life = life(), life.isServing, !life.isStopping, case let jobs = rule?.failedJobs() ?? [],
            !jobs.isEmpty
        else { return }
        let (job, content) = dice.pick(jobs)
        content.furtherCalls += 1
        trace.say("\(content.owner.name) retries job \(job)")
        life.visit(executor) { [self] in
            do {
                _ = try await life.store.retry(job, uid: content.owner.uid)
            } catch {
                failed(error, in: life)
            }
        }
    }

    // MARK: - A client

    /// Sends requests until the wish has its answer.
    private func pursue(_ wish: DoorWish) async {
        while !wish.isOver, !Task.isCancelled {
            if let answer = await send(wish) { judge(answer, wish) }
            if wish.isOver { break }
            if !isMended, wish.sent <= Numbers.retries, dice.chance(0.3) {
                // At once: fluxqd may still be busy with the first request.
                for _ in 0..<dice.roll(0...10) { await step() }
            } else {
                try? await clock.sleep(for: pause(before: wish))
            }
        }
    }

    private func pause(before wish: DoorWish) -> Duration {
        if isMended {
            wish.sent += 1
            return .milliseconds(min(Numbers.longestPause, 1000 << min(wish.sent, 20)))
        }
        if wish.accepted != nil { return dice.pause(upTo: 300_000) + .milliseconds(1) }
        if wish.sent <= Numbers.retries { return .milliseconds(dice.roll(1...8000)) }
        // The client has given up, and the person comes back.
        wish.sent = 0
        return dice.pick([.seconds(60), .seconds(90), .seconds(1800), adoptTime + .seconds(1)])
    }

    private func judge(_ answer: DoorAnswer, _ wish: DoorWish) {
        switch answer {
        case .done: wish.isOver = true
        case .failed(let job, .canceled):
            trace.violate("job \(job) was canceled, and a client waited for its answer")
        case .failed(_, .outcomeUnknown) where !isMended && dice.chance(0.4):
            // The person clicks again, and perhaps accepts another bill.
            (wish.sent, wish.wantsAnother) = (0, dice.chance(0.5))
        case .failed: wish.isOver = true
        case .accepted(let job): wish.accepted = job
        case .refused: break
        }
    }

    /// - Returns: nil if no answer came whole.
    private func send(_ wish: DoorWish) async -> DoorAnswer? {
        let isRetry = wish.isMarked && wish.sent > 0
        wish.sent += 1
        // The request is on its way; fluxqd does nothing before it is complete.
        if !isMended, dice.chance(0.1) {
            try? await clock.sleep(for: dice.pause(upTo: 10_000))
            if dice.chance(0.3) { return nil }
        }
        guard let life = life(), life.isServing, !life.isStopping, !Task.isCancelled else { return nil }
        let connection = DoorConnection()
        connections.append(connection)
        life.open(connection)
        requests += 1
        trace.say("\(wish.content.owner.name) sends \"\(wish.content.name)\"\(isRetry ? " again" : "")")
        let match = RequestMatch.Wish(isRetry: isRetry, wantsAnother: wish.wantsAnother)
        life.visit(executor) { [self] in
            do {
                if let job = wish.accepted {
                    try await collect(job, wish.content, connection, life)
                } else {
                    try await serve(wish.content, match, connection, life)
                }
            } catch {
                failed(error, in: life)
            }
            connection.close()
        }
        if !isMended, dice.chance(0.1) {
            hungUp += 1
            trace.say("a client hangs up after its request")
            connection.close()
        }
        let timeOut = timer(connection)
        while connection.isOpen, connection.answer == nil, !Task.isCancelled { await connection.change() }
        timeOut?.cancel()
        if connection.answer != nil, dice.chance(0.5) {
            // The connection stays open for a next request, which does not come.
            try? await clock.sleep(for: dice.pause(upTo: 5000))
        }
        connection.close()
        connections.removeAll { $0 === connection }
        return connection.answer
    }

    /// Hangs up when the client's time is up.
    private func timer(_ connection: DoorConnection) -> Task<Void, Never>? {
        guard !isMended, dice.chance(0.6) else { return nil }
        let time = Duration.milliseconds(dice.pick([dice.roll(1...3000), 20_000, 300_000]))
        return Task(executorPreference: executor) { [self] in
            try? await clock.sleep(for: time)
            guard !Task.isCancelled, connection.isOpen, connection.answer == nil else { return }
            hungUp += 1
            trace.say("a client's time is up")
            connection.close()
        }
    }

    // MARK: - A request

    /// Lets everything else run before it returns.
    private func step() async {
        await withCheckedContinuation { continuation in executor.enqueue(blocking: { continuation.resume() }) }
    }

    private func serve(
        _ content: DoorContent, _ match: RequestMatch.Wish, _ connection: DoorConnection, _ life: DaemonLife
    ) async throws {
        // The request was read whole. Its client may have gone since.
        for _ in 0..<dice.pick([0, 1, 5, 30]) { await step() }
        let admission = try await admit(content, match, connection, life)
        guard case .seated(let seat) = admission else {
            if case .refused(let reason) = admission { trace.say("\"\(content.name)\" is refused: \(reason)") }
            return connection.complete(.refused)
        }
        defer { leave(seat, life) }
        if life.isReachable {
            if seat.isJoined { joined += 1 }
            trace.say("\"\(content.name)\" \(seat.isJoined ? "joins" : "is") job \(seat.job)")
            rule?.seated(at: seat, content, match, isThere: connection.isOpen)
        }
        if content.kind == .asynchronous { return connection.complete(.accepted(seat.job)) }
        guard let job = try await life.end(of: seat.job, of: content.owner, on: connection) else { return }
        try await answer(with: job, content, connection, life)
    }

    private func admit(
        _ content: DoorContent, _ match: RequestMatch.Wish, _ connection: DoorConnection, _ life: DaemonLife
    ) async throws -> WaitingRoom.Admission {
        let key = content.key
        let isAwaited = content.kind != .asynchronous || plant == .forgetPreference
        let wasLate = isLate(content)
        life.admissions += 1
        defer { life.admissions -= 1 }
        return try await life.room.admit(
            match, fingerprint: key == nil && plant != .neverJoin ? content.fingerprint : nil, of: content.owner,
            age: adoptTime, isAwaited: isAwaited, isThere: { connection.isOpen }
        ) { [self] in
            if let key, let earlier = try await life.store.submission(under: key, of: content.owner) { return earlier }
            if life.isReachable, match.wantsAnother || wasLate || isLate(content) { content.furtherCalls += 1 }
            return try await life.store.submit(try content.nextOrder(isAwaited: isAwaited))
        }
    }

    private func collect(
        _ id: JobID, _ content: DoorContent, _ connection: DoorConnection, _ life: DaemonLife
    ) async throws {
        guard let job = try await life.store.job(id, uid: content.owner.uid) else {
            return trace.violate("job \(id) was accepted and is gone")
        }
        guard job.hasEnded else { return connection.complete(.accepted(id)) }
        let seat = life.room.attend(id, of: content.owner.uid) { connection.isOpen }
        if life.isReachable { rule?.attended(id) }
        defer { leave(seat, life) }
        try await answer(with: job, content, connection, life)
    }

    private func leave(_ seat: WaitingRoom.Seat, _ life: DaemonLife) {
        if plant == .holdSeat {
            heldSeats.append(seat)
        } else {
            seat.leave()
        }
        if life.isReachable { rule?.left(seat.job) }
    }

    /// Sends the answer piece by piece, and notes the delivery once the client has taken all of it and has closed the
    /// connection.
    private func answer(
        with job: Job, _ content: DoorContent, _ connection: DoorConnection, _ life: DaemonLife
    ) async throws {
        if !content.owns(job.request.prompt) {
            trace.violate("\"\(content.name)\" is answered with job \(job.id), which is \"\(job.request.prompt)\"")
        }
        guard let finishedAt = job.finishedAt else { return trace.violate("job \(job.id) has ended at no time") }
        if plant == .noteEarly { try await life.store.noteDelivery(of: job.id, finishedAt: finishedAt) }
        let breaksOff = !isMended && dice.chance(0.1)
        for _ in 0..<dice.roll(1...4) { await step() }
        if breaksOff, connection.isOpen {
            hungUp += 1
            trace.say("a client hangs up in the middle of its answer")
            connection.close()
        }
        guard connection.isOpen else { return }
        if case .failed(let failure) = job.lifecycle.state {
            connection.complete(.failed(job.id, failure.reason))
        } else {
            connection.complete(.done(job.id))
        }
        trace.say("the answer of job \(job.id) is taken whole")
        while connection.isOpen, !connection.isEnding { await connection.change() }
        for _ in 0..<dice.roll(0...2) { await step() }
        if plant != .forgetDelivery {
            try await life.store.noteDelivery(of: job.id, finishedAt: finishedAt)
        }
        if life.isReachable { rule?.delivered(job) }
    }

    private func failed(_ error: any Error, in life: DaemonLife) {
        guard life.isReachable else { return }
        switch error {
        case StoreError.full where diskMayBeFull(), ArchiveError.full where diskMayBeFull():
            trace.say("a client is told that the disk is full")
        default: trace.violate("a client's request: \(error)")
        }
    }
}
