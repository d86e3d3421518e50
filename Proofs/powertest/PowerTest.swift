import ArgumentParser
import FluxqDiskFaults
import FluxqProofKit
import FluxqSandbox
import FluxqTestSupport
import Foundation
import Synchronization

/// Proves that fluxqd keeps its promises whenever the power fails.
@main
struct PowerTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "powertest",
        abstract: "Cut the power at every fsync of a recorded fluxqd, and start it on what is left.",
        discussion: """
            Records every system call that changes the state directory while concurrent clients submit, watch and fetch, \
            with an orderly restart and kills on the way. Then, before and after every fsync, it rebuilds the \
            directory as a power cut could have left it (what was not synced is dropped, whole, or torn by sectors and \
            directory entries), starts fluxqd on it and checks that everything anybody was told is still there, that \
            nothing is billed twice, and that every file matches its hash. Exits with 1 where it does not hold; what the \
            replay started from is kept then.
            """)

    @Option(help: "What everything random follows from.")
    var seed: UInt64?

    @Option(help: "Replays of each moment, each with other losses.")
    var variants = 6

    @Option(help: "Only every so many fsyncs.")
    var stride = 1

    @Option(help: "Clients at the same time.")
    var submitters = 3

    @Option(help: "Jobs of each client in each of the daemon's lives.")
    var jobs = 2

    @Option(help: "Replays at the same time.")
    var parallel = 2

    @Option(help: ArgumentHelp("A file's place for failed replays to be kept in.", valueName: "DIR"))
    var keep = FileManager.default.temporaryDirectory.path

    @Option(
        help: ArgumentHelp(
            "Breaks the write protocol on purpose, to show that it is noticed: syncs of all, archive, sqlite or directories are left out.",
            valueName: "WHICH"))
    var dropFsync: String?

    @Flag(help: "Stop at the first replay that fails.")
    var stopAtFirst = false

    func validate() throws {
        guard variants > 0, stride > 0, submitters > 0, jobs > 0, parallel > 0 else {
            throw ValidationError("Counts are at least 1.")
        }
        if let dropFsync, SystemCallShim.DroppedSyncs(rawValue: dropFsync) == nil {
            throw ValidationError("--drop-fsync takes all, archive, sqlite or directories.")
        }
    }

    func run() async throws {
        let seed = seed ?? .random(in: 0...9_999_999)
        print("seed \(seed)")
        let work = try TemporaryDirectory()
        let recording = try await record(seed: seed, in: work)
        let calls = recording.trace.records.count { $0.isCall }
        let boundaries = recording.trace.records.count { $0.isBoundary }
        let tally = Tally()
        do {
            try await replay(recording, seed: seed, in: work, tally)
        } catch {
            await recording.api.shutdown()
            throw error
        }
        await recording.api.shutdown()
        let (replays, failed) = tally.counts
        print(
            """
            recorded calls \(calls), boundaries \(boundaries), jobs \(recording.submitted.count), \
            billed \(recording.calls.count { $0.billed }), replays \(replays), failed \(failed)
            """)
        if failed > 0 { throw ExitCode(1) }
    }

    /// A kill between a call and its record spoils a recording. With the next seed, the kill falls elsewhere.
    private func record(seed: UInt64, in work: TemporaryDirectory) async throws -> Recording {
        for attempt in 0..<5 as Range<UInt64> {
            let directory = work.path("r\(attempt)")
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let plan = Recording.Plan(
                submitters: submitters, jobs: jobs, seed: seed + attempt,
                dropping: dropFsync.flatMap(SystemCallShim.DroppedSyncs.init))
            do {
                return try await Recording.make(plan, in: directory)
            } catch let error as Recording.Unfaithful where attempt < 4 {
                print("Recording again. \(error)")
            }
        }
        throw ProofFailure("No recording gave what was on the disk.")
    }

    private func replay(
        _ recording: Recording, seed: UInt64, in work: TemporaryDirectory, _ tally: Tally
    ) async throws {
        let moments = Moments(recording.trace, seed: seed, variants: variants, stride: stride)
        let marks = try recording.trace.records.enumerated().compactMap { index, record in
            if case .mark(let text) = record { (index, try Mark(text)) } else { nil }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<parallel {
                let directory = work.path("p\(number)")
                try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
                group.addTask {
                    let api = try await ProofAPI.start(directory: "\(directory)/api")
                    let replayer = Replayer(recording: recording, api: api, directory: directory, marks: marks)
                    do {
                        while let moment = try moments.next(), !(stopAtFirst && tally.counts.failed > 0) {
                            let violations = try await replayer.replay(moment)
                            try tally.count(moment, violations, keep: keep, seed: seed)
                        }
                    } catch {
                        await api.shutdown()
                        throw error
                    }
                    await api.shutdown()
                }
            }
            try await group.waitForAll()
        }
    }
}
