import FluxqControl
import FluxqControlClient
import FluxqDiskFaults
import FluxqFormats
import FluxqModel
import FluxqProofKit
import FluxqSandbox
import FluxqTestSupport
import Foundation
import Synchronization

/// A daemon's working lives with every change that they made to its directory. They include a first start that is
/// killed, concurrent submitters, all kinds of answers, an orderly restart with its checkpoint, kills between a write
/// and its sync, and an end.
struct Recording: Sendable {
    struct Plan: Sendable {
        var submitters: Int
        /// The jobs of each submitter in each life.
        var jobs: Int
        var seed: UInt64
        var dropping: SystemCallShim.DroppedSyncs?
    }

    let trace: Trace
    /// Every job that was submitted, without acknowledgements, because those depend on the moment.
    let submitted: [SubmittedJob]
    /// The API's complete ledger.
    let calls: [SandboxLedger.Entry]
    /// The API still serves its links.
    let api: ProofAPI

    /// - Throws: `Unfaithful` if the trace does not lead to the directory that the daemon left.
    static func make(_ plan: Plan, in directory: String) async throws -> Recording {
        let api = try await ProofAPI.start(directory: "\(directory)/api", latency: .milliseconds(20))
        do {
            let tracePath = "\(directory)/trace"
            var setup = DaemonProcess.Setup(directory: directory, environment: api.environment)
            setup.preload = SystemCallShim.path
            setup.environment.merge(
                try SystemCallShim.recording(setup.stateDirectory, to: tracePath, dropping: plan.dropping)
            ) { $1 }
            let marker = Marker(api: api, marks: try TraceMarks(path: tracePath))
            let clients = Clients(plan: plan, setup: setup, marker: marker)
            for (life, end) in Clients.End.lives(seed: plan.seed).enumerated() {
                try await clients.live(life, end: end)
                try compare(tracePath, with: setup.stateDirectory)
            }
            return Recording(
                trace: try Trace(contentsOf: tracePath), submitted: clients.submitted, calls: try await api.ledger(),
                api: api)
        } catch {
            await api.shutdown()
            throw error
        }
    }

    /// The trace is not faithful: a call bypassed the library, or a kill fell between a call and its record.
    struct Unfaithful: Error, CustomStringConvertible {
        let differences: [String]
        var description: String {
            "The recorded calls do not give what is there: \(differences.joined(separator: "; "))"
        }
    }

    private static func compare(_ trace: String, with directory: String) throws {
        var disk = Disk()
        let records = try Trace(contentsOf: trace).records
        do {
            for record in records { try disk.apply(record) }
        } catch let contradiction as Disk.Contradiction {
            // A later life changed a file whose creation was not recorded.
            throw Unfaithful(differences: [contradiction.description])
        }
        var there = try DirectoryImage(reading: directory)
        // SQLite keeps this file in memory and rebuilds it; it is not recorded.
        there.files["queue.sqlite-shm"] = nil
        let differences = disk.current.differences(from: there)
        guard differences.isEmpty else { throw Unfaithful(differences: differences) }
    }
}

/// The clients of the recorded daemon.
private final class Clients: Sendable {
    enum End: Sendable {
        /// Stops the daemon after the work.
        case stop
        /// Kills the daemon before one of the calls of a kind.
        case kill(Fault.Calls, Fault.Files, from: Int)

        static func lives(seed: UInt64) -> [End] {
            var generator = SplitMix64(state: seed)
            return [
                .kill(.make, .archive, from: .random(in: 2...258, using: &generator)), .stop,
                .kill(.sync, .sqlite, from: .random(in: 8...30, using: &generator)),
                .kill(.write, .both, from: .random(in: 40...200, using: &generator)), .stop,
            ]
        }
    }

    private let plan: Recording.Plan
    private let setup: DaemonProcess.Setup
    private let marker: Marker
    private let jobs = Mutex<[SubmittedJob]>([])
    private let lastEvent = Mutex<Int64>(0)

    init(plan: Recording.Plan, setup: DaemonProcess.Setup, marker: Marker) {
        self.plan = plan
        self.setup = setup
        self.marker = marker
    }

    var submitted: [SubmittedJob] { jobs.withLock { $0 } }

