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
        return try await read { [shortage] db, now in
            let owner = try Row.fetchOne(
                db.cachedStatement(sql: "SELECT queued, running, done, failed FROM owners WHERE uid = ?"),
                arguments: [caller.uid])
            let gate = try QueueGate(db, policy: policy, shortage: shortage.present)
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

extension Store {
    /// How many calls at once the API was last found to bear; nil while it has never been too many.
    package func pace() async throws(StoreError) -> Int? {
        try await read { db, _ in try Int.fetchOne(db, sql: "SELECT pace FROM queue") }
    }

    /// Remembers it for the next start.
    package func learn(pace: Int) async throws(StoreError) {
        try await write { transaction in _ = try transaction.execute("UPDATE queue SET pace = ?", [pace]) }
    }

    /// Says that the file system of the state directory has no room, or nil that it has again.
    package func report(_ present: Shortage?) {
        if shortage.replace(present) != present { signal.ring([.work]) }
    }
}

extension Transaction {
    func gate() throws -> QueueGate {
        try QueueGate(db, policy: policy, shortage: shortage)
    }

    func write(_ gate: QueueGate) throws {
        try execute(
            """
            UPDATE queue SET paused_at = ?, paused_by = ?, held_cause = ?, held_at = ?, held_message = ?, probes = ?,
                checked_at = ?, probe_at = ?, rate_limited_at = ?, rate_limited_until = ?, rate_limits = ?
            """,
            [
                gate.pause?.since, gate.pause?.uid, gate.hold?.cause.rawValue, gate.hold?.since, gate.hold?.message,
                gate.hold?.probes ?? 0, gate.hold?.checkedAt, gate.hold?.probeAt, gate.rateLimit?.since,
                gate.rateLimit?.until, gate.rateLimits,
            ])
    }

    /// Remembers that a call begins, for `workers.rate_per_minute` after a restart.
    func rememberCall() throws {
        guard policy.callInterval != nil else { return }
        try execute("UPDATE queue SET last_call_at = ?", [now])
    }
}

extension QueueGate {
    init(_ db: Database, policy: StorePolicy, shortage: Shortage?) throws {
        guard let row = try Row.fetchOne(db.cachedStatement(sql: "SELECT * FROM queue")) else {
            throw StoreError.damaged("the row of the queue is missing")
        }
        self.init(rateLimits: row["rate_limits"], shortage: shortage)
        if let interval = policy.callInterval { spacing = Spacing(interval: interval, lastCallAt: row["last_call_at"]) }
        if let until: Timestamp = row["rate_limited_until"] {
            rateLimit = RateLimit(since: row["rate_limited_at"] ?? until, until: until)
        }
        if let since: Timestamp = row["paused_at"] {
            pause = Pause(since: since, uid: row["paused_by"])
        }
        if row["held_cause"] != nil {
            hold = Hold(
                cause: try row.choice("held_cause"), since: row["held_at"], message: row["held_message"],
                probes: row["probes"], checkedAt: row["checked_at"], probeAt: row["probe_at"])
        }
    }
}
