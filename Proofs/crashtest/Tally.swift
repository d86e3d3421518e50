import FluxqModel
import FluxqProofKit
import FluxqSandbox

/// The result of a run so far.
struct Tally {
    private(set) var rounds = 0
    private(set) var histories = 0
    /// Deaths that happened as planned, by point.
    private(set) var deaths: [CrashPoint: Int] = [:]
    private(set) var moments = 0
    /// Deaths at a point that the daemon did not pass before all was done, by point.
    private(set) var missed: [CrashPoint: Int] = [:]
    private var jobs = 0
    private var acknowledged = 0
    private var calls = 0
    private var billed = 0
    private var unknown = 0
    private var pictures = 0

    mutating func count(_ death: Death, asPlanned: Bool) {
        switch (death.point, asPlanned) {
        case (let point?, true): deaths[point, default: 0] += 1
        case (let point?, false): missed[point, default: 0] += 1
        case (nil, _): moments += 1
        }
    }

    mutating func countRound() {
        rounds += 1
    }

    mutating func count(_ invariants: Invariants) {
        histories += 1
        jobs += invariants.state.jobs.count
        acknowledged += invariants.submitted.count { $0.acknowledged != nil }
        calls += invariants.calls.count
        billed += invariants.calls.count(where: \.billed)
        unknown += invariants.state.attempts.count { $0.billing == "unknown" }
        pictures += invariants.state.pictures.count { $0.state == "saved" }
    }

    func neverHit(of points: [CrashPoint]) -> [CrashPoint] {
        points.filter { deaths[$0] == nil }
    }

    /// A table with one line per point.
    func deathTable(_ points: [CrashPoint]) -> String {
        let width = points.map(\.rawValue.count).max() ?? 0
        func line(_ name: String, _ hits: Int, _ missed: Int) -> String {
            let count = String(hits)
            let note = missed > 0 ? "  (\(missed) not reached)" : ""
            return "  " + name + String(repeating: " ", count: width - name.count + 7 - count.count) + count + note
        }
        let lines = points.map { line($0.rawValue, deaths[$0, default: 0], missed[$0, default: 0]) }
        return (lines + [line("at random times", moments, 0)]).joined(separator: "\n")
    }

    var summary: String {
        let kills = deaths.values.reduce(0, +) + missed.values.reduce(0, +) + moments
        return """
            rounds \(rounds), kills \(kills), state directories \(histories)
            jobs \(jobs), acknowledged \(acknowledged), calls \(calls), billed \(billed), unknown \(unknown), pictures \(pictures)
            """
    }
}
