import ArgumentParser
import Dispatch
import FluxqHost
import Foundation
import Glibc
import Synchronization

@main
struct Simtest: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simtest",
        abstract: "Runs fluxq's workers with a simulated clock, API and failures, each time from one seed.",
        discussion: """
            The store is real SQLite and the archive real files. Everything runs on one thread, so that a seed that fails \
            fails again: --seed N runs that one alone and prints all that happens.
            """)

    /// One of this many seeds is run twice, to check that both runs are the same.
    private static let replayEvery: UInt64 = 50

    @Option(help: "How many seeds to run.")
    var seeds: UInt64 = 5000

    @Option(help: "The first seed.")
    var first: UInt64 = 1

    @Option(help: "How many seeds run beside each other.")
    var threads = ProcessInfo.processInfo.activeProcessorCount

    @Option(help: "Run this seed alone and print what happens.")
    var seed: UInt64?

    @Flag(help: "Go through the other seeds after a violation as well.")
    var keepGoing = false

    @Option(help: "Plant a defect that has to be found: \(Plant.allCases.map(\.rawValue).joined(separator: ", ")).")
    var plant: Plant?

    mutating func validate() throws {
        guard seeds > 0 else { throw ValidationError("--seeds must be at least 1.") }
        guard threads > 0 else { throw ValidationError("--threads must be at least 1.") }
    }

    func run() throws {
        try Self.restartWithFixedHashing()
        if let seed {
            return try onSmallDisk { Report.line(try run(seed, $0, isPrinted: true).words) }
        }
        let progress = Mutex(Progress(next: first, end: first + seeds))
        let began = ContinuousClock.now
        // A simulation never leaves its thread, so several can run concurrently.
        DispatchQueue.concurrentPerform(iterations: threads) { _ in
            do {
                try onSmallDisk { disk in
                    while let seed = progress.withLock({ $0.take() }) {
                        do {
                            let figures = try run(seed, disk, isPrinted: false)
                            progress.withLock { $0.add(figures) }
                        } catch let code as ExitCode where keepGoing {
                            progress.withLock { $0.broken = code }
                        }
                    }
                }
            } catch {
                progress.withLock { $0.failure = $0.failure ?? error }
            }
        }
        let (sum, failure) = progress.withLock { ($0.sum, $0.failure ?? $0.broken) }
        if let failure { throw failure }
        Report.line("No promise was broken in \((ContinuousClock.now - began).components.seconds) s: \(sum.words).")
    }

    /// The seeds that are still to be run, and the totals of the finished ones.
    private struct Progress {
        var next: UInt64
        let end: UInt64
        var sum = Figures()
        var failure: (any Error)?
        /// Set if a seed has broken a promise while others still run.
        var broken: ExitCode?

        mutating func take() -> UInt64? {
            guard next < end, failure == nil else { return nil }
            defer { next += 1 }
            return next
        }

        mutating func add(_ figures: Figures) {
            sum = sum + figures
            if sum.seeds % 1000 == 0 { Report.line(sum.words) }
        }
    }

    private func onSmallDisk(_ work: (SmallDisk) throws -> Void) throws {
        let directory = try Self.makeDirectory()
        defer { SmallFile.removeTree(directory) }
        let disk = SmallDisk(directory: directory)
        defer { disk.unmount() }
        if !disk.canFill {
            Report.line("No full disks are simulated: this process may not mount a file system of its own.")
        }
        try work(disk)
    }

    private func run(_ seed: UInt64, _ disk: SmallDisk, isPrinted: Bool) throws -> Figures {
        let simulation = try Simulation(seed: seed, disk: disk, plant: plant, isPrinted: isPrinted)
        do {
            try simulation.run()
            var figures = simulation.figures
            if !isPrinted, seed % Self.replayEvery == 0 {
                let replay = try Simulation(seed: seed, disk: disk, plant: plant, isPrinted: false)
                try replay.run()
                guard replay.digest == simulation.digest else {
                    throw Violation(description: "the seed ran otherwise the second time")
                }
                figures.replayed = 1
            }
            return figures
        } catch let violation as Violation {
            let trace = isPrinted ? "" : simulation.lastLines.joined(separator: "\n")
            Report.line("\(trace)\n\nSeed \(seed): \(violation)\nReplay it with: make simtest SEED=\(seed)")
            throw ExitCode.failure
        }
    }

    /// The iteration order of sets and dictionaries must not vary between processes.
    private static func restartWithFixedHashing() throws {
        let variable = "SWIFT_DETERMINISTIC_HASHING"
        if getenv(variable) != nil { return }
        setenv(variable, "1", 1)
        var words = CommandLine.arguments.map { strdup($0) } + [nil]
        execv("/proc/self/exe", &words)
        throw SmallFile.Failure(description: "\(SystemError("cannot restart"))")
    }

    private static func makeDirectory() throws -> String {
        // In memory, so that a seed takes only milliseconds.
        let place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        guard let template = strdup("\(place)/fluxq-simtest-XXXXXX"), let path = mkdtemp(template) else {
            throw SmallFile.Failure(description: "\(SystemError("cannot make a directory"))")
        }
        defer { free(template) }
        return String(cString: path)
    }
}
