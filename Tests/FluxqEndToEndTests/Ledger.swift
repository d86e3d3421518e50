import FluxqTestSupport
import GRDB

/// fluxq's own account of its calls, read from the database that a stopped daemon left.
struct Ledger {
    /// Billing by attempt, in the order the calls began.
    let attempts: [String]

    init(of daemon: RunningDaemon) throws {
        attempts = try DatabaseQueue(path: daemon.directory.path("state/queue.sqlite")).read { db in
            try String.fetchAll(db, sql: "SELECT billing FROM attempts ORDER BY begun_at, job, number")
        }
    }

    /// Calls that the API billed and fluxq believes unbilled, or the other way round; unknown is never a disagreement.
    func disagreements(with sandbox: [RunningDaemon.LedgerEntry]) -> [String] {
        guard attempts.count == sandbox.count else { return ["\(attempts) against \(sandbox)"] }
        return zip(attempts, sandbox).compactMap { own, theirs in
            switch (own, theirs.billed) {
            case ("billed", true), ("not_billed", false), ("unknown", _): nil
            default: "\(own) against \(theirs)"
            }
        }
    }
}
