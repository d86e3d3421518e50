import FluxqModel
import Foundation
import GRDB

/// Reads fluxq's database directly, without its store, on a separate read-only connection.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class Books: @unchecked Sendable {
    struct Event {
        let id: Int64
        /// nil if the event concerns the whole queue.
        let job: JobID?
        let actor: UInt32?
        let kind: String
        let state: String?
    }

    /// The gates that prevent calls from beginning.
    struct Gates: Hashable {
        var isPaused = false
        var lanes: [Lane: LaneGate] = [:]
        /// The time when the latest call of each endpoint began.
        var lastCallAt: [String: Timestamp] = [:]
    }

    struct JobRow {
        let id: JobID
        let uid: UInt32
        let prompt: String
        let lane: Lane
        let strikes: Int
        let state: String
        let phase: String?
        let reason: String?
        let notBefore: Timestamp?
        let isAfterBackoff: Bool
        let isCancelRequested: Bool
        let priority: Int
        let images: Int
    }

    /// The amounts that count against a user's limits on one day.
    struct Use {
        let images: Int64
        /// In millionths.
        let spent: Int64
    }

    struct AttemptRow {
        let id: AttemptID
        let billing: String
    }

    struct PictureRow {
        let attempt: AttemptID
        let state: String
        let link: String?
        let hash: ContentHash?
        let nextTry: Timestamp?
        /// Tries since the picture's deadline.
        let overdueTries: Int
    }

    private let connection: DatabaseQueue
    private var version: Int64 = -1
    /// All rows as of that version; nil until they are read.
    private var allJobs: [JobRow]?
    private var allPictures: [PictureRow]?
    private var allOpenAttempts: [AttemptRow]?
    private var allContents: [ContentHash]?

    init(path: String) throws {
        var configuration = Configuration()
        configuration.readonly = true
        connection = try DatabaseQueue(path: path, configuration: configuration)
    }

    func close() throws {
        try connection.close()
    }

    /// Call this after anything that may have written.
    ///
    /// - Returns: true if the store has committed anything since the last look.
    func lookForCommit() throws -> Bool {
        let current: Int64 = try value("PRAGMA data_version") ?? 0
        guard current != version else { return false }
        version = current
        (allJobs, allPictures, allOpenAttempts, allContents) = (nil, nil, nil, nil)
        return true
    }

    /// The first rule that is broken, with the values that break it; nil if there is none.
    func brokenRule() throws -> String? {
        try connection.inDatabase { db in
            for rule in TableRule.all {
                let found = try Int64.fetchAll(db.cachedStatement(sql: rule.sql))
                if !found.isEmpty { return "\(rule.rule): not so for \(found)" }
            }
            return nil
        }
    }

    func gates() throws -> Gates {
        try connection.inDatabase { db in
            var gates = Gates()
            gates.isPaused =
                try Bool.fetchOne(db.cachedStatement(sql: "SELECT paused_at IS NOT NULL FROM queue")) ?? false
            for row in try Row.fetchAll(db.cachedStatement(sql: "SELECT * FROM lanes")) {
                gates.lanes[Lane(endpoint: row["endpoint"], model: row["model"])] = try Self.gate(row)
            }
            for row in try Row.fetchAll(db.cachedStatement(sql: "SELECT name, last_call_at FROM endpoints")) {
                gates.lastCallAt[row["name"]] = Self.time(row["last_call_at"])
            }
            return gates
        }
    }

    private static func gate(_ row: Row) throws -> LaneGate {
        let evidence: String = row["evidence"]
        var gate = LaneGate(
            rateLimits: row["rate_limits"], calls: row["calls"],
            evidence: try JSONDecoder().decode(LaneGate.Evidence.self, from: Data(evidence.utf8)))
        if let until = time(row["rate_limited_until"]) {
            gate.rateLimit = .init(since: time(row["rate_limited_at"]) ?? until, until: until)
        }
        let cause: String? = row["held_cause"]
        if let cause = cause.flatMap(LaneGate.HoldCause.init), let since = time(row["held_at"]) {
            let closer: Int64? = row["held_job"]
            gate.hold = .init(
                cause: cause, since: since, message: HoldMessage(json: row["held_message"]), probes: row["probes"],
                checkedAt: time(row["checked_at"]), probeAt: time(row["probe_at"]) ?? since,
                closedBy: closer.map { .init(job: JobID(rawValue: $0), uid: row["held_uid"]) })
        }
        return gate
    }

    func events(after id: Int64) throws -> [Event] {
        try connection.inDatabase { db in
            try Row.fetchAll(
                db.cachedStatement(sql: "SELECT * FROM events WHERE id > ? ORDER BY id"), arguments: [id]
            ).map {
                Event(
                    id: $0["id"], job: ($0["job"] as Int64?).map(JobID.init(rawValue:)), actor: $0["actor"],
                    kind: $0["kind"], state: $0["state"])
            }
        }
    }

    func jobs() throws -> [JobRow] {
        if let allJobs { return allJobs }
        let sql = """
            SELECT id, uid, json_extract(request, '$.prompt'), state, phase, reason, not_before, after_backoff,
                cancel_requested, priority, images, endpoint, model, strikes
            FROM jobs ORDER BY id
            """
        let rows = try connection.inDatabase { db in
            try Row.fetchAll(db.cachedStatement(sql: sql)).map {
                JobRow(
                    id: JobID(rawValue: $0[0]), uid: $0[1], prompt: $0[2], lane: Lane(endpoint: $0[11], model: $0[12]),
                    strikes: $0[13], state: $0[3],
                    phase: $0[4], reason: $0[5],
                    notBefore: Self.time($0[6]), isAfterBackoff: $0[7], isCancelRequested: $0[8],
                    priority: $0[9], images: $0[10])
            }
        }
        allJobs = rows
        return rows
    }

    /// The open attempts of the jobs with this prompt.
    func openAttempts(prompt: String) throws -> [AttemptID] {
        let sql = """
            SELECT job, number FROM attempts JOIN jobs ON id = job
            WHERE settled_at IS NULL AND json_extract(request, '$.prompt') = ?
            """
        return try connection.inDatabase { db in
            try Row.fetchAll(db.cachedStatement(sql: sql), arguments: [prompt]).map(Self.attempt)
        }
    }

    /// Counts the calls that began on the day of that time, except those that are known not to be billed.
    func use(of uid: UInt32, on time: Timestamp) throws -> Use {
        let sql = """
            SELECT coalesce(sum(images), 0), coalesce(sum(spent), 0) FROM (
                SELECT images_counted AS images, images_counted * price AS spent
                FROM counted_attempts JOIN jobs ON id = job
                WHERE uid = ?1 AND billing <> 'not_billed' AND begun_at / 86400000 = ?2
                UNION ALL SELECT images + unknown_images, spent + unknown FROM forgotten_usage
                WHERE uid = ?1 AND day = ?2)
            """
        return try connection.inDatabase { db in
            let row = try Row.fetchOne(
                db.cachedStatement(sql: sql), arguments: [uid, time.rawValue / 86_400_000])
            return Use(images: row?[0] ?? 0, spent: row?[1] ?? 0)
        }
    }

    /// Images billed or perhaps billed on all days, including those of forgotten jobs.
    func imagesCounted(for uid: UInt32) throws -> Int64 {
        try connection.inDatabase { db in
            try Int64.fetchOne(
                db.cachedStatement(
                    sql: "SELECT coalesce(sum(images + unknown_images), 0) FROM usage WHERE uid = ?"), arguments: [uid])
                ?? 0
        }
    }

    func attempts(of job: JobID) throws -> [AttemptRow] {
        try attempts("SELECT * FROM attempts WHERE job = ? ORDER BY number", [job.rawValue])
    }

    func openAttempts() throws -> [AttemptRow] {
        if let allOpenAttempts { return allOpenAttempts }
        let rows = try attempts("SELECT * FROM attempts WHERE settled_at IS NULL ORDER BY job", [])
        allOpenAttempts = rows
        return rows
    }

    func pictures(of job: JobID) throws -> [PictureRow] {
        try pictures("WHERE job = ? ORDER BY position", [job.rawValue])
    }

    func pictures() throws -> [PictureRow] {
        if let allPictures { return allPictures }
        let rows = try pictures("ORDER BY job, position", [])
        allPictures = rows
        return rows
    }

    /// Every content that a row refers to.
    func contents() throws -> [ContentHash] {
        if let allContents { return allContents }
        let sql = "SELECT hash FROM inputs UNION SELECT hash FROM pictures WHERE hash IS NOT NULL"
        let hashes = try connection.inDatabase { db in
            try String.fetchAll(db.cachedStatement(sql: sql)).compactMap { ContentHash(hex: $0) }
        }
        allContents = hashes
        return hashes
    }

    /// nil for a job that has not ended.
    func finishedAt(_ job: JobID) throws -> Timestamp? {
        Self.time(try value("SELECT finished_at FROM jobs WHERE id = ?", [job.rawValue]))
    }

    /// True if a job with a prompt that begins so has ended before that time.
    func hasEnded(_ beginning: String, before time: Timestamp) throws -> Bool {
        try value(
            """
            SELECT EXISTS (SELECT 1 FROM jobs
                WHERE finished_at < ? AND instr(json_extract(request, '$.prompt'), ?) = 1)
            """, [time.rawValue, beginning]) ?? false
    }

    func unknownAttempts(prompt: String) throws -> Int {
        let sql = """
            SELECT count(*) FROM attempts JOIN jobs ON id = job
            WHERE billing = 'unknown' AND json_extract(request, '$.prompt') = ?
            """
        return try value(sql, [prompt]) ?? 0
    }

    /// Writes directly to the database, which is never allowed: only for a planted defect.
    static func forgeState(path: String) throws {
        try write(
            """
            UPDATE jobs SET state = 'queued', reason = NULL, message = NULL, error = NULL, finished_at = NULL
            WHERE state = 'failed'
            """, to: path)
    }

    static func forgetPause(path: String) throws {
        try write("UPDATE queue SET paused_at = NULL, paused_by = NULL", to: path)
    }

    /// Opens every lane again and deletes its history.
    static func forgetHolds(path: String) throws {
        try write("DELETE FROM lanes", to: path)
    }

    /// Makes the database deduct the cost of each call that is forgotten from now on.
    static func refundForgotten(path: String) throws {
        try write(
            """
            CREATE TRIGGER IF NOT EXISTS planted AFTER DELETE ON attempts BEGIN
                UPDATE usage SET images = 0, spent = 0 WHERE uid = (SELECT uid FROM jobs WHERE id = OLD.job);
            END
            """, to: path)
    }

    private static func write(_ sql: String, to path: String) throws {
        let connection = try DatabaseQueue(path: path)
        // The first start creates the tables.
        let isMade = try connection.read { db in try db.tableExists("queue") }
        if isMade { try connection.write { db in try db.execute(sql: sql) } }
        try connection.close()
    }

    /// The errors that SQLite itself reports in the file; empty if there are none.
    func damage() throws -> [String] {
        try connection.inDatabase { db in
            try String.fetchAll(db, sql: "PRAGMA integrity_check").filter { $0 != "ok" }
                + Row.fetchAll(db, sql: "PRAGMA foreign_key_check").map { "foreign key: \($0)" }
        }
    }

    private func attempts(_ sql: String, _ arguments: StatementArguments) throws -> [AttemptRow] {
        try connection.inDatabase { db in
            try Row.fetchAll(db.cachedStatement(sql: sql), arguments: arguments).map {
                AttemptRow(id: Self.attempt($0), billing: $0["billing"])
            }
        }
    }

    private func pictures(_ condition: String, _ arguments: StatementArguments) throws -> [PictureRow] {
        let sql = "SELECT job, attempt, state, link, hash, next_try_at, overdue_tries FROM pictures \(condition)"
        return try connection.inDatabase { db in
            try Row.fetchAll(db.cachedStatement(sql: sql), arguments: arguments).map {
                let job = JobID(rawValue: $0[0])
                let hash: String? = $0[4]
                return PictureRow(
                    attempt: AttemptID(job: job, number: $0[1]), state: $0[2], link: $0[3],
                    hash: hash.flatMap { ContentHash(hex: $0) }, nextTry: Self.time($0[5]), overdueTries: $0[6])
            }
        }
    }

    private func value<Value: DatabaseValueConvertible & StatementColumnConvertible>(
        _ sql: String, _ arguments: StatementArguments = []
    ) throws -> Value? {
        try connection.inDatabase { db in
            try Value.fetchOne(db.cachedStatement(sql: sql), arguments: arguments)
        }
    }

    private static func attempt(_ row: Row) -> AttemptID {
        AttemptID(job: JobID(rawValue: row["job"]), number: row["number"])
    }

    private static func time(_ milliseconds: Int64?) -> Timestamp? {
        milliseconds.map(Timestamp.init(rawValue:))
    }
}
