import FluxqControl
import FluxqControlClient
import FluxqModel
import FluxqProofKit
import FluxqTestSupport
import Foundation
import Synchronization

/// A state directory and the API that its daemons call, over several rounds.
struct History {
    /// Clients of fluxq's own interface that are connected at the same time.
    private static let hands = 4
    /// The maximum time between the end of a daemon as its clients see it and the end of its process.
    private static let patience = Duration.seconds(20)

    /// In so many lives without a death every client must have been answered.
    private static let mostLives = 20

    let directory: String
    private let api: ProofAPI
    private let setup: DaemonProcess.Setup
    private let plant: Plant?
    private var submitted: [SubmittedJob] = []
    /// Clients of the OpenAI-compatible routes that have no answer yet.
    private var clients: [DoorErrand] = []
    private var killed: [KilledLife] = []

    /// - Parameter directory: exists and is empty.
    static func begin(in directory: String, plant: Plant?) async throws -> History {
        let api = try await ProofAPI.start(directory: "\(directory)/api", latency: .milliseconds(10))
        return History(directory: directory, api: api, plant: plant)
    }

    private init(directory: String, api: ProofAPI, plant: Plant?) {
        self.directory = directory
        self.api = api
        self.plant = plant
        setup = DaemonProcess.Setup(
            directory: directory,
            environment: api.environment.merging(["FLUXQ_PRICES": "black-forest-labs/flux-kontext-max=0.08"]) { $1 })
    }

    /// Lets each planned death happen to one daemon after the other. Then the last daemon runs until everything has
    /// settled and it is stopped.
    ///
    /// - Parameter hasDied: called for each death, with whether it happened as planned.
    /// - Returns: the violations that were found.
    mutating func play(
        _ plan: RoundPlan, hasDied: (Death, Bool) -> Void
    ) async throws -> [Violation] {
        try await passTime()
        var errands = plan.errands
        clients += plan.clients
        let firstBeginning = Date()
        for death in plan.deaths {
            if death.point?.stage == .housekeeping { try await leaveOldInput(plan.name) }
            let beginning = Date()
            let asPlanned = try await live(until: death, &errands)
            if asPlanned {
                killed.append(
                    KilledLife(
                        from: death.mayCountEarlierAnswers ? firstBeginning : beginning, to: Date(),
                        inlinePictures: death.read.pictures, answers: death.read.answers))
            }
            hasDied(death, asPlanned)
            try await plant?.apply(to: setup.stateDirectory)
        }
        try await live(&errands)
        submitted += errands.map(\.job) + clients.filter(\.isOver).map(\.job)
        clients.removeAll(where: \.isOver)
        return try await check(.pausing).violations()
    }

    /// Ends every pause until there is nothing left to do.
    ///
    /// - Returns: the final state and the violations in it.
    mutating func end() async throws -> (invariants: Invariants, violations: [Violation]) {
        var errands: [Errand] = []
        var lives = 0
        while true {
            let isUnfinished = try await check(.any).state.jobs.contains(where: \.isUnfinished)
            guard isUnfinished || !clients.isEmpty else { break }
            try await passTime()
            try await live(&errands)
            submitted += clients.filter(\.isOver).map(\.job)
            clients.removeAll(where: \.isOver)
            lives += 1
            guard lives < Self.mostLives || clients.isEmpty else {
                throw ProofFailure("clients get no answer: \(clients.map(\.job.prompt))")
            }
        }
        await api.shutdown()
        let invariants = try await check(.none)
        return (invariants, try await invariants.violations())
    }

    func abandon() async {
        await api.shutdown()
    }

    private func check(_ unfinished: Invariants.Unfinished) async throws -> Invariants {
        try await Invariants(
            stateDirectory: setup.stateDirectory, submitted: submitted + clients.map(\.job),
            calls: try await api.ledger(), unfinished: unfinished, killed: killed)
    }
}

/// The lives of daemons.
extension History {
    /// Runs a daemon until it dies as planned, or kills it when all is done before that.
    ///
    /// - Returns: true if it died as planned.
    private mutating func live(until death: Death, _ errands: inout [Errand]) async throws -> Bool {
        let daemon = try DaemonProcess(setup, environment: death.environment)
        let isKilled = Mutex(false)
        let kill: @Sendable () -> Void = {
            isKilled.withLock { $0 = true }
            daemon.process.send(SIGKILL)
        }
        (errands, clients) = try await withThrowingTaskGroup(of: Void.self) { [errands, clients] group in
            if case .moment(let after) = death {
                group.addTask {
                    // Canceled if everything is done earlier.
                    try? await Task.sleep(for: after)
                    kill()
                }
            }
            guard case .ready = try await daemon.readiness() else { return (errands, clients) }
            if case .stopping(_, let after) = death {
                group.addTask {
                    try? await Task.sleep(for: after)
                    daemon.process.send(SIGTERM)
                }
            }
            let (left, leftClients, loss) = try await Self.run(errands, clients, on: daemon)
            group.cancelAll()
            switch death {
            case .point where loss == nil: kill()
            case .point, .moment, .stopping: break
            }
            return (left, leftClients)
        }
        let end = try await end(of: daemon)
        let isDoomed = end == .signal(SIGKILL)
        if case .stopping = death, end == .exit(0) { return false }
        guard isDoomed else { throw ProofFailure("fluxqd ended with \(end): \(daemon.process.errors)") }
        if case .moment = death { return true }
        return !isKilled.withLock { $0 }
    }

