import FluxqModel
import GRDB

/// A look at fluxq's database past its store, on a read-only connection of its own.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class Books: @unchecked Sendable {
    struct Event {
        let id: Int64
        /// nil where it is about the whole queue.
        let job: JobID?
        let actor: UInt32?
        let kind: String
        let state: String?
    }

    /// What keeps everybody waiting. A wait ends early where the clock shows a time before the wait was set: somebody has set
    /// it back since.
    struct Gate: Hashable {
        var isPaused = false
        var heldSince: Timestamp?
        var checkedAt: Timestamp?
        var probeAt: Timestamp?
        var rateLimitedAt: Timestamp?
        var rateLimitedUntil: Timestamp?
        var lastCallAt: Timestamp?
        /// Calls at once that the API was last found to bear.
        var pace: Int?
        /// Whether what closed the lane has met one owner alone, so that others may try.
        var mayBeOneOwners = false
        var isForSuspects = false
        /// Whether downloads that succeed are what opens the lane.
        var isUndeliverable = false
        /// Calls at once after failures in a row.
        var placesAfterFailures = Int.max

        func isRateLimited(at now: Timestamp) -> Bool {
            rateLimitedUntil.map { now < $0 } ?? false && rateLimitedAt.map { now >= $0 } ?? true
        }

        func isProbeDue(at now: Timestamp) -> Bool {
            probeAt.map { now >= $0 } ?? true || checkedAt.map { now < $0 } ?? false
        }

        /// - Parameter interval: of `workers.rate_per_minute`.
        func next(after now: Timestamp, interval: Duration?) -> Timestamp? {
            guard let interval, let lastCallAt, now >= lastCallAt, now < lastCallAt + interval else { return nil }
            return lastCallAt + interval
        }
    }

    struct JobRow {
        let id: JobID
        let uid: UInt32
        let prompt: String
        let state: String
        let phase: String?
        let reason: String?
        let notBefore: Timestamp?
        let isAfterBackoff: Bool
        let isCancelRequested: Bool
        let priority: Int
        let images: Int
    }

    /// What counts against a user's limits on one day.
    struct Use {
        let images: Int64
        /// Millionths.
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
        /// Tries since its deadline.
        let overdueTries: Int
    }

    private let connection: DatabaseQueue
    private var version: Int64 = -1
    /// All rows as of that version, once somebody asked for them.
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

    /// To be called after whatever may have written.
    ///
    /// - Returns: whether the store has committed anything since the last look.
    func lookForCommit() throws -> Bool {
        let current: Int64 = try value("PRAGMA data_version") ?? 0
        guard current != version else { return false }
        version = current
        (allJobs, allPictures, allOpenAttempts, allContents) = (nil, nil, nil, nil)
        return true
    }

    /// The first rule that is broken, and by whom.
    func brokenRule() throws -> String? {
        try connection.inDatabase { db in
            for rule in TableRule.all {
                let found = try Int64.fetchAll(db.cachedStatement(sql: rule.sql))
                if !found.isEmpty { return "\(rule.rule): not so for \(found)" }
            }
            return nil
        }
    }

    func gate() throws -> Gate {
        try connection.inDatabase { db in
            let sql = """
                SELECT *, json_array_length(evidence, '$.failures') AS failures, (SELECT count(DISTINCT value ->> 'uid')
                    FROM (SELECT value FROM json_each(evidence, '$.parties')
                        UNION ALL SELECT value FROM json_each(evidence, '$.limit_parties'))) = 1
                    AS may_be_one_owners, evidence ->> '$.for_suspects' IS TRUE AS is_for_suspects
                FROM queue LEFT JOIN lanes ON lanes.model = 'm' LEFT JOIN endpoints ON endpoints.name = lanes.endpoint
                """
            guard let row = try Row.fetchOne(db.cachedStatement(sql: sql)) else { return Gate() }
            let failures: Int? = row["failures"]
            return Gate(
                isPaused: row["paused_at"] != nil, heldSince: Self.time(row["held_at"]),
                checkedAt: Self.time(row["checked_at"]), probeAt: Self.time(row["probe_at"]),
                rateLimitedAt: Self.time(row["rate_limited_at"]),
                rateLimitedUntil: Self.time(row["rate_limited_until"]), lastCallAt: Self.time(row["last_call_at"]),
                pace: row["pace"], mayBeOneOwners: row["may_be_one_owners"] ?? false || row["is_for_suspects"] ?? false,
                isForSuspects: row["is_for_suspects"] ?? false,
                isUndeliverable: (row["held_cause"] as String?) == "undeliverable",
                placesAfterFailures: failures.map { max(1, 3 - $0) } ?? .max)
        }
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
                cancel_requested, priority, coalesce(request ->> 'n', 1) FROM jobs ORDER BY id
            """
        let rows = try connection.inDatabase { db in
            try Row.fetchAll(db.cachedStatement(sql: sql)).map {
                JobRow(
                    id: JobID(rawValue: $0[0]), uid: $0[1], prompt: $0[2], state: $0[3], phase: $0[4], reason: $0[5],
                    notBefore: Self.time($0[6]), isAfterBackoff: $0[7], isCancelRequested: $0[8],
                    priority: $0[9], images: $0[10])
            }
        }
        allJobs = rows
        return rows
    }

    /// The open attempts of the jobs that have this prompt.
    func openAttempts(prompt: String) throws -> [AttemptID] {
        let sql = """
            SELECT job, number FROM attempts JOIN jobs ON id = job
            WHERE settled_at IS NULL AND json_extract(request, '$.prompt') = ?
            """
        return try connection.inDatabase { db in
            try Row.fetchAll(db.cachedStatement(sql: sql), arguments: [prompt]).map(Self.attempt)
        }
    }

    /// Of the calls that began on the day of that time, all but those that are known not to be billed.
    func use(of uid: UInt32, on time: Timestamp) throws -> Use {
        let sql = """
            SELECT coalesce(sum(images), 0), coalesce(sum(images * price), 0) FROM (
                SELECT images_counted AS images, price
                FROM counted_attempts JOIN jobs ON id = job
                WHERE uid = ? AND billing <> 'not_billed' AND begun_at / 86400000 = ?)
            """
        return try connection.inDatabase { db in
            let row = try Row.fetchOne(
                db.cachedStatement(sql: sql), arguments: [uid, time.rawValue / 86_400_000])
            return Use(images: row?[0] ?? 0, spent: row?[1] ?? 0)
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

    /// Every content that a row speaks of.
    func contents() throws -> [ContentHash] {
        if let allContents { return allContents }
        let sql = "SELECT hash FROM inputs UNION SELECT hash FROM pictures WHERE hash IS NOT NULL"
        let hashes = try connection.inDatabase { db in
            try String.fetchAll(db.cachedStatement(sql: sql)).compactMap { ContentHash(hex: $0) }
        }
        allContents = hashes
        return hashes
    }

    func unknownAttempts(prompt: String) throws -> Int {
        let sql = """
            SELECT count(*) FROM attempts JOIN jobs ON id = job
            WHERE billing = 'unknown' AND json_extract(request, '$.prompt') = ?
            """
        return try value(sql, [prompt]) ?? 0
    }

    /// Writes past the store, as nobody may: for a planted defect alone.
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

    private static func write(_ sql: String, to path: String) throws {
        let connection = try DatabaseQueue(path: path)
        try connection.write { db in try db.execute(sql: sql) }
        try connection.close()
    }

    /// What SQLite itself finds wrong with the file; empty where nothing is.
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
