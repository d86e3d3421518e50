import ArgumentParser
import Glibc

@main
struct Simtest: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simtest",
        abstract: "Runs fluxq's workers with a simulated clock, API and failures, each time from one seed.",
        discussion: """
            The store is real SQLite and the archive real files. Everything runs on one thread, so that a seed that fails \
            fails again: --seed N runs that one alone and prints all that happens.
            """)

    /// One seed of so many is run twice, to see that both runs are the same.
    private static let replayEvery: UInt64 = 50

    @Option(help: "How many seeds to run.")
    var seeds: UInt64 = 5000

    @Option(help: "The first seed.")
    var first: UInt64 = 1

    @Option(help: "Run this seed alone and print what happens.")
    var seed: UInt64?

    @Option(help: "Plant a defect that has to be found: \(Plant.allCases.map(\.rawValue).joined(separator: ", ")).")
    var plant: Plant?

    mutating func validate() throws {
        guard seeds > 0 else { throw ValidationError("--seeds must be at least 1.") }
    }

    func run() throws {
        try Self.beginAnewWithFixedHashing()
        let directory = try Self.makeDirectory()
        defer { SmallFile.removeTree(directory) }
        let ballast = Ballast(directory: directory)
        defer { ballast.unmount() }
        if !ballast.canFill { print("No full disks are simulated: this process may not mount a file system of its own.") }

        if let seed {
            let figures = try run(seed, ballast, isPrinted: true)
            return print(figures.words)
        }
        var sum = Figures()
        for seed in first..<first + seeds {
            sum = sum + (try run(seed, ballast, isPrinted: false))
            if seed % 1000 == 0 { print(sum.words) }
        }
        print("No promise was broken: \(sum.words).")
    }

    private func run(_ seed: UInt64, _ ballast: Ballast, isPrinted: Bool) throws -> Figures {
        let simulation = try Simulation(seed: seed, ballast: ballast, plant: plant, isPrinted: isPrinted)
        do {
            try simulation.run()
            var figures = simulation.figures
            if !isPrinted, seed % Self.replayEvery == 0 {
                let replay = try Simulation(seed: seed, ballast: ballast, plant: plant, isPrinted: false)
                try replay.run()
                guard replay.digest == simulation.digest else {
                    throw Violation(description: "the seed ran otherwise the second time")
                }
                figures.replayed = 1
            }
            return figures
        } catch let violation as Violation {
            if !isPrinted { print(simulation.lastLines.joined(separator: "\n")) }
            print("\nSeed \(seed): \(violation)\nReplay it with: make simtest SEED=\(seed)")
            throw ExitCode.failure
        }
    }

    /// The order of sets and dictionaries must not vary from process to process.
    private static func beginAnewWithFixedHashing() throws {
        let variable = "SWIFT_DETERMINISTIC_HASHING"
        if getenv(variable) != nil { return }
        setenv(variable, "1", 1)
        var words = CommandLine.arguments.map { strdup($0) } + [nil]
        execv("/proc/self/exe", &words)
        throw SmallFile.Failure(description: "cannot start anew: \(String(cString: strerror(errno)))")
    }

    private static func makeDirectory() throws -> String {
        // In memory, so that a seed costs milliseconds.
        let place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        guard let template = strdup("\(place)/fluxq-simtest-XXXXXX"), let path = mkdtemp(template) else {
            throw SmallFile.Failure(description: "cannot make a directory: \(String(cString: strerror(errno)))")
        }
        defer { free(template) }
        return String(cString: path)
    }
}
