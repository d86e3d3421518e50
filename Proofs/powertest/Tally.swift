import FluxqDiskFaults
import Foundation
import Synchronization

/// Counts replays, reports progress, and keeps the failures.
final class Tally: Sendable {
    private let state = Mutex((replays: 0, failed: 0))

    var counts: (replays: Int, failed: Int) { state.withLock { $0 } }

    func count(_ moment: Moment, _ violations: [String], keep: String, seed: UInt64) throws {
        let (replays, failed) = state.withLock { state in
            state.replays += 1
            if !violations.isEmpty { state.failed += 1 }
            return state
        }
        if replays % 100 == 0 { FileHandle.standardError.write(Data("\(replays) replays\n".utf8)) }
        guard !violations.isEmpty else { return }
        let directory = "\(keep)/powertest-\(seed)-\(failed)"
        try moment.image.write(to: directory)
        print("FAILED \(moment.name), kept in \(directory)")
        for violation in violations { print("  \(violation)") }
    }
}
