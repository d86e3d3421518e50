-- Fair share and limits.

-- One row says whose turn it is: start-time fair queueing.
-- Jobs whose time has come.
ALTER TABLE owners ADD COLUMN ready INTEGER NOT NULL DEFAULT 0 CHECK (ready BETWEEN 0 AND queued);
-- When the first of the others' time comes.
ALTER TABLE owners ADD COLUMN timed_at INTEGER;
-- The start tag of the next call: images / weight of all calls before it, in millionths.
ALTER TABLE owners ADD COLUMN virtual_time INTEGER NOT NULL DEFAULT 0 CHECK (virtual_time >= 0);
-- The number of the latest call among everybody's: of equal tags, whoever was served longest ago goes first.
ALTER TABLE owners ADD COLUMN last_turn INTEGER NOT NULL DEFAULT 0 CHECK (last_turn >= 0);
-- A limit that keeps the first job waiting, since when, and until when by itself. Only a mark for the claim, so that it
-- passes by; whatever changes about the owner's jobs takes it away, and the claim looks again.
ALTER TABLE owners ADD COLUMN blocked TEXT CHECK (blocked IN ('user_limit', 'budget'));
ALTER TABLE owners ADD COLUMN blocked_at INTEGER CHECK ((blocked_at IS NULL) = (blocked IS NULL));
ALTER TABLE owners ADD COLUMN blocked_until INTEGER CHECK (blocked_until IS NULL OR blocked IS NOT NULL);
-- Bytes of the owner's inputs and pictures; of content that others have, too, each counts all.
ALTER TABLE owners ADD COLUMN archive_bytes INTEGER NOT NULL DEFAULT 0 CHECK (archive_bytes >= 0);
ALTER TABLE owners ADD COLUMN unused_input_bytes INTEGER NOT NULL DEFAULT 0 CHECK (unused_input_bytes BETWEEN 0 AND archive_bytes);
-- Numbers of the system's groups at the last visit.
ALTER TABLE owners ADD COLUMN groups TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(groups));

-- The start tag of the latest call, where newcomers begin, and how many calls there have been.
ALTER TABLE queue ADD COLUMN virtual_time INTEGER NOT NULL DEFAULT 0 CHECK (virtual_time >= 0);
ALTER TABLE queue ADD COLUMN turns INTEGER NOT NULL DEFAULT 0 CHECK (turns >= 0);

UPDATE owners SET
    ready = (SELECT count(*) FROM jobs WHERE jobs.uid = owners.uid AND state = 'queued' AND not_before IS NULL),
    timed_at = (SELECT min(not_before) FROM jobs WHERE jobs.uid = owners.uid AND state = 'queued'),
    archive_bytes =
        (SELECT coalesce(sum(bytes), 0) FROM inputs WHERE inputs.uid = owners.uid)
        + (SELECT coalesce(sum(pictures.bytes), 0) FROM pictures JOIN jobs ON jobs.id = pictures.job
           WHERE jobs.uid = owners.uid AND pictures.state = 'saved'),
    unused_input_bytes = (SELECT coalesce(sum(bytes), 0) FROM inputs WHERE inputs.uid = owners.uid AND used = 0);

-- Whose turn it is, and who comes back: owners, not jobs.
CREATE INDEX owners_turn ON owners (virtual_time, last_turn, uid) WHERE ready > 0 AND blocked IS NULL;
CREATE INDEX owners_due ON owners (timed_at) WHERE ready = 0 AND timed_at IS NOT NULL;
CREATE INDEX owners_blocked_at ON owners (blocked_at) WHERE blocked IS NOT NULL;
CREATE INDEX owners_blocked_until ON owners (blocked_until) WHERE blocked_until IS NOT NULL;

-- The owner says which jobs: none are sought among everybody's any more.
DROP INDEX jobs_ready;
DROP INDEX jobs_timed;
CREATE INDEX jobs_timed_of_owner ON jobs (uid, not_before) WHERE state = 'queued' AND not_before IS NOT NULL;

