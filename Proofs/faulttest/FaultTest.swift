import ArgumentParser
import FluxqDiskFaults
import FluxqProofKit
import FluxqTestSupport
import Foundation
import Synchronization

/// Proves that fluxqd keeps its promises if any system call fails.
@main
struct FaultTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "faulttest",
        abstract: "Make the first, second, third … write, fsync, rename and open of fluxqd fail, until none is left.",
        discussion: """
            For each kind of fault, once and persistently, for the archive and for SQLite: fluxqd is started, pictures \
            are uploaded, jobs submitted, waited for and fetched, while one call fails (or all from one on, until \
            something is refused or fluxqd has ended). Afterwards everything that was acknowledged is there, every job \
            ends well, and all invariants hold. Exits with 1 where they do not.
            """)

    @Option(help: "Only every so many calls.")
    var stride = 1

    @Option(help: "Runs at the same time.")
    var parallel = 4

    @Option(help: ArgumentHelp("Only faults whose name has this in it, such as \"sync EIO\".", valueName: "TEXT"))
    var only: String?

    @Option(help: ArgumentHelp("Only this one.", valueName: "N"))
    var call: Int?

    @Flag(help: "Calls that report success and do nothing instead: no program survives that, and it has to be noticed.")
    var lie = false

    func validate() throws {
        guard stride > 0, parallel > 0 else { throw ValidationError("Counts are at least 1.") }
    }

    private var faults: [Fault] {
        let all =
            lie
            ? [.write, .sync, .rename].map { Fault(calls: $0, files: .archive, failure: .lie, isPersistent: true) }
            : FaultList.all
        return all.filter { fault in only.map { fault.description.contains($0) } ?? true }
    }

    func run() async throws {
        let work = try TemporaryDirectory()
        let template = try await Self.template(in: work)
        let queue = WorkQueue(faults.flatMap { fault in Scene.allCases.map { (fault, $0) } })
        let tally = Tally()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<parallel {
                let worker = Worker(
                    directory: work.path("w\(number)"), template: template, stride: stride, call: call, tally: tally)
                group.addTask {
                    while let (fault, scene) = queue.next() { try await worker.runAll(fault, scene) }
                }
            }
            try await group.waitForAll()
        }
        print(tally.summary)
        if tally.failed > 0 { throw ExitCode(1) }
    }

    /// A state directory as an orderly stop leaves it.
    private static func template(in work: TemporaryDirectory) async throws -> String {
        let directory = work.path("template")
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let api = try await ProofAPI.start(directory: "\(directory)/api")
        let daemon = try await DaemonProcess.started(.init(directory: directory, environment: api.environment))
        await daemon.stop()
        await api.shutdown()
        return daemon.setup.stateDirectory
    }
}

/// The remaining work, which several workers share.
private final class WorkQueue: Sendable {
    private let waiting: Mutex<ArraySlice<(Fault, Scene)>>

    init(_ work: [(Fault, Scene)]) {
        waiting = Mutex(work[...])
    }

    func next() -> (Fault, Scene)? { waiting.withLock { $0.popFirst() } }
}

/// Makes one run after the other.
private struct Worker: Sendable {
    let directory: String
    let template: String
    let stride: Int
    let call: Int?
    let tally: Tally

    /// Makes runs with the fault at the first call, the second and so on, until a run is over before its fault.
    func runAll(_ fault: Fault, _ scene: Scene) async throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let api = try await ProofAPI.start(directory: "\(directory)/api")
        do {
            var from = call ?? 1
            while true {
                let place = "\(directory)/run"
                try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
                var run = try FaultRun(
                    fault, from: from, scene: scene, directory: place, template: template, api: api)
                let outcome = try await run.run()
                try FileManager.default.removeItem(atPath: place)
                tally.count(fault, scene, from, outcome)
                if outcome.injected == 0 || call != nil { break }
                from += stride
            }
        } catch {
            await api.shutdown()
            throw error
        }
        await api.shutdown()
    }
}
