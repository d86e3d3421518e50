import FluxqControl
import FluxqModel
import FluxqTestSupport
import Foundation
import Testing

/// The result of one row.
struct OutcomeResult: Sendable {
    /// The run of `fluxq submit --wait`.
    let run: RunningDaemon.Run
    let job: JobDocument
    /// From the sandbox's ledger: the requests that reached the API.
    let received: [RunningDaemon.LedgerEntry]
    /// From fluxq's own ledger.
    let calls: [Ledger.Attempt]
}

/// Plays all rows once, many of them to one daemon, before the suite's tests check them one by one.
struct OutcomePlay: SuiteTrait, TestScoping {
    @TaskLocal static var results: [Int: OutcomeResult] = [:]

    /// Daemons that play the rows that affect the whole queue, each its part of them one after the other.
    private static let lanes = 6
    /// Rows that one daemon plays at the same time.
    private static let width = 24

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let rows = Array(OutcomeRow.all.enumerated())
        var groups: [(rows: [(Int, OutcomeRow)], width: Int, seconds: Int)] = [
            (rows.filter { $0.element.place == .beside }.map { ($0.offset, $0.element) }, Self.width, 60),
            (rows.filter { $0.element.place == .hurried }.map { ($0.offset, $0.element) }, Self.width, 20),
        ]
        let inTurn = rows.filter { $0.element.place == .inTurn }
        for lane in 0..<Self.lanes {
            let share = inTurn.enumerated().filter { $0.offset % Self.lanes == lane }.map(\.element)
            groups.append((share.map { ($0.offset, $0.element) }, 1, 60))
        }
        let results = try await withThrowingTaskGroup(of: [Int: OutcomeResult].self) { plays in
            for group in groups {
                plays.addTask { try await Self.play(group.rows, width: group.width, timeoutSeconds: group.seconds) }
            }
            var all: [Int: OutcomeResult] = [:]
            for try await part in plays { all.merge(part) { $1 } }
            return all
        }
        try await Self.$results.withValue(results) { try await function() }
    }

    private static func play(
        _ rows: [(number: Int, row: OutcomeRow)], width: Int, timeoutSeconds: Int
    ) async throws -> [Int: OutcomeResult] {
        let daemon = try await RunningDaemon(environment: [
            "FLUXQ_WORKERS_MAX_ATTEMPTS": "2", "FLUXQ_API_TIMEOUT_SECONDS": "\(timeoutSeconds)",
            "FLUXQ_WORKERS_CONCURRENCY": "\(max(width, 2))",
            // A model with a price is available.
            "FLUXQ_PRICES": rows.map { "row-\($0.number)=0" }.joined(separator: ","),
        ])
        let runs = try await withThrowingTaskGroup(of: (Int, RunningDaemon.Run).self) { plays in
            var runs: [Int: RunningDaemon.Run] = [:]
            for (place, (number, row)) in rows.enumerated() {
                if place >= width, let (number, run) = try await plays.next() { runs[number] = run }
                plays.addTask { (number, try await submit(row, number, to: daemon)) }
            }
            for try await (number, run) in plays { runs[number] = run }
            return runs
        }
        let ids = Dictionary(uniqueKeysWithValues: runs.map { ($0.key, $0.value.lines.first.flatMap { Int64($0) }) })
        let shown = try await daemon.run(["status", "--json"] + ids.values.compactMap { $0.map(String.init) })
        let jobs = try shown.lines.map { try JSONDecoder().decode(JobDocument.self, from: Data($0.utf8)) }
        let received = try daemon.ledger()
        await daemon.stop()
        let ledger = try Ledger(of: daemon)

        var results: [Int: OutcomeResult] = [:]
        for (number, row) in rows {
            let run = try #require(runs[number])
            let job = try #require(jobs.first { $0.id == ids[number] }, "\(row): \(run.errors)")
            let prompt = row.prompt(number)
            results[number] = OutcomeResult(
                run: run, job: job,
                // A call that was not read to its end has no prompt; only one row is like that.
                received: received.filter { $0.prompt == prompt || ($0.prompt == nil && row.words.contains("hangup")) },
                calls: ledger.calls.filter { $0.job == job.id })
        }
        return results
    }

    private static func submit(
        _ row: OutcomeRow, _ number: Int, to daemon: RunningDaemon
    ) async throws -> RunningDaemon.Run {
        let options = row.options.contains("--n") ? row.options : ["--n", "2"] + row.options
        // Each row has its own lane, so that none holds another.
        let submit =
            ["submit", "--image", "-", "--model", "row-\(number)"] + options + (row.isCanceled ? [] : ["--wait"])
        let run = try await daemon.run(submit + [row.prompt(number)], input: row.input)
        guard row.isCanceled, let id = run.lines.first else { return run }
        _ = try await daemon.fluxq("cancel", id)
        let wait = try await daemon.fluxq("wait", id)
        return .init(end: wait.end, output: run.output, errors: wait.errors)
    }
}
