import FluxqModel
import FluxqProofKit
import Foundation

/// A series of rounds on one state directory after the other.
struct CrashRun {
    /// A round that broke a promise.
    struct Broken: Error, CustomStringConvertible {
        let round: Int
        let plan: RoundPlan?
        /// Kept for inspection.
        let directory: String
        let reasons: [String]

        var description: String {
            let deaths = plan.map { $0.deaths.map(\.description).joined(separator: "; ") } ?? "after the last round"
            return "BROKEN in round \(round) (\(deaths)):\n" + reasons.map { "  \($0)" }.joined(separator: "\n")
        }
    }

    private static let roundsBetweenNews = 100

    private var planner: RoundPlanner
    private let directory: String
    private let plant: Plant?
    private(set) var tally = Tally()

    /// - Parameter directory: created by the run. Only a broken round leaves files in it.
    init(planner: RoundPlanner, directory: String, plant: Plant? = nil) {
        self.planner = planner
        self.directory = directory
        self.plant = plant
    }

    mutating func play(rounds: Int, perHistory: Int) async throws {
        var history: History?
        var age = 0
        while tally.rounds < rounds {
            try Task.checkCancellation()
            let inputs = "\(directory)/inputs"
            try FileManager.default.createDirectory(atPath: inputs, withIntermediateDirectories: true)
            let plan = try planner.next(in: inputs)
            if let old = history, age >= perHistory || plan.needsNewHistory {
                try await end(old)
                history = nil
            }
            var current: History
            if let history {
                current = history
            } else {
                current = try await begin()
                age = 0
            }
            try await play(plan, in: &current)
            history = current
            age += 1
            tally.countRound()
            if tally.rounds.isMultiple(of: Self.roundsBetweenNews) {
                // On standard error, to show progress without changing the report.
                FileHandle.standardError.write(Data("round \(tally.rounds): all holds\n".utf8))
            }
        }
        if let history { try await end(history) }
    }

    private func begin() async throws -> History {
        let path = "\(directory)/\(tally.histories)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return try await History.begin(in: path, plant: plant)
    }

    private mutating func play(_ plan: RoundPlan, in history: inout History) async throws {
        let violations: [Violation]
        do {
            violations = try await history.play(plan) { death, asPlanned in tally.count(death, asPlanned: asPlanned) }
        } catch {
            try Task.checkCancellation()
            throw Broken(round: tally.rounds + 1, plan: plan, directory: history.directory, reasons: ["\(error)"])
        }
        guard violations.isEmpty else {
            throw Broken(
                round: tally.rounds + 1, plan: plan, directory: history.directory,
                reasons: violations.map(\.description))
        }
    }

    private mutating func end(_ history: History) async throws {
        var history = history
        let (invariants, violations) = try await history.end()
        tally.count(invariants)
        guard violations.isEmpty else {
            throw Broken(
                round: tally.rounds, plan: nil, directory: history.directory, reasons: violations.map(\.description))
        }
        try FileManager.default.removeItem(atPath: history.directory)
    }
}
