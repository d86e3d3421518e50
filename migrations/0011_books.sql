-- The books: what a call counts as, money by currency, content in use, and the administrators' lists.

-- Pictures that a call counts as, against limits and in the use by day. One that was billed and brought none counts in full:
-- nobody knows of any less that it cost.
CREATE VIEW counted_attempts AS
    SELECT *, CASE WHEN billing = 'not_billed' THEN 0
                   WHEN billing = 'billed' AND images_came > 0 THEN images_came
                   ELSE images_wanted END AS images_counted
    FROM attempts;

-- Use by the day on which the call began and by the currency of its price; '' is that of calls without one.
DROP TRIGGER attempts_reserved;
DROP TRIGGER attempts_settled;
DROP TRIGGER attempts_terms_fixed;
CREATE TABLE usage_2 (
    uid             INTEGER NOT NULL REFERENCES owners (uid),
    day             INTEGER NOT NULL,
    currency        TEXT NOT NULL DEFAULT '',
    images          INTEGER NOT NULL DEFAULT 0,
    spent           INTEGER NOT NULL DEFAULT 0,
    reserved_images INTEGER NOT NULL DEFAULT 0 CHECK (reserved_images >= 0),
    reserved        INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    -- Of calls whose outcome nobody knows: they may have been billed.
    unknown_images  INTEGER NOT NULL DEFAULT 0 CHECK (unknown_images >= 0),
    unknown         INTEGER NOT NULL DEFAULT 0 CHECK (unknown >= 0),
    PRIMARY KEY (uid, day, currency)
) STRICT, WITHOUT ROWID;
INSERT INTO usage_2
SELECT uid, begun_at / 86400000, coalesce(currency, ''),
    coalesce(sum(images_counted) FILTER (WHERE billing = 'billed'), 0),
    coalesce(sum(images_counted * price) FILTER (WHERE billing = 'billed'), 0),
    coalesce(sum(images_counted) FILTER (WHERE billing = 'reserved'), 0),
    coalesce(sum(images_counted * price) FILTER (WHERE billing = 'reserved'), 0),
    coalesce(sum(images_counted) FILTER (WHERE billing = 'unknown'), 0),
    coalesce(sum(images_counted * price) FILTER (WHERE billing = 'unknown'), 0)
FROM counted_attempts JOIN jobs ON jobs.id = job GROUP BY 1, 2, 3;
DROP TABLE usage;
ALTER TABLE usage_2 RENAME TO usage;

CREATE TRIGGER attempts_reserved AFTER INSERT ON attempts BEGIN
    INSERT INTO usage (uid, day, currency, reserved_images, reserved)
    SELECT uid, NEW.begun_at / 86400000, coalesce(NEW.currency, ''), NEW.images_wanted,
        coalesce(NEW.images_wanted * NEW.price, 0)
    FROM jobs WHERE id = NEW.job
    ON CONFLICT (uid, day, currency) DO UPDATE SET
        reserved_images = reserved_images + excluded.reserved_images, reserved = reserved + excluded.reserved;
END;
CREATE TRIGGER attempts_settled AFTER UPDATE OF billing ON attempts WHEN OLD.billing = 'reserved' AND NEW.billing <> 'reserved' BEGIN
    UPDATE usage SET
        reserved_images = reserved_images - OLD.images_wanted,
        reserved = reserved - coalesce(OLD.images_wanted * OLD.price, 0),
        images = images + iif(NEW.billing = 'billed', iif(NEW.images_came > 0, NEW.images_came, NEW.images_wanted), 0),
        spent = spent + iif(NEW.billing = 'billed',
            coalesce(iif(NEW.images_came > 0, NEW.images_came, NEW.images_wanted) * NEW.price, 0), 0),
        unknown_images = unknown_images + iif(NEW.billing = 'unknown', NEW.images_wanted, 0),
        unknown = unknown + iif(NEW.billing = 'unknown', coalesce(NEW.images_wanted * NEW.price, 0), 0)
    WHERE uid = (SELECT uid FROM jobs WHERE id = OLD.job) AND day = OLD.begun_at / 86400000
        AND currency = coalesce(OLD.currency, '');
END;
CREATE TRIGGER attempts_terms_fixed BEFORE UPDATE OF job, images_wanted, price, currency, begun_at ON attempts BEGIN
    SELECT RAISE(ABORT, 'the terms of an attempt are never changed');
END;

-- Content of the archive that some row remembers in any form: none of it is ever deleted. is_damaged: the row knows that it
-- is not whole; kind: picture, pending (fetched again), unusable, input.
CREATE VIEW content_in_use (hash, bytes, is_damaged, kind, job, position, uid) AS
    SELECT hash, bytes, 0, iif(state = 'unusable', state, 'picture'), job, position, NULL FROM pictures
    WHERE hash IS NOT NULL
    UNION ALL SELECT came, came_bytes, 0, 'unusable', job, position, NULL FROM pictures WHERE came IS NOT NULL
    UNION ALL SELECT damaged, NULL, 1, iif(state IN ('unusable', 'pending'), state, 'picture'), job, position, NULL FROM pictures
    WHERE damaged IS NOT NULL
    UNION ALL SELECT hash, bytes, damaged_at IS NOT NULL, 'input', NULL, NULL, uid FROM inputs;

-- Everybody's jobs, newest first, for administrators.
CREATE INDEX jobs_by_state ON jobs (state, id, uid);
CREATE INDEX jobs_by_label ON jobs (label, id) WHERE label IS NOT NULL;

-- The housekeeper watches its clocks itself.
ALTER TABLE queue DROP COLUMN housekeeping_at;
-- In a restored backup: when its first start began to hold back what was queued.
ALTER TABLE queue ADD COLUMN restored_at INTEGER;
