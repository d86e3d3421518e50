import FluxqControl
import FluxqControlClient
import FluxqDiskFaults
import FluxqFormats
import FluxqModel
import FluxqProofKit
import FluxqTestSupport
import Foundation

/// One scene in which one call, or all calls from one on, fail.
struct FaultRun {
    struct Outcome: Sendable {
        var seen: Int
        var injected: Int
        /// How often the daemon exited with 74, or at a start.
        var exits: Int
        /// Requests that were answered with 507.
        var refusals: Int
        var violations: [String]
    }

    let fault: Fault
    let scene: Scene
    private let setup: DaemonProcess.Setup
    private let control: FaultControl
    private let api: ProofAPI
    private var daemon: DaemonProcess?
    private var jobs: [SubmittedJob] = []
    private var exits = 0
    private var refusals = 0
    private var violations: [String] = []

    /// - Parameters:
    ///   - directory: empty.
    /// - template: a state directory to start with.
    init(_ fault: Fault, from: Int, scene: Scene, directory: String, template: String, api: ProofAPI) throws {
        self.fault = fault
        self.scene = scene
        self.api = api
        var setup = DaemonProcess.Setup(
            directory: directory, environment: api.environment, preload: SystemCallShim.path)
        control = try FaultControl(path: "\(directory)/control", fault: fault, from: from)
        setup.environment.merge(try SystemCallShim.failing(setup.stateDirectory, by: control)) { $1 }
        self.setup = setup
        if scene == .work { try FileManager.default.copyItem(atPath: template, toPath: setup.stateDirectory) }
    }

    mutating func run() async throws -> Outcome {
        try api.forgetCalls()
        do {
            try await start()
            for order in scene.orders { try await submit(order) }
            try await finish()
            for job in jobs { try await fetch(job) }
        } catch let error as ProofFailure {
            violations.append(error.description)
        } catch let error as DaemonProcess.Stuck {
            violations.append("\(error)")
        }
        let injectedBeforeStop = control.injected
        if let daemon {
            let end = await daemon.stop()
            let mayFail = control.injected > injectedBeforeStop && fault.failure == .error(EIO)
            if end != .exit(0), !(mayFail && (end == .exit(EX_IOERR) || end == .exit(EX_OSERR))) {
                violations.append("a stop ended with \(end): \(daemon.process.errors)")
            }
        }
        if fault.mustEndIt, injectedBeforeStop > 0, exits == 0 {
            violations.append("\(fault.calls) failed with EIO, and fluxqd went on")
        }
        let invariants = try await Invariants(
            stateDirectory: setup.stateDirectory, submitted: jobs, calls: try await api.ledger())
        violations += try await invariants.violations().map(\.description) + ends(of: invariants.state)
        return Outcome(
            seen: control.seen, injected: control.injected, exits: exits, refusals: refusals, violations: violations)
    }

    /// Every job must be done, unless fluxqd had to exit in the middle of its call.
    private func ends(of state: StateSnapshot) -> [String] {
        state.jobs.compactMap { job in
            if job.state == "done" { return nil }
            if exits > 0, job.reason == "outcome_unknown" { return nil }
            return "job \(job.id) is \(job.state) \(job.reason ?? "") (\(job.prompt)): \(job.message ?? "")"
        }
    }

    // MARK: The daemon's lives

    private mutating func start() async throws {
        for _ in 0..<3 {
            let daemon = try DaemonProcess(setup)
            self.daemon = daemon
            switch try await daemon.readiness() {
            case .ready: return
            case .ended(let end): ended(daemon, end, isStart: true)
            }
        }
        daemon = nil
        throw ProofFailure("fluxqd does not start, though nothing fails any more")
    }

    private mutating func ended(_ daemon: DaemonProcess, _ end: ChildProcess.End, isStart: Bool) {
        exits += 1
        let isAllowed =
            switch end {
            // SQLite does not say why a new database's log could not be set up.
            case .exit(EX_IOERR): fault.mayEndIt || (isStart && fault.isFullDisk && fault.files != .archive)
            // The daemon reports why it cannot start, and nothing has begun.
            case .exit(EX_OSERR):
                isStart && !fault.mustEndIt && (fault.isFullDisk || fault.mayEndIt || fault.failure == .error(EMFILE))
            default: false
            }
        if !isAllowed || control.injected == 0 {
            violations.append("fluxqd ended with \(end)\(isStart ? " at its start" : ""): \(daemon.process.errors)")
        }
        if fault.isPersistent { control.lift() }
    }