-- Who comes (back) into the line begins at its present virtual time: nobody saves up credit by staying away.
DROP TRIGGER jobs_counted;
CREATE TRIGGER jobs_counted AFTER INSERT ON jobs BEGIN
    UPDATE owners SET
        queued = queued + (NEW.state = 'queued'), running = running + (NEW.state = 'running'),
        done = done + (NEW.state = 'done'), failed = failed + (NEW.state = 'failed'),
        ready = ready + (NEW.state = 'queued' AND NEW.not_before IS NULL),
        timed_at = CASE WHEN NEW.not_before IS NULL THEN timed_at ELSE min(coalesce(timed_at, NEW.not_before), NEW.not_before) END,
        virtual_time = CASE WHEN ready = 0 OR blocked IS NOT NULL
            THEN max(virtual_time, (SELECT queue.virtual_time FROM queue)) ELSE virtual_time END,
        blocked = NULL, blocked_at = NULL, blocked_until = NULL
    WHERE uid = NEW.uid;
END;
DROP TRIGGER jobs_recounted;
CREATE TRIGGER jobs_recounted AFTER UPDATE OF state, not_before ON jobs
WHEN OLD.state <> NEW.state OR OLD.not_before IS NOT NEW.not_before BEGIN
    UPDATE owners SET
        queued = queued + (NEW.state = 'queued') - (OLD.state = 'queued'),
        running = running + (NEW.state = 'running') - (OLD.state = 'running'),
        done = done + (NEW.state = 'done') - (OLD.state = 'done'),
        failed = failed + (NEW.state = 'failed') - (OLD.state = 'failed'),
        ready = ready + (NEW.state = 'queued' AND NEW.not_before IS NULL) - (OLD.state = 'queued' AND OLD.not_before IS NULL),
        timed_at = CASE WHEN OLD.not_before IS NULL AND NEW.not_before IS NULL THEN timed_at
            ELSE (SELECT min(not_before) FROM jobs WHERE uid = NEW.uid AND state = 'queued' AND not_before IS NOT NULL) END,
        virtual_time = CASE WHEN ready = 0 OR blocked IS NOT NULL
            THEN max(virtual_time, (SELECT queue.virtual_time FROM queue)) ELSE virtual_time END,
        blocked = NULL, blocked_at = NULL, blocked_until = NULL
    WHERE uid = NEW.uid;
END;

-- Use by the day on which the call began: reserved and settled on the same day, so that no settlement passes a limit.
ALTER TABLE usage ADD COLUMN reserved_images INTEGER NOT NULL DEFAULT 0 CHECK (reserved_images >= 0);
ALTER TABLE usage ADD COLUMN reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0);
-- Of calls whose outcome nobody knows: they may have been billed.
ALTER TABLE usage ADD COLUMN unknown_images INTEGER NOT NULL DEFAULT 0 CHECK (unknown_images >= 0);
ALTER TABLE usage ADD COLUMN unknown INTEGER NOT NULL DEFAULT 0 CHECK (unknown >= 0);

DROP TRIGGER attempts_billed;
DELETE FROM usage;
INSERT INTO usage (uid, day, images, spent, reserved_images, reserved, unknown_images, unknown)
SELECT uid, begun_at / 86400000,
    coalesce(sum(images_came) FILTER (WHERE billing = 'billed'), 0),
    coalesce(sum(images_came * price) FILTER (WHERE billing = 'billed'), 0),
    coalesce(sum(images_wanted) FILTER (WHERE billing = 'reserved'), 0),
    coalesce(sum(images_wanted * price) FILTER (WHERE billing = 'reserved'), 0),
    coalesce(sum(images_wanted) FILTER (WHERE billing = 'unknown'), 0),
    coalesce(sum(images_wanted * price) FILTER (WHERE billing = 'unknown'), 0)
FROM attempts JOIN jobs ON jobs.id = attempts.job GROUP BY uid, begun_at / 86400000;

CREATE TRIGGER attempts_opened_reserved BEFORE INSERT ON attempts WHEN NEW.billing <> 'reserved' BEGIN
    SELECT RAISE(ABORT, 'an attempt is opened before it is settled');
