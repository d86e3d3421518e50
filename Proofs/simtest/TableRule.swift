/// A rule that the database must satisfy after every commit. The query returns the violating values, one per row.
struct TableRule: Sendable {
    let rule: String
    let sql: String

    static let all = [
        TableRule(
            rule: "an attempt is open exactly while its job is calling",
            sql: """
                SELECT job FROM attempts WHERE settled_at IS NULL AND NOT EXISTS
                    (SELECT 1 FROM jobs WHERE id = job AND state = 'running' AND phase = 'calling' AND attempt = number)
                UNION ALL SELECT id FROM jobs WHERE phase = 'calling' AND NOT EXISTS
                    (SELECT 1 FROM attempts WHERE job = id AND number = attempt AND settled_at IS NULL)
                """),
        TableRule(
            rule: "no job has two open attempts",
            sql: "SELECT job FROM attempts WHERE settled_at IS NULL GROUP BY job HAVING count(*) > 1"),
        TableRule(
            rule: "a job counts its attempts as the ledger does",
            sql: """
                SELECT id FROM jobs WHERE attempt <> (SELECT count(*) FROM attempts WHERE job = id)
                    OR attempt <> (SELECT coalesce(max(number), 0) FROM attempts WHERE job = id)
                    OR attempts <> attempt - (SELECT count(*) FROM attempts
                        WHERE job = id
                            AND outcome IN ('not_sent', 'account_closed', 'wrong_address', 'rate_limited'))
                """),
        TableRule(
            rule: "a job's state agrees with what the ledger says of its last attempt",
            sql: """
                SELECT id FROM jobs JOIN attempts ON job = id AND number = attempt WHERE NOT CASE
                    WHEN state = 'done' OR phase = 'archiving' OR reason IN ('no_image', 'link_lost') THEN billing = 'billed'
                    WHEN phase = 'calling' THEN billing = 'reserved'
                    WHEN reason = 'outcome_unknown' THEN billing = 'unknown'
                    WHEN reason IN ('rejected', 'moderated', 'exhausted') THEN billing = 'not_billed'
                    ELSE billing <> 'reserved' END
                """),
        TableRule(
            rule: "an owner's counts are those of the jobs",
            sql: """
                SELECT uid FROM owners WHERE (queued, running, done, failed) <> (
                    SELECT count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'running'),
                        count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state = 'failed')
                    FROM jobs WHERE jobs.uid = owners.uid)
                """),
        TableRule(
            rule: "an owner's usage is the sum of the ledger, and of what the calls of forgotten jobs have cost",
            sql: """
                SELECT uid FROM owners WHERE
                    (SELECT coalesce(sum(images), 0) FROM usage WHERE usage.uid = owners.uid) <>
                    (SELECT coalesce(sum(images_counted), 0) FROM counted_attempts JOIN jobs ON id = job
                        WHERE jobs.uid = owners.uid AND billing = 'billed')
                    + (SELECT coalesce(sum(images), 0) FROM forgotten_usage WHERE forgotten_usage.uid = owners.uid)
                OR (SELECT coalesce(sum(spent), 0) FROM usage WHERE usage.uid = owners.uid) <>
                    (SELECT coalesce(sum(images_counted * price), 0) FROM counted_attempts JOIN jobs ON id = job
                        WHERE jobs.uid = owners.uid AND billing = 'billed')
                    + (SELECT coalesce(sum(spent), 0) FROM forgotten_usage WHERE forgotten_usage.uid = owners.uid)
                """),
        TableRule(
            rule: "the event log's last word on a job is its state",
            sql: """
                SELECT id FROM jobs WHERE state <>
                    (SELECT state FROM events WHERE events.job = jobs.id ORDER BY events.id DESC LIMIT 1)
                """),
        TableRule(
            rule: "only a job that is archiving has pictures to fetch, all of its last attempt",
            sql: """
                SELECT job FROM pictures WHERE state = 'pending' AND NOT EXISTS
                    (SELECT 1 FROM jobs WHERE id = job AND phase = 'archiving' AND jobs.attempt = pictures.attempt)
                UNION ALL SELECT id FROM jobs WHERE phase = 'archiving' AND NOT EXISTS
                    (SELECT 1 FROM pictures WHERE job = id AND pictures.attempt = jobs.attempt AND state = 'pending')
                """),
        TableRule(
            rule: "a picture belongs to an attempt that was billed, and pictures are counted without a gap",
            sql: """
                SELECT job FROM pictures JOIN attempts USING (job) WHERE number = attempt AND billing <> 'billed'
                UNION ALL SELECT job FROM pictures GROUP BY job HAVING max(position) <> count(*) OR min(position) <> 1
                """),
        TableRule(
            rule:
                "a done job has pictures, and a warning exactly where they are fewer than asked for or the answer broke off",
            sql: """
                SELECT id FROM jobs JOIN attempts ON job = id AND number = attempt WHERE state = 'done' AND
                    (SELECT count(*) = 0 OR (count(*) < images_wanted OR attempts.message IS NOT NULL) <> (warning IS NOT NULL) FROM pictures
                        WHERE pictures.job = id AND pictures.attempt = number AND pictures.state = 'saved')
                """),
    ]
}
