import FluxqDiskFaults
import Foundation
import Synchronization

/// Counts runs and faults by kind, and reports failures.
final class Tally: Sendable {
    private struct Sum {
        var runs = 0
        var faults = 0
        var exits = 0
        var refusals = 0
        var failed = 0

        mutating func add(_ outcome: FaultRun.Outcome) {
            runs += 1
            faults += outcome.injected
            exits += outcome.exits
            refusals += outcome.refusals
            if !outcome.violations.isEmpty { failed += 1 }
        }

        var columns: [String] { [runs, faults, exits, refusals, failed].map(String.init) }
    }

    private let sums = Mutex((all: Sum(), byFault: [Fault: Sum]()))

    var failed: Int { sums.withLock { $0.all.failed } }

    func count(_ fault: Fault, _ scene: Scene, _ from: Int, _ outcome: FaultRun.Outcome) {
        let runs = sums.withLock { sums in
            sums.all.add(outcome)
            sums.byFault[fault, default: Sum()].add(outcome)
            return sums.all.runs
        }
        if runs % 100 == 0 { FileHandle.standardError.write(Data("\(runs) runs\n".utf8)) }
        guard !outcome.violations.isEmpty else { return }
        print("FAILED \(fault), \(scene.rawValue), call \(from) of \(outcome.seen)")
        for violation in outcome.violations { print("  \(violation)") }
    }

    /// A line for each kind of fault.
    var summary: String {
        let (all, byFault) = sums.withLock { $0 }
        let names = ["runs", "faults", "exits", "refusals", "failed"]
        let rows =
            byFault.map { ($0.key.description, $0.value.columns) }.sorted { $0.0 < $1.0 } + [("all", all.columns)]
        let lines = ([("fault", names)] + rows).map { name, columns in
            name.padding(toLength: 34, withPad: " ", startingAt: 0)
                + columns.map { String(repeating: " ", count: max(0, 9 - $0.count)) + $0 }.joined()
        }
        return lines.joined(separator: "\n")
    }
}