    /// Repeats a request until it is answered, through exits and refusals that the fault allows.
    private mutating func ask<Answer: Sendable>(
        _ what: String, _ request: (ControlClient) async throws -> Answer
    ) async throws -> Answer {
        for _ in 0..<5 {
            do {
                return try await ControlClient.withConnection(to: setup.socket, request)
            } catch ControlClientError.problem(let problem) {
                try await refused(what, problem)
            } catch is ControlClientError {
                try await lost()
            }
        }
        throw ProofFailure("\(what): no answer, though nothing fails any more")
    }

    private mutating func lost() async throws {
        guard let daemon else { throw ProofFailure("no daemon") }
        ended(daemon, await daemon.process.wait(), isStart: false)
        try await start()
    }

    private mutating func refused(_ what: String, _ problem: Problem) async throws {
        if fault.mustNotShow || control.injected == 0 {
            violations.append("\(what) was refused: \(problem)")
        }
        if fault.showsFullDisk {
            refusals += 1
            if problem.code != .storageFull || problem.status != 507 {
                violations.append("\(what) on a full disk was refused with \(problem)")
            }
            if fault.isPersistent, !control.isLifted { try await checkFullDisk() }
        }
        if problem.detail.isEmpty { violations.append("\(what) was refused without a word") }
        if fault.isPersistent { control.lift() }
    }

    /// While the disk is full, reads still work, and the command line says "try later".
    private mutating func checkFullDisk() async throws {
        do {
            _ = try await ControlClient.withConnection(to: setup.socket) { client in try await client.queue() }
        } catch let error as ControlClientError {
            violations.append("on a full disk the queue cannot be read: \(error)")
        }
        let prompt = "fault 4 sandbox:size=32x32"
        jobs.append(SubmittedJob(prompt: prompt))
        let run = try await RunningDaemon.fluxq(
            ["submit", "--image", "-", prompt], socket: setup.socketPath, directory: setup.directory,
            input: SamplePictures.jpeg.bytes)
        // It succeeds if the failing calls are ones that it does not need.
        if run.end != .exit(EX_TEMPFAIL), run.end != .exit(0) {
            violations.append("fluxq submit on a full disk ended with \(run.end): \(run.errors)")
        }
    }

    // MARK: The scene

    private mutating func submit(_ order: Scene.Order) async throws {
        var draft = EditRequest.Draft()
        draft.prompt = order.prompt
        draft.n = order.n
        draft.responseFormat = order.format
        if order.isUploaded {
            let path = "\(setup.directory)/upload"
            try Data(order.picture.bytes).write(to: URL(filePath: path))
            let input = try await ask("an upload") { client in
                let file = try FileHandle(forReadingFrom: URL(filePath: path))
                defer { withExtendedLifetime(file) {} }
                return try await client.putInput(
                    .init(descriptor: file.fileDescriptor, sizeBytes: Int64(order.picture.bytes.count)))
            }
            draft.image = .init(wire: input.image)
        } else {
            let base64 = Data(order.picture.bytes).base64EncodedString()
            draft.image = .init(wire: "data:\(order.picture.format.mediaType);base64,\(base64)")
        }
        let place = jobs.count
        jobs.append(SubmittedJob(prompt: order.prompt))
        let submission = JobSubmission(request: draft, options: .init(key: order.prompt))
        jobs[place].acknowledged = try await ask("a submit") { client in
            try await client.submit(submission).document.id
        }
    }

    /// Waits for the jobs. If the fault prevents their end, it is lifted, and they must continue without help.
    private mutating func finish() async throws {
        for _ in 0..<20 {
            guard let daemon else { return }
            let mayHang = fault.isPersistent && !fault.mustNotShow && !control.isLifted
            do {
                return try await daemon.settle(patience: mayHang ? .seconds(1) : .seconds(60))
            } catch let stuck as DaemonProcess.Stuck {
                guard mayHang else { throw stuck }
                if control.injected > 0 { control.lift() }
            } catch ControlClientError.problem(let problem) {
                try await refused("a list", problem)
            } catch is ControlClientError {
                try await lost()
            }
        }
        throw ProofFailure("the jobs do not end, though nothing fails any more")
    }

    private mutating func fetch(_ job: SubmittedJob) async throws {
        guard let id = job.acknowledged else { return }
        let document = try await ask("a status") { client in try await client.job(id).document }
        for image in document.images {
            let path = "\(setup.directory)/fetched"
            try await ask("a fetch") { client in
                let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
                defer { close(file) }
                try await client.image(id, index: image.index, into: file)
            }
            let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int64
            if size != image.bytes {
                violations.append("picture \(image.index) of job \(id) came with \(size ?? 0) bytes")
            }
        }
    }
}
