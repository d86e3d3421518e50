import FluxqModel
import GRDB

/// Start-time fair queueing between owners (Goyal, Vin, Cheng 1996): every call has a start tag in virtual time, and the
/// smallest goes first.
///
/// ```
/// start tag of an owner's next call = max(queue's virtual time when it came into the line, end of its call before)
/// end of a call                     = its start tag + images / weight
/// queue's virtual time              = start tag of the call that was claimed last
/// ```
///
/// An owner who comes into the line, or back from a limit, begins at the queue's virtual time (the triggers of
/// `0002_limits.sql` see to it): before everybody who was served since, and with no credit for the time away. What was
/// claimed is never given back, not even for a call that was not billed: an owner whose calls all fail would else stay
/// first for ever, closing the queue again and again with everybody behind it.
enum FairShare {
    /// What one image moves the virtual time of an owner of weight 1.
    private static let imageTime: Int64 = 1_000_000

    static func advance(images: Int, weight: Int) -> Int64 {
        Int64(images) * imageTime / Int64(weight)
    }

    /// Sets an owner free of a limit's mark, with no credit for the time under it.
    static let unblocking = """
        virtual_time = CASE WHEN blocked IS NULL THEN virtual_time
            ELSE max(virtual_time, (SELECT queue.virtual_time FROM queue)) END,
        blocked = NULL, blocked_at = NULL, blocked_until = NULL
        """
}

/// By what an owner is marked as kept back by a limit.
struct LimitBasis: Hashable, Sendable {
    private let limits: LimitRules
    private let prices: [String: StorePolicy.Price]

    init(_ policy: StorePolicy) {
        limits = policy.limits
        prices = policy.prices
    }
}

/// A row of `owners`, as fair share and the limits see it.
struct OwnerRow {
    let uid: UInt32
    let name: String
    let queued: Int64
    let running: Int64
    let archiveBytes: Int64
    let unusedInputBytes: Int64
    /// When the first job that is not ready becomes due.
    let timedAt: Timestamp?
    /// The start tag of the next call.
    let virtualTime: Int64
    /// The number of the latest call.
    let lastTurn: Int64
    private let row: Row

    init(_ row: Row) {
        self.row = row
        uid = row["uid"]
        name = row["name"]
        queued = row["queued"]
        running = row["running"]
        archiveBytes = row["archive_bytes"]
        unusedInputBytes = row["unused_input_bytes"]
        timedAt = row["timed_at"]
        virtualTime = row["virtual_time"]
        lastTurn = row["last_turn"]
    }

    func limits(_ rules: LimitRules) throws -> UserLimits {
        // Memberships are only read where they can matter.
        let groups = rules.groups.isEmpty ? [] : try row.json("groups", [UInt32].self) ?? []
        return rules.limits(uid: uid, groups: groups)
    }
}

extension Transaction {
    /// Jobs of one owner that a claim moves into the line at most.
    private static let mostJobsAdmitted = 100
    private static let mostOwnersAdmitted = 32

    func owner(_ uid: UInt32) throws -> OwnerRow? {
        try row("SELECT * FROM owners WHERE uid = ?", [uid]).map(OwnerRow.init)
    }

    /// Whose turn it is among those with ready jobs and no limit reached.
    func nextOwner() throws -> OwnerRow? {
        try row(
            "SELECT * FROM owners WHERE ready > 0 AND blocked IS NULL ORDER BY virtual_time, last_turn, uid LIMIT 1"
        ).map(OwnerRow.init)
    }

    /// When an owner comes into the line by itself.
    func nextOwnerComes() throws -> Timestamp? {
        let due = try value(
            Timestamp.self, "SELECT min(timed_at) FROM owners WHERE ready = 0 AND timed_at IS NOT NULL")
        let freed = try value(
            Timestamp.self, "SELECT min(blocked_until) FROM owners WHERE blocked_until IS NOT NULL")
        return [due, freed].compactMap(\.self).min()
    }

    /// Owners who had nothing ready and whose first job's time has come. One who has much due takes no other's place:
    /// with one job ready it is in the line, and what else is due follows when its turn comes.
    func admitDueOwners() throws {
        let due = try UInt32.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT uid FROM owners WHERE ready = 0 AND timed_at IS NOT NULL AND timed_at <= ?
                    ORDER BY timed_at LIMIT ?
                    """), arguments: [now, Self.mostOwnersAdmitted])
        for uid in due { try admitDueJobs(of: uid) }
    }

    /// Jobs whose time has come join the ready ones at their number's place.
    func admitDueJobs(of uid: UInt32) throws {
        try execute(
            """
            UPDATE jobs SET not_before = NULL, after_backoff = 0 WHERE id IN (
                SELECT id FROM jobs WHERE uid = ? AND state = 'queued' AND not_before IS NOT NULL AND not_before <= ?
                ORDER BY not_before LIMIT ?)
            """, [uid, now, Self.mostJobsAdmitted])
    }

    /// Marks an owner whose first job has to wait for a limit, for the claim to pass by: until the limit is renewed, or the
    /// time of another of its jobs comes, which may go first and be within the limit.
    func block(_ owner: OwnerRow, by reached: LimitReached) throws {
        try execute(
            """
            UPDATE owners SET blocked = ?1, blocked_at = ?2,
                blocked_until = min(coalesce(?3, timed_at), coalesce(timed_at, ?3))
            WHERE uid = ?4
            """, [reached.waiting.rawValue, now, reached.freesAt, owner.uid])
    }

    func liftAllMarks() throws {
        try execute("UPDATE owners SET \(FairShare.unblocking) WHERE blocked IS NOT NULL")
    }

    /// Owners whose limit is renewed come back; those marked in what is now the future, too: the clock was set back, and
    /// with it the day may be another.
    func readmitBlockedOwners() throws {
        try execute("UPDATE owners SET \(FairShare.unblocking) WHERE blocked_until <= ?", [now])
        try execute("UPDATE owners SET \(FairShare.unblocking) WHERE blocked IS NOT NULL AND blocked_at > ?", [now])
    }

    /// Moves the virtual times by a call that is claimed.
    func takeTurn(_ owner: OwnerRow, images: Int) throws {
        let weight = try owner.limits(policy.limits).weight
        try execute("UPDATE queue SET virtual_time = max(virtual_time, ?), turns = turns + 1", [owner.virtualTime])
        try execute(
            "UPDATE owners SET virtual_time = ?, last_turn = (SELECT turns FROM queue) WHERE uid = ?",
            [owner.virtualTime + FairShare.advance(images: images, weight: weight), owner.uid])
    }
}
