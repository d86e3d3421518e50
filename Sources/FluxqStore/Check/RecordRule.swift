import FluxqModel

/// A rule between the rows of a sound database that the schema cannot express.
struct RecordRule: Sendable {
    /// A description of the defect.
    let name: String
    /// Returns one line of text for each violation, at most `limit`.
    let breaches: @Sendable (any Connection) throws -> [String]

    /// The maximum number of reported violations; a rule that is broken everywhere is one defect.
    static let limit = 20

    init(name: String, breaches: @escaping @Sendable (any Connection) throws -> [String]) {
        self.name = name
        self.breaches = breaches
    }

    /// - Parameter sql: a query with one text column.
    init(name: String, sql: String) {
        self.init(name: name) { db in try db.values(String.self, "\(sql) LIMIT \(Self.limit)") }
    }
}

extension RecordRule {
    static let all = [
        RecordRule(
            name: "a user's counts are not those of the user's jobs",
            sql: """
                SELECT format('uid %s: counted as %s queued, %s running, %s done, %s failed; the jobs are %s, %s, %s, %s',
                    uid, queued, running, done, failed, q, r, d, f)
                FROM (SELECT owners.*, count(jobs.id) FILTER (WHERE state = 'queued') AS q,
                        count(jobs.id) FILTER (WHERE state = 'running') AS r,
                        count(jobs.id) FILTER (WHERE state = 'done') AS d,
                        count(jobs.id) FILTER (WHERE state = 'failed') AS f
                    FROM owners LEFT JOIN jobs USING (uid) GROUP BY owners.uid) AS counted
                WHERE (queued, running, done, failed) <> (q, r, d, f)
                """),
        RecordRule(
            name: "a user's jobs in the line of a lane are not those of the rows",
            sql: """
                SELECT format('uid %s in %s/%s: counted as %s ready, the first of the others at %s; the rows have %s and %s',
                    uid, endpoint, model, coalesce(ready, 0), coalesce(CAST(timed_at AS TEXT), 'no time'), coalesce(r, 0),
                    coalesce(CAST(t AS TEXT), 'no time'))
                FROM lines FULL JOIN (
                    SELECT endpoint, model, uid, count(*) FILTER (WHERE not_before IS NULL) AS r, min(not_before) AS t
                    FROM jobs WHERE state = 'queued' GROUP BY endpoint, model, uid
                ) AS waiting USING (endpoint, model, uid)
                WHERE coalesce(ready, 0) <> coalesce(r, 0) OR timed_at IS DISTINCT FROM t
                """),
        RecordRule(name: "what stands beside a job's request is not what the request says") { db in
            var breaches: [String] = []
            try db.forEachRow("SELECT id, model, images, request FROM jobs", []) { row in
                let (id, model, images): (JobID, String, Int) = (row["id"], row["model"], row["images"])
                let request: EditRequest? = try row.json("request")
                if request?.model != model || request?.imagesWanted != images {
                    breaches.append("job \(id): \(model) with \(images) pictures, the request says otherwise")
                }
                return breaches.count < limit
            }
            return breaches
        },
        RecordRule(
            name: "a user's bytes are not those of the rows",
            sql: """
                SELECT format('uid %s: counted as %s bytes, %s of them unused; the rows have %s, %s',
                    uid, archive_bytes, unused_input_bytes, inputs + pictures, unused)
                FROM (SELECT owners.*,
                        (SELECT coalesce(sum(bytes), 0) FROM inputs WHERE inputs.uid = owners.uid) AS inputs,
                        (SELECT coalesce(sum(bytes), 0) FROM inputs WHERE inputs.uid = owners.uid AND used = 0) AS unused,
                        (SELECT coalesce(sum(pictures.bytes), 0) FROM pictures JOIN jobs ON jobs.id = pictures.job
                            WHERE jobs.uid = owners.uid AND pictures.state = 'saved') AS pictures
                    FROM owners) AS counted
                WHERE (archive_bytes, unused_input_bytes) <> (inputs + pictures, unused)
                """),
        RecordRule(
            name: "what a user's jobs hold is not counted as the rows have it",
            sql: """
                SELECT format('uid %s: counted as %s bytes; the rows have %s', uid, kept_bytes, jobs + events)
                FROM (SELECT owners.*,
                        (SELECT coalesce(sum(kept_bytes), 0) FROM jobs WHERE jobs.uid = owners.uid) AS jobs,
                        (SELECT count(*) * \(Transaction.forgottenEventBytes) FROM events
                            WHERE events.uid = owners.uid AND kind = 'forgotten') AS events
                    FROM owners) AS counted
                WHERE kept_bytes <> jobs + events
                """),
        RecordRule(
            name: "a job counts less than its request has",
            sql: """
                SELECT format('job %s: counted as %s bytes, the request has %s characters', id, kept_bytes, length(request))
                FROM jobs WHERE kept_bytes <= length(request)
                """),
        RecordRule(
            name: "the use by day is not the sum of the ledger",
            sql: """
                SELECT format('uid %s, day %s, currency "%s": recorded as %s images for %s millionths, %s for %s reserved, '
                    || '%s for %s unknown; the ledger has %s for %s, %s for %s, %s for %s', uid, day, currency,
                    coalesce(usage.images, 0),
                    coalesce(usage.spent, 0), coalesce(usage.reserved_images, 0), coalesce(usage.reserved, 0),
                    coalesce(usage.unknown_images, 0), coalesce(usage.unknown, 0), coalesce(ledger.images, 0),
                    coalesce(ledger.spent, 0), coalesce(ledger.reserved_images, 0), coalesce(ledger.reserved, 0),
                    coalesce(ledger.unknown_images, 0), coalesce(ledger.unknown, 0))
                FROM usage FULL JOIN (
                    SELECT uid, day, currency, sum(images) AS images, sum(spent) AS spent,
                        sum(reserved_images) AS reserved_images, sum(reserved) AS reserved,
                        sum(unknown_images) AS unknown_images, sum(unknown) AS unknown
                    FROM (
                        SELECT uid, begun_at / 86400000 AS day, coalesce(currency, '') AS currency,
                            coalesce(sum(images_counted) FILTER (WHERE billing = 'billed'), 0) AS images,
                            coalesce(sum(images_counted * price) FILTER (WHERE billing = 'billed'), 0) AS spent,
                            coalesce(sum(images_counted) FILTER (WHERE billing = 'reserved'), 0) AS reserved_images,
                            coalesce(sum(images_counted * price) FILTER (WHERE billing = 'reserved'), 0) AS reserved,
                            coalesce(sum(images_counted) FILTER (WHERE billing = 'unknown'), 0) AS unknown_images,
                            coalesce(sum(images_counted * price) FILTER (WHERE billing = 'unknown'), 0) AS unknown
                        FROM counted_attempts JOIN jobs ON jobs.id = job GROUP BY 1, 2, 3
                        UNION ALL
                        SELECT uid, day, currency, images, spent, 0, 0, unknown_images, unknown FROM forgotten_usage
                    ) AS calls GROUP BY uid, day, currency
                ) AS ledger USING (uid, day, currency)
                WHERE (coalesce(usage.images, 0), coalesce(usage.spent, 0), coalesce(usage.reserved_images, 0),
                    coalesce(usage.reserved, 0), coalesce(usage.unknown_images, 0), coalesce(usage.unknown, 0)) <>
                    (coalesce(ledger.images, 0), coalesce(ledger.spent, 0), coalesce(ledger.reserved_images, 0),
                    coalesce(ledger.reserved, 0), coalesce(ledger.unknown_images, 0), coalesce(ledger.unknown, 0))
                """),
        RecordRule(
            name: "a job's calls are not those of the ledger",
            sql: """
                SELECT format('job %s: %s calls begun, %s of them attempts; the ledger has %s, the last numbered %s, and %s',
                    id, attempt, attempts, calls, last, counting)
                FROM (SELECT jobs.id, jobs.attempt, jobs.attempts, count(number) AS calls, coalesce(max(number), 0) AS last,
                        count(number) FILTER (WHERE outcome IS NULL OR outcome NOT IN (\(AttemptSettlement.uncounted)))
                            AS counting
                    FROM jobs LEFT JOIN attempts ON attempts.job = jobs.id GROUP BY jobs.id) AS counted
                WHERE (attempt, attempt, attempts) <> (calls, last, counting)
                """),
        RecordRule(
            name: "a call is open for a job that is not calling",
            sql: """
                SELECT format('job %s: call %s is open, the job is %s', job, number, coalesce(phase, state))
                FROM attempts JOIN jobs ON jobs.id = attempts.job
                WHERE settled_at IS NULL AND (phase IS DISTINCT FROM 'calling' OR number <> attempt)
                """),
        RecordRule(
            name: "a job is calling without an open call",
            sql: """
                SELECT format('job %s', id) FROM jobs WHERE state = 'running' AND phase = 'calling'
                    AND NOT EXISTS (SELECT 1 FROM attempts WHERE job = id AND number = attempt AND settled_at IS NULL)
                """),
        RecordRule(
            name: "a job's end is not what the ledger says of its last call",
            sql: """
                SELECT format('job %s: %s, its last call is %s', id, coalesce(reason, phase, state),
                    coalesce(billing, 'not there'))
                FROM jobs LEFT JOIN attempts ON attempts.job = jobs.id AND number = attempt
                WHERE (phase = 'archiving' OR state = 'done' OR reason IN ('no_image', 'link_lost'))
                        AND billing IS DISTINCT FROM 'billed'
                    OR reason IN ('rejected', 'moderated', 'exhausted') AND billing IN ('billed', 'reserved')
                """),
        RecordRule(
            name: "a picture that was billed has no row",
            sql: """
                SELECT format('job %s: call %s brought %s pictures, %s are recorded', job, number, images_came, recorded)
                FROM (SELECT attempts.job, number, images_came, count(position) AS recorded
                    FROM attempts LEFT JOIN pictures ON pictures.job = attempts.job AND pictures.attempt = number
                    WHERE images_came > 0 GROUP BY attempts.job, number) AS counted
                WHERE recorded < images_came
                """),
        RecordRule(
            name: "a picture is to be fetched for a job that does not wait for it, or the other way round",
            sql: """
                SELECT format('job %s: %s, %s of its pictures are to be fetched', id, coalesce(reason, phase, state), pending)
                FROM (SELECT jobs.id, jobs.state, phase, reason, count(position) AS pending,
                        count(position) FILTER (WHERE damaged IS NULL) AS first_time
                    FROM jobs LEFT JOIN pictures ON job = jobs.id AND pictures.state = 'pending'
                    WHERE jobs.state <> 'queued' GROUP BY jobs.id) AS counted
                WHERE CASE phase WHEN 'archiving' THEN pending = 0 ELSE first_time > 0 END
                """),
    ]
}
