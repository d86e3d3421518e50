import FluxqModel
import GRDB

/// A look at fluxq's database past its store, on a read-only connection of its own.
struct Books {
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
        let begunAt: Timestamp
    }

    struct PictureRow {
        let job: JobID
        let attempt: AttemptID
        let state: String
        let link: String?
        let hash: ContentHash?
        let nextTry: Timestamp?
        let deadline: Timestamp?
    }

    private let connection: DatabaseQueue

    init(path: String) throws {
        var configuration = Configuration()
        configuration.readonly = true
        connection = try DatabaseQueue(path: path, configuration: configuration)
    }

    func close() throws {
        try connection.close()
    }

    /// Changes with every commit of the store.
    func version() throws -> Int64 {
        try value("PRAGMA data_version") ?? 0
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
        try connection.inDatabase { db in
            try Row.fetchAll(
                db.cachedStatement(sql: "SELECT *, json_extract(request, '$.prompt') AS prompt FROM jobs ORDER BY id")
            ).map {
                JobRow(
                    id: JobID(rawValue: $0["id"]), uid: $0["uid"], prompt: $0["prompt"], state: $0["state"],
                    phase: $0["phase"], reason: $0["reason"], notBefore: Self.time($0["not_before"]),
                    isAfterBackoff: $0["after_backoff"], isCancelRequested: $0["cancel_requested"])
            }
        }
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
        try attempts("SELECT * FROM attempts WHERE settled_at IS NULL ORDER BY job", [])
    }

    func pictures(of job: JobID) throws -> [PictureRow] {
        try pictures("SELECT * FROM pictures WHERE job = ? ORDER BY position", [job.rawValue])
    }

    func pictures() throws -> [PictureRow] {
        try pictures("SELECT * FROM pictures ORDER BY job, position", [])
    }

    func unknownAttempts(prompt: String) throws -> Int {
        let sql = """
            SELECT count(*) FROM attempts JOIN jobs ON id = job
            WHERE billing = 'unknown' AND json_extract(request, '$.prompt') = ?
            """
        return try value(sql, [prompt]) ?? 0
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
                AttemptRow(
                    id: Self.attempt($0), billing: $0["billing"], begunAt: Timestamp(rawValue: $0["begun_at"]))
            }
        }
    }

    private func pictures(_ sql: String, _ arguments: StatementArguments) throws -> [PictureRow] {
        try connection.inDatabase { db in
            try Row.fetchAll(db.cachedStatement(sql: sql), arguments: arguments).map {
                let job = JobID(rawValue: $0["job"])
                let hash: String? = $0["hash"]
                return PictureRow(
                    job: job, attempt: AttemptID(job: job, number: $0["attempt"]), state: $0["state"], link: $0["link"],
                    hash: hash.flatMap { ContentHash(hex: $0) }, nextTry: Self.time($0["next_try_at"]),
                    deadline: Self.time($0["deadline"]))
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
