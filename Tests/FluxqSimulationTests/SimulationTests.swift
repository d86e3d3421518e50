import FluxqTestSupport
import Foundation
import Testing

/// `make simtest` is the proof; this sees that it can fail, and that what it reports can be replayed.
@Suite("The simulation", .serialized, .timeLimit(.minutes(30)))
struct SimulationTests {
    /// A defect that the program can plant, the rule that has to catch it, and how many seeds that may take.
    struct Planted: CustomTestStringConvertible, Sendable {
        let name: String
        let rule: String
        let seeds: Int

        var testDescription: String { name }

        static let all = [
            Planted(name: "send-twice", rule: "was sent twice", seeds: 20),
            Planted(name: "forget-answer", rule: "is unknown in the ledger, but was told to be billed", seeds: 20),
            Planted(name: "deny-sending", rule: "in the ledger", seeds: 20),
            Planted(name: "skip-recovery", rule: " open", seeds: 20),
            Planted(name: "empty-incoming", rule: "which had come whole", seeds: 1000),
            Planted(name: "lose-picture", rule: "archive", seeds: 20),
            Planted(name: "one-too-many", rule: "calls are in flight", seeds: 20),
            Planted(name: "hasty-clock", rule: "was claimed", seeds: 50),
            Planted(name: "forge-state", rule: "the event log's last word", seeds: 50),
            Planted(name: "forget-pause", rule: "paused, and the event log says otherwise", seeds: 50),
            Planted(name: "oversleep", rule: "and nobody", seeds: 20),
            Planted(name: "charge-outages", rule: "it cost an attempt", seeds: 50),
            Planted(name: "spread-refusals", rule: "with 80 % of a fair share", seeds: 100),
            Planted(name: "refund-forgotten", rule: "of what the calls of forgotten jobs have cost", seeds: 100),
            Planted(name: "forget-holds", rule: "is known to be", seeds: 400),
            Planted(name: "never-probe", rule: "has a ready job, and is not tried", seeds: 50),
            Planted(name: "never-join", rule: "what was asked for allows", seeds: 50),
            Planted(name: "note-early", rule: "what was asked for allows", seeds: 400),
            Planted(name: "forget-delivery", rule: "was delivered, and is given to another request", seeds: 100),
            Planted(name: "never-abandon", rule: "nobody has waited for job", seeds: 100),
            Planted(name: "hasty-abandon", rule: "ms after its last client had left", seeds: 50),
            Planted(name: "forget-preference", rule: "is to stay queued, and was canceled", seeds: 400),
            Planted(name: "hold-seat", rule: "admissions wait for ever", seeds: 50),
        ]
    }

    private func simtest(_ arguments: [String]) async throws -> (end: ChildProcess.End, output: String) {
        let directory = try TemporaryDirectory()
        let process = try ChildProcess(
            RunningDaemon.executable("fluxq-simtest"), arguments, environment: [:], directory: directory.path)
        let end = await process.wait()
        return (end, process.output + process.errors)
    }

    @Test("finds nothing in a few seeds, and says what they amounted to")
    func clean() async throws {
        let (end, output) = try await simtest(["--seeds", "10", "--threads", "1"])
        #expect(end == .exit(0), "\(output)")
        #expect(output.contains("No promise was broken") && output.contains("10 seeds"), "\(output)")
    }

    @Test("finds every defect that is planted, names the seed and the rule, and fails", arguments: Planted.all)
    func planted(_ planted: Planted) async throws {
        let (end, output) = try await simtest(
            ["--plant", planted.name, "--seeds", "\(planted.seeds)", "--threads", "1"])
        #expect(end == .exit(1), "\(output)")
        let verdict = try #require(output.split(separator: "\n").last { $0.hasPrefix("Seed ") }, "\(output)")
        #expect(verdict.contains(planted.rule))
        #expect(output.contains("Replay it with: make simtest SEED="))
    }

    @Test("runs a seed the same way in every process")
    func replay() async throws {
        let first = try await simtest(["--seed", "7"])
        let second = try await simtest(["--seed", "7"])
        #expect(first.end == .exit(0) && first.output.contains("fluxqd starts"), "\(first.output.suffix(2000))")
        #expect(first.output == second.output)
    }
}
