package import GRDB

/// The contents of a stopped daemon's database, read with the proofs' own SQL. They can agree with fluxq's view only if
/// both are right.
package struct StateSnapshot: Sendable {
    package struct Job: Sendable, FetchableRecord {
        package let id: Int64
        package let uid: Int64
        package let prompt: String
        package let state: String
        package let phase: String?
        package let reason: String?
        package let message: String?
        package let onUnknown: String
        /// The job waits for a time of its own.
        package let isPausing: Bool
        /// The job is neither done nor failed.
        package var isUnfinished: Bool { state == "queued" || state == "running" }
        /// Calls begun, and calls that count as attempts.
        package let attempt: Int
        package let attempts: Int

        package init(row: Row) {
            id = row["id"]
            uid = row["uid"]
            prompt = row["prompt"]
            state = row["state"]
            phase = row["phase"]
            reason = row["reason"]
            message = row["message"]
            onUnknown = row["on_unknown"]
            isPausing = row["not_before"] != nil
            attempt = row["attempt"]
            attempts = row["attempts"]
        }
    }

    package struct Attempt: Sendable, FetchableRecord {
        package let job: Int64
        package let number: Int
        package let billing: String
        package let outcome: String?
        package let requestID: String?
        /// The ledger's message, in addition to the outcome.
        package let message: String?
        package let wasSent: Bool
        package let imagesCame: Int?
        /// The images that count against limits and in the use by day.
        package let imagesCounted: Int64
        /// The price of one image, in millionths.
        package let price: Int64?
        /// The day on which the call began, in days since 1970.
        package let day: Int64
        /// The time when the call began, in milliseconds since 1970.
        package let begunAt: Int64

        package init(row: Row) {
            job = row["job"]
            number = row["number"]
            billing = row["billing"]
            outcome = row["outcome"]
            requestID = row["request_id"]
            message = row["message"]
            wasSent = row["sent_at"] != nil
            imagesCame = row["images_came"]
            imagesCounted = row["images_counted"]
            price = row["price"]
            begunAt = row["begun_at"]
            day = begunAt / 86_400_000
        }
    }

    package struct Picture: Sendable, FetchableRecord {
        package let job: Int64
        package let position: Int
        package let attempt: Int
        package let state: String
        package let hash: String?
        package let bytes: Int64?
        /// The picture came without a link.
        package let isInline: Bool

        package init(row: Row) {
            isInline = row["link"] == nil
            job = row["job"]
            position = row["position"]
            attempt = row["attempt"]
            state = row["state"]
            hash = row["hash"]
            bytes = row["bytes"]
        }
    }

    /// Content that a row refers to: pictures, inputs, and bytes kept for inspection.
    package struct Content: Sendable, FetchableRecord {
        package let hash: String
        package let bytes: Int64?
        /// Such as "picture 2 of job 17".
        package let owner: String

        package init(row: Row) {
            hash = row["hash"]
            bytes = row["bytes"]
            owner = row["owner"]
        }
    }

    /// The amount billed to a user on a day.
    package struct Usage: Hashable, Sendable, FetchableRecord {
        package let uid: Int64
        package let day: Int64
        package let images: Int64
        package let spent: Int64

        package init(uid: Int64, day: Int64, images: Int64, spent: Int64) {
            self.uid = uid
            self.day = day
            self.images = images
            self.spent = spent
        }

        package init(row: Row) {
            self.init(uid: row["uid"], day: row["day"], images: row["images"], spent: row["spent"])
        }
    }

    package let jobs: [Job]
    /// In the order of job and call numbers.
    package let attempts: [Attempt]
    package let pictures: [Picture]
    package let contents: [Content]
    package let usage: [Usage]
    /// Jobs by user and state, as the database counts them.
    package let counts: [Int64: [String: Int]]
    /// The number of retries by hand for each job.
    package let retries: [Int64: Int]
    /// The errors that SQLite itself reports.
    package let damage: [String]

    /// Blocks the calling thread.
    ///
    /// - Parameter path: the path of a `queue.sqlite` that no daemon has open.
    package init(path: String) throws {
        let queue = try DatabaseQueue(path: path)
        (jobs, attempts, pictures, contents, usage, counts, retries, damage) = try queue.read { db in
            (
                try Job.fetchAll(
                    db, sql: "SELECT *, json_extract(request, '$.prompt') AS prompt FROM jobs ORDER BY id"),
                try Attempt.fetchAll(db, sql: "SELECT * FROM counted_attempts ORDER BY job, number"),
                try Picture.fetchAll(db, sql: "SELECT * FROM pictures ORDER BY job, position"),
                try Content.fetchAll(
                    db,
                    sql: """
                        SELECT hash, bytes, 'picture ' || position || ' of job ' || job AS owner
                        FROM pictures WHERE hash IS NOT NULL
                        UNION ALL SELECT hash, bytes, 'an input of user ' || uid FROM inputs
                        """),
                try Usage.fetchAll(
                    db,
                    sql:
                        "SELECT uid, day, sum(images) AS images, sum(spent) AS spent FROM usage GROUP BY uid, day ORDER BY uid, day"
                ),
                try Self.counts(db),
                try Self.retries(db),
                try Self.damage(db)
            )
        }
        try queue.close()
    }

    private static func counts(_ db: Database) throws -> [Int64: [String: Int]] {
        let rows = try Row.fetchAll(db, sql: "SELECT uid, queued, running, done, failed FROM owners")
        return Dictionary(
            uniqueKeysWithValues: rows.map { row in
                (
                    row["uid"],
                    Dictionary(uniqueKeysWithValues: ["queued", "running", "done", "failed"].map { ($0, row[$0]) })
                )
            })
    }

    private static func retries(_ db: Database) throws -> [Int64: Int] {
        let rows = try Row.fetchAll(
            db, sql: "SELECT job, count(*) AS times FROM events WHERE kind = 'retried' GROUP BY job")
        return Dictionary(uniqueKeysWithValues: rows.map { ($0["job"], $0["times"]) })
    }

    private static func damage(_ db: Database) throws -> [String] {
        let integrity = try String.fetchAll(db, sql: "PRAGMA integrity_check").filter { $0 != "ok" }
        let orphans = try Row.fetchAll(db, sql: "PRAGMA foreign_key_check").map { "a row without its parent: \($0)" }
        return integrity + orphans
    }
}