    /// A complete life: every errand runs to its end, submits are repeated, everything settles, and the daemon is
    /// stopped.
    private mutating func live(_ errands: inout [Errand]) async throws {
        let daemon = try await DaemonProcess.started(setup)
        let loss: (any Error)?
        (errands, clients, loss) = try await Self.run(errands, clients, on: daemon, again: true)
        if let loss { throw ProofFailure("fluxqd left its clients (\(loss)): \(daemon.process.errors)") }
        let end = await daemon.stop()
        guard end == .exit(0) else { throw ProofFailure("fluxqd stopped with \(end): \(daemon.process.errors)") }
    }

    /// Waits for the end of a daemon that is about to end.
    private func end(of daemon: DaemonProcess) async throws -> ChildProcess.End {
        try await withThrowingTaskGroup(of: ChildProcess.End?.self) { group in
            group.addTask { await daemon.process.wait() }
            group.addTask {
                try await Task.sleep(for: Self.patience)
                return nil
            }
            let end = try await group.next() ?? nil
            group.cancelAll()
            guard let end else {
                await daemon.kill()
                throw ProofFailure("fluxqd hangs, or has left its clients alone: \(daemon.process.errors)")
            }
            return end
        }
    }

    /// Makes held lanes probe soon, as an administrator may, until the task is canceled. Clients wait for their jobs, and
    /// the lanes' own pauses grow to many minutes.
    private static func keepOpen(_ daemon: DaemonProcess) async {
        while !Task.isCancelled {
            do {
                try await ControlClient.withConnection(to: daemon.setup.socket) { client in
                    let lanes = try await client.queue().document.lanes
                    if lanes.contains(where: { $0.cause != nil }) { _ = try await client.resumeQueue() }
                }
                try await Task.sleep(for: .seconds(1))
            } catch {
                // The daemon has gone, and with it the reason to wait.
                return
            }
        }
    }

    /// Errands and clients in their current state, and the error with which the daemon was lost.
    private typealias Left = (errands: [Errand], clients: [DoorErrand], loss: (any Error)?)

    /// Runs errands concurrently until they are done and all jobs have settled, or the daemon is gone.
    ///
    /// - Parameter again: whether submits are repeated once they are acknowledged, and clients come back that have given
    ///   up.
    private static func run(
        _ errands: [Errand], _ clients: [DoorErrand], on daemon: DaemonProcess, again: Bool = false
    ) async throws -> Left {
        let socket = daemon.setup.socket
        let hands = (0..<Self.hands).map { hand in
            errands.indices.filter { $0 % Self.hands == hand }.map { errands[$0] }
        }
        let opening = Task { await keepOpen(daemon) }
        defer { opening.cancel() }
        return try await withThrowingTaskGroup(of: Left.self) { group in
            for hand in hands where !hand.isEmpty {
                group.addTask {
                    var hand = hand
                    let loss = try await Self.untilLost {
                        try await ControlClient.withConnection(to: socket) { client in
                            for index in hand.indices {
                                try await hand[index].go(client)
                                if again { try await hand[index].submitAgain(client) }
                            }
                        }
                    }
                    return (hand, [], loss)
                }
            }
            for client in clients {
                group.addTask {
                    var client = client
                    do {
                        try await client.go(daemon.setup.socketPath, again: again)
                        return ([], [client], nil)
                    } catch let loss as DoorErrand.Loss {
                        return ([], [client], loss)
                    }
                }
            }
            var result: Left = ([], [], nil)
            for try await hand in group {
                result.errands += hand.errands
                result.clients += hand.clients
                result.loss = result.loss ?? hand.loss
            }
            if result.loss == nil {
                result.loss = try await Self.untilLost { try await daemon.settle(leaving: true, probing: true) }
            }
            return result
        }
    }

    /// - Returns: the error with which the daemon was lost, if it went away meanwhile.
    private static func untilLost(_ work: () async throws -> Void) async throws -> ControlClientError? {
        do {
            try await work()
            return nil
        } catch ControlClientError.problem(let problem) where problem.status == 503 {
            // The daemon is stopping and says so in its answer.
            return .problem(problem)
        } catch ControlClientError.problem(let problem) {
            throw ProofFailure("fluxqd refused: \(problem.status) \(problem.title) \(problem.detail)")
        } catch let loss as ControlClientError {
            return loss
        }
    }
}

/// Time passes while no daemon runs.
extension History {
    private func passTime() async throws {
        try await PassingTime.endPauses(in: setup.stateDirectory)
    }

    /// Leaves an input that has not been used for a day.
    private func leaveOldInput(_ name: String) async throws {
        let path = "\(directory)/\(name)-old.jpg"
        try Data(SamplePictures.jpeg.bytes + Array("old \(name)".utf8)).write(to: URL(filePath: path))
        let daemon = try await DaemonProcess.started(setup)
        let input = try await ControlClient.withConnection(to: setup.socket) { client in
            try await client.upload(path)
        }
        await daemon.stop()
        guard case .content(let hash) = input else { throw ProofFailure("the upload was answered with \(input)") }
        try await PassingTime.makeOld(hash, in: setup.stateDirectory)
    }
}
