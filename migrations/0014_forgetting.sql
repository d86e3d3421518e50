-- What ended jobs leave behind: how much it is, and how it is forgotten.

-- Bytes that an ended job leaves in the database, by the view below; 0 while it is queued or running. Written in Swift, with the
-- owner's sum.
ALTER TABLE jobs ADD COLUMN kept_bytes INTEGER NOT NULL DEFAULT 0 CHECK (kept_bytes >= 0);
-- How often it was put back into the queue by hand: each time leaves events, even if it was never called.
ALTER TABLE jobs ADD COLUMN retries INTEGER NOT NULL DEFAULT 0 CHECK (retries >= 0);
-- Of the owner's ended jobs, and of the events that tell of forgotten ones.
ALTER TABLE owners ADD COLUMN kept_bytes INTEGER NOT NULL DEFAULT 0 CHECK (kept_bytes >= 0);

-- The text of a job's rows, and what rows, indexes and events take beside it.
CREATE VIEW job_text (job, bytes) AS SELECT id,
    512 + 256 * retries + length(CAST(request AS BLOB)) + ifnull(length(CAST(label AS BLOB)), 0)
    + ifnull(length(CAST(key AS BLOB)), 0) + ifnull(length(CAST(message AS BLOB)), 0)
    + ifnull(length(CAST(error AS BLOB)), 0) + ifnull(length(CAST(warning AS BLOB)), 0)
    + (SELECT ifnull(sum(256 + ifnull(length(CAST(message AS BLOB)), 0) + ifnull(length(CAST(excerpt AS BLOB)), 0)
            + ifnull(length(CAST(usage AS BLOB)), 0) + ifnull(length(CAST(request_id AS BLOB)), 0)), 0)
        FROM attempts WHERE attempts.job = jobs.id)
    + (SELECT ifnull(sum(256 + ifnull(length(CAST(link AS BLOB)), 0) + ifnull(length(CAST(message AS BLOB)), 0)), 0)
        FROM pictures WHERE pictures.job = jobs.id)
    FROM jobs;
UPDATE jobs SET kept_bytes = (SELECT bytes FROM job_text WHERE job = jobs.id) WHERE state IN ('done', 'failed');
UPDATE owners SET kept_bytes = (SELECT ifnull(sum(jobs.kept_bytes), 0) FROM jobs WHERE jobs.uid = owners.uid);

-- A job is forgotten with its events. The oldest ones are found by their numbers.
CREATE INDEX events_of_job ON events (job) WHERE job IS NOT NULL;
DROP INDEX events_by_age;

-- What the calls of forgotten jobs count as, by the day on which they began: forgetting gives nothing back.
CREATE TABLE forgotten_usage (
    uid            INTEGER NOT NULL REFERENCES owners (uid),
    day            INTEGER NOT NULL,
    currency       TEXT NOT NULL,
    images         INTEGER NOT NULL,
    spent          INTEGER NOT NULL,
    unknown_images INTEGER NOT NULL,
    unknown        INTEGER NOT NULL,
    PRIMARY KEY (uid, day, currency)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER attempts_forgotten AFTER DELETE ON attempts BEGIN
    INSERT INTO forgotten_usage (uid, day, currency, images, spent, unknown_images, unknown)
    SELECT uid, OLD.begun_at / 86400000, coalesce(OLD.currency, ''),
        iif(OLD.billing = 'billed', iif(OLD.images_came > 0, OLD.images_came, OLD.images_wanted), 0),
        iif(OLD.billing = 'billed', coalesce(iif(OLD.images_came > 0, OLD.images_came, OLD.images_wanted) * OLD.price, 0), 0),
        iif(OLD.billing = 'unknown', OLD.images_wanted, 0),
        iif(OLD.billing = 'unknown', coalesce(OLD.images_wanted * OLD.price, 0), 0)
    FROM jobs WHERE id = OLD.job AND OLD.billing IN ('billed', 'unknown')
    ON CONFLICT (uid, day, currency) DO UPDATE SET images = images + excluded.images, spent = spent + excluded.spent,
        unknown_images = unknown_images + excluded.unknown_images, unknown = unknown + excluded.unknown;
END;

-- No call is forgotten of a job that has not ended, or with a picture that is still to be fetched. Without its calls no job is.
CREATE TRIGGER attempts_kept BEFORE DELETE ON attempts
WHEN OLD.settled_at IS NULL OR (SELECT state FROM jobs WHERE id = OLD.job) NOT IN ('done', 'failed')
    OR EXISTS (SELECT 1 FROM pictures WHERE job = OLD.job AND state = 'pending') BEGIN
    SELECT RAISE(ABORT, 'a call of a job that has not ended is never forgotten');
END;
CREATE TRIGGER jobs_discounted AFTER DELETE ON jobs BEGIN
    UPDATE owners SET done = done - (OLD.state = 'done'), failed = failed - (OLD.state = 'failed') WHERE uid = OLD.uid;
END;

-- Keys of forgotten jobs that have cost money, or may have: the same key must not buy again.
CREATE TABLE forgotten_keys (
    uid INTEGER NOT NULL REFERENCES owners (uid),
    key TEXT NOT NULL,
    job INTEGER NOT NULL,
    PRIMARY KEY (uid, key)
) STRICT, WITHOUT ROWID;

-- Content that a forgotten job referred to. The housekeeper removes the file once no row remembers it in any form.
CREATE TABLE left_content (
    hash TEXT PRIMARY KEY CHECK (length(hash) = 64)
) STRICT, WITHOUT ROWID;