END;
CREATE TRIGGER attempts_reserved AFTER INSERT ON attempts BEGIN
    INSERT INTO usage (uid, day, reserved_images, reserved)
    SELECT uid, NEW.begun_at / 86400000, NEW.images_wanted, coalesce(NEW.images_wanted * NEW.price, 0)
    FROM jobs WHERE id = NEW.job
    ON CONFLICT (uid, day) DO UPDATE SET
        reserved_images = reserved_images + excluded.reserved_images, reserved = reserved + excluded.reserved;
END;
CREATE TRIGGER attempts_settled AFTER UPDATE OF billing ON attempts WHEN OLD.billing = 'reserved' AND NEW.billing <> 'reserved' BEGIN
    UPDATE usage SET
        reserved_images = reserved_images - OLD.images_wanted,
        reserved = reserved - coalesce(OLD.images_wanted * OLD.price, 0),
        images = images + iif(NEW.billing = 'billed', coalesce(NEW.images_came, 0), 0),
        spent = spent + iif(NEW.billing = 'billed', coalesce(NEW.images_came * NEW.price, 0), 0),
        unknown_images = unknown_images + iif(NEW.billing = 'unknown', NEW.images_wanted, 0),
        unknown = unknown + iif(NEW.billing = 'unknown', coalesce(NEW.images_wanted * NEW.price, 0), 0)
    WHERE day = OLD.begun_at / 86400000 AND uid = (SELECT uid FROM jobs WHERE id = OLD.job);
END;
-- What was set aside is what is given back, on the same day and to the same owner.
CREATE TRIGGER attempts_terms_fixed BEFORE UPDATE OF job, images_wanted, price, begun_at ON attempts BEGIN
    SELECT RAISE(ABORT, 'the terms of an attempt are never changed');
END;
-- How long recent calls took.
CREATE INDEX attempts_answered ON attempts (settled_at) WHERE outcome = 'answered';

-- Bytes in the archive. What frees some may free a job that waits for it.
CREATE TRIGGER inputs_counted AFTER INSERT ON inputs BEGIN
    UPDATE owners SET archive_bytes = archive_bytes + NEW.bytes,
        unused_input_bytes = unused_input_bytes + iif(NEW.used, 0, NEW.bytes)
    WHERE uid = NEW.uid;
END;
CREATE TRIGGER inputs_recounted AFTER UPDATE OF used ON inputs WHEN OLD.used <> NEW.used BEGIN
    UPDATE owners SET unused_input_bytes = unused_input_bytes + iif(NEW.used, 0, NEW.bytes) - iif(OLD.used, 0, OLD.bytes)
    WHERE uid = NEW.uid;
END;
CREATE TRIGGER inputs_discounted AFTER DELETE ON inputs BEGIN
    UPDATE owners SET archive_bytes = archive_bytes - OLD.bytes,
        unused_input_bytes = unused_input_bytes - iif(OLD.used, 0, OLD.bytes),
        virtual_time = CASE WHEN blocked IS NOT NULL
            THEN max(virtual_time, (SELECT queue.virtual_time FROM queue)) ELSE virtual_time END,
        blocked = NULL, blocked_at = NULL, blocked_until = NULL
    WHERE uid = OLD.uid;
END;
CREATE TRIGGER pictures_counted AFTER INSERT ON pictures WHEN NEW.state = 'saved' BEGIN
    UPDATE owners SET archive_bytes = archive_bytes + NEW.bytes WHERE uid = (SELECT uid FROM jobs WHERE id = NEW.job);
END;
CREATE TRIGGER pictures_recounted AFTER UPDATE OF state, bytes ON pictures
WHEN OLD.state = 'saved' OR NEW.state = 'saved' BEGIN
    UPDATE owners SET archive_bytes = archive_bytes + iif(NEW.state = 'saved', NEW.bytes, 0) - iif(OLD.state = 'saved', OLD.bytes, 0)
    WHERE uid = (SELECT uid FROM jobs WHERE id = NEW.job);
END;
CREATE TRIGGER pictures_discounted AFTER DELETE ON pictures WHEN OLD.state = 'saved' BEGIN
    UPDATE owners SET archive_bytes = archive_bytes - OLD.bytes WHERE uid = (SELECT uid FROM jobs WHERE id = OLD.job);
END;
