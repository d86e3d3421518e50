import FluxqModel
import FluxqTestSupport
import FluxqWords
import GRDB

/// fluxq's own record of its calls, read from the database of a stopped daemon.
struct Ledger {
    struct Attempt: Equatable {
        let job: Int64
        /// One word of `CallOutcome.Kind`.
        let outcome: String?
        let billing: String
        let message: String?
    }

    /// In the order in which the calls began.
    let calls: [Attempt]

    /// The billing of each attempt.
    var attempts: [String] { calls.map(\.billing) }

    init(of daemon: RunningDaemon) throws {
        calls = try DatabaseQueue(path: daemon.directory.path("state/queue.sqlite")).read { db in
            try Row.fetchAll(
                db, sql: "SELECT job, outcome, billing, message FROM attempts ORDER BY begun_at, job, number"
            ).map { row in
                let message: String? = row["message"]
                return Attempt(
                    job: row["job"], outcome: row["outcome"], billing: row["billing"],
                    message: message.map { CallTrouble(json: $0).words })
            }
        }
    }
}