    /// Runs one daemon from its start to its end. A kill falls into the middle of the work, or of the start.
    func live(_ life: Int, end: End) async throws {
        guard case .kill(let calls, let files, let from) = end else { return try await finish(life) }
        let control = try FaultControl(
            path: "\(setup.directory)/kill-\(life)",
            fault: Fault(calls: calls, files: files, failure: .kill, isPersistent: false), from: from)
        let daemon = try DaemonProcess(setup, environment: SystemCallShim.environment(of: control))
        if case .ready = try await daemon.readiness() {
            do { try await work(life, daemon) } catch is ControlClientError {
                // The error that a client of a killed daemon gets.
            }
        }
        // If all the work was done before the kill.
        await daemon.kill()
    }

    private func finish(_ life: Int) async throws {
        let daemon = try await DaemonProcess.started(setup)
        try await work(life, daemon)
        let exit = await daemon.stop()
        guard exit == .exit(0) else {
            throw ProofFailure("The recorded fluxqd ended with \(exit): \(daemon.process.errors)")
        }
    }

    private func work(_ life: Int, _ daemon: DaemonProcess) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.watch() }
            try await withThrowingTaskGroup(of: Void.self) { submitters in
                for submitter in 0..<plan.submitters {
                    submitters.addTask { try await self.submit(life, submitter) }
                }
                try await submitters.waitForAll()
            }
            try await daemon.settle()
            group.cancelAll()
        }
    }

    /// Marks every event when it arrives, until the daemon ends.
    private func watch() async throws {
        do {
            try await ControlClient.withConnection(to: setup.socket) { client in
                try await client.events(since: self.lastEvent.withLock { $0 }) { event in
                    try await self.marker.saw(.event(event))
                    self.lastEvent.withLock { $0 = event.id }
                }
            }
        } catch is ControlClientError {
            // The daemon has ended.
        } catch is CancellationError {
            // The work has ended.
        }
    }

    private func submit(_ life: Int, _ submitter: Int) async throws {
        try await ControlClient.withConnection(to: setup.socket) { client in
            for number in 0..<plan.jobs {
                let kind = (life + submitter + number) % 4
                let picture = SamplePictures.all[(life * 5 + submitter * plan.jobs + number) % SamplePictures.all.count]
                var draft = EditRequest.Draft()
                // In every other life, every inline answer with several pictures breaks off.
                let isCut = kind == 3 && life % 2 == 1
                let prompt =
                    "power \(life)-\(submitter)-\(number) sandbox:size=48x\(32 + 16 * kind)"
                    + (isCut ? " sandbox:truncated" : "")
                draft.prompt = prompt
                draft.responseFormat = kind % 2 == 0 ? .url : .b64JSON
                draft.n = [1, 1, 2, 4][kind]
                if number % 2 == 0 {
                    let input = try await self.upload(picture, client)
                    try await marker.saw(.input(hash: input))
                    draft.image = .init(wire: input)
                } else {
                    draft.image = .init(
                        wire: "data:\(picture.format.mediaType);base64,\(Data(picture.bytes).base64EncodedString())")
                }
                jobs.withLock { $0.append(SubmittedJob(prompt: prompt)) }
                let job = try await client.submit(.init(request: draft, options: .init(key: prompt))).document
                try await marker.saw(.submitted(prompt: prompt, job: job.id))
                // Nothing watches the other jobs.
                if number % 3 != 2 { try await end(of: job.id, client) }
            }
        }
    }

    private func upload(_ picture: SamplePicture, _ client: ControlClient) async throws -> String {
        let path = "\(setup.directory)/upload-\(UUID().uuidString.prefix(8))"
        try Data(picture.bytes).write(to: URL(filePath: path))
        defer { unlink(path) }
        let file = try FileHandle(forReadingFrom: URL(filePath: path))
        defer { withExtendedLifetime(file) {} }
        return try await client.putInput(
            .init(descriptor: file.fileDescriptor, sizeBytes: Int64(picture.bytes.count))
        ).image
    }

    private func end(of id: Int64, _ client: ControlClient) async throws {
        var job = try await client.job(id, waitSeconds: 30).document
        while job.state != "done", job.state != "failed" { job = try await client.job(id, waitSeconds: 30).document }
        try await marker.saw(
            .ended(job: id, state: job.state, reason: job.reason, pictures: job.images.map(\.hash)))
    }
}
