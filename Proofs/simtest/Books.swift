import FluxqModel
import GRDB

/// A look at fluxq's database past its store, on a read-only connection of its own.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class Books: @unchecked Sendable {
    struct Event {
        let id: Int64
        let job: JobID
        let actor: UInt32?
        let kind: String
        let state: String
    }

    struct Gate: Hashable {
        var isPaused = false
        var heldSince: Timestamp?
        var probeAt: Timestamp?
        var rateLimitedUntil: Timestamp?
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
            guard let row = try Row.fetchOne(db.cachedStatement(sql: "SELECT * FROM queue")) else { return Gate() }
            return Gate(
                isPaused: row["paused_at"] != nil, heldSince: Self.time(row["held_at"]),
                probeAt: Self.time(row["probe_at"]), rateLimitedUntil: Self.time(row["rate_limited_until"]))
        }
    }

    func events(after id: Int64) throws -> [Event] {
        try connection.inDatabase { db in
            try Row.fetchAll(
                db.cachedStatement(sql: "SELECT * FROM events WHERE id > ? ORDER BY id"), arguments: [id]
            ).map {
                Event(
                    id: $0["id"], job: JobID(rawValue: $0["job"]), actor: $0["actor"], kind: $0["kind"],
                    state: $0["state"])
            }
        }
    }

    func jobs() throws -> [JobRow] {
        if let allJobs { return allJobs }
        let sql = """
            SELECT id, uid, json_extract(request, '$.prompt'), state, phase, reason, not_before, after_backoff,
                cancel_requested FROM jobs ORDER BY id
            """
        let rows = try connection.inDatabase { db in
            try Row.fetchAll(db.cachedStatement(sql: sql)).map {
                JobRow(
                    id: JobID(rawValue: $0[0]), uid: $0[1], prompt: $0[2], state: $0[3], phase: $0[4], reason: $0[5],
                    notBefore: Self.time($0[6]), isAfterBackoff: $0[7], isCancelRequested: $0[8])
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
    static func forge(path: String) throws {
        let connection = try DatabaseQueue(path: path)
        try connection.write { db in
            try db.execute(
                sql: """
                    UPDATE jobs SET state = 'queued', reason = NULL, message = NULL, error = NULL, finished_at = NULL
                    WHERE state = 'failed'
                    """)
        }
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
        let sql = "SELECT job, attempt, state, link, hash, next_try_at FROM pictures \(condition)"
        return try connection.inDatabase { db in
            try Row.fetchAll(db.cachedStatement(sql: sql), arguments: arguments).map {
                let job = JobID(rawValue: $0[0])
                let hash: String? = $0[4]
                return PictureRow(
                    attempt: AttemptID(job: job, number: $0[1]), state: $0[2], link: $0[3],
                    hash: hash.flatMap { ContentHash(hex: $0) }, nextTry: Self.time($0[5]))
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
