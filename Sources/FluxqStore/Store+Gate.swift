package import FluxqModel
import GRDB

/// How the queue is doing, and one owner's part in it.
package struct QueueOverview: Hashable, Sendable {
    package var gate: QueueGate
    /// The administrator's name, where the queue is paused.
    package var pausedBy: String?
    /// The owner's jobs by state.
    package var counts: [JobState: Int]
    package var usage: OwnerUsage
}

extension Store {
    package func queue(of caller: Owner) async throws(StoreError) -> QueueOverview {
        let policy = policy
        return try await read { db, now in
            let owner = try Row.fetchOne(
                db.cachedStatement(sql: "SELECT queued, running, done, failed FROM owners WHERE uid = ?"),
                arguments: [caller.uid])
            let gate = try QueueGate(db)
            return QueueOverview(
                gate: gate,
                pausedBy: try gate.pause.flatMap { pause in
                    try String.fetchOne(
                        db.cachedStatement(sql: "SELECT name FROM owners WHERE uid = ?"), arguments: [pause.uid])
                },
                counts: Dictionary(uniqueKeysWithValues: JobState.allCases.map { ($0, owner?[$0.rawValue] ?? 0) }),
                usage: try LimitsReader(db: db, policy: policy, now: now).usage(of: caller))
        }
    }
}

extension Transaction {
    func gate() throws -> QueueGate {
        try QueueGate(db)
    }

    func write(_ gate: QueueGate) throws {
        try execute(
            """
            UPDATE queue SET paused_at = ?, paused_by = ?, held_cause = ?, held_at = ?, held_message = ?, probes = ?,
                probe_at = ?, rate_limited_until = ?, rate_limits = ?
            """,
            [
                gate.pause?.since, gate.pause?.uid, gate.hold?.cause.rawValue, gate.hold?.since, gate.hold?.message,
                gate.hold?.probes ?? 0,
                gate.hold?.probeAt, gate.rateLimitedUntil, gate.rateLimits,
            ])
    }
}

extension QueueGate {
    init(_ db: Database) throws {
        guard let row = try Row.fetchOne(db.cachedStatement(sql: "SELECT * FROM queue")) else {
            throw StoreError.damaged("the row of the queue is missing")
        }
        self.init(rateLimitedUntil: row["rate_limited_until"], rateLimits: row["rate_limits"])
        if let since: Timestamp = row["paused_at"] {
            pause = Pause(since: since, uid: row["paused_by"])
        }
        if row["held_cause"] != nil {
            hold = Hold(
                cause: try row.choice("held_cause"), since: row["held_at"], message: row["held_message"],
                probes: row["probes"], probeAt: row["probe_at"])
        }
    }
}
