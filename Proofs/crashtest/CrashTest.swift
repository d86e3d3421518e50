import ArgumentParser
import FluxqModel
import FluxqProofKit
import Foundation
import UnixSignals

/// Kills fluxqd with signal 9 between any two effects and at random times, and checks that it keeps its promises.
@main
struct CrashTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crashtest",
        abstract: "Kill fluxqd again and again, and check that nothing is lost and nothing is paid for twice.",
        discussion: """
            Each round starts the fluxqd that was built beside it, lets clients submit, cancel and retry, kills it at a \
            named point or at a random time, perhaps kills its successor too, and lets the last one finish. Then the \
            database, the archive and the ledger of the API are held against each other. The API is a stand-in inside \
            this program. The same seed draws the same rounds; what the processes make of them differs a little from \
            run to run.
            """)

    @Option(help: "How many rounds.")
    var rounds = 1000

    @Option(help: "What the rounds are drawn from (default: at random).")
    var seed: UInt64?

    @Option(help: ArgumentHelp("Rounds on one state directory.", valueName: "N"))
    var roundsPerDirectory = 20

    @Option(help: ArgumentHelp("Kill at these points alone, comma-separated.", valueName: "POINTS"))
    var points: String?

    @Option(help: ArgumentHelp("Where to put the temporary directory.", valueName: "DIR"))
    var directory = FileManager.default.temporaryDirectory.path

    @Option(
        help: ArgumentHelp(
            "Plant a defect (\(Plant.allCases.map(\.rawValue).joined(separator: ", "))).", valueName: "NAME"))
    var plant: Plant?

    /// After this many turns of each point, a point that was never hit is a failure.
    private static let turnsToHit = 3

    func validate() throws {
        guard rounds > 0, roundsPerDirectory > 0 else { throw ValidationError("The numbers must be at least 1.") }
        _ = try chosenPoints
    }

    private var chosenPoints: [CrashPoint] {
        get throws {
            guard let points else { return CrashPoint.allCases }
            return try points.split(separator: ",").map { name in
                guard let point = CrashPoint(rawValue: String(name)) else {
                    throw ValidationError(
                        "\(name) is no point. There are: \(CrashPoint.allCases.map(\.rawValue).joined(separator: ", "))"
                    )
                }
                return point
            }
        }
    }

    func run() async throws {
        guard !CrashPoint.environmentVariables.isEmpty else {
            throw ValidationError("A release build passes no points. Run: make crashtest")
        }
        let end = await withTaskGroup(of: Result<Bool, any Error>?.self) { group in
            group.addTask {
                do { return .success(try await killAndCheck()) } catch { return .failure(error) }
            }
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { return .success(false) }
                return nil
            }
            while let end = await group.next() {
                guard let end else { continue }
                group.cancelAll()
                return end
            }
            return .success(false)
        }
        guard try end.get() else { throw ExitCode.failure }
    }

    private func killAndCheck() async throws -> Bool {
        let seed = seed ?? UInt64.random(in: 1...999_999)
        let points = try chosenPoints
        let start = ContinuousClock.now
        FileHandle.standardError.write(Data("crashtest: seed \(seed), \(rounds) rounds\n".utf8))
        let work = "\(directory)/fluxq-crashtest-\(seed)-\(getpid())"
        var run = CrashRun(planner: RoundPlanner(seed: seed, points: points), directory: work, plant: plant)
        do {
            try await run.play(rounds: rounds, perHistory: roundsPerDirectory)
        } catch let broken as CrashRun.Broken {
            print(run.tally.deathTable(points))
            print(run.tally.summary)
            print(broken)
            print("Look into \(broken.directory); the same rounds again: crashtest --seed \(seed)")
            return false
        } catch is CancellationError {
            // Interrupted: nothing is broken, and there is nothing to inspect.
            try FileManager.default.removeItem(atPath: work)
            print("stopped after \(run.tally.rounds) rounds")
            return false
        }
        try FileManager.default.removeItem(atPath: work)
        print(run.tally.deathTable(points))
        print(
            "seed \(seed), \(run.tally.summary)\nlost 0, billed twice 0, in \((ContinuousClock.now - start).components.seconds) s"
        )
        let never = run.tally.neverHit(of: points)
        guard never.isEmpty || rounds < Self.turnsToHit * points.count else {
            print("never hit, though there was time for it: \(never.map(\.rawValue).joined(separator: ", "))")
            return false
        }
        return true
    }
}
