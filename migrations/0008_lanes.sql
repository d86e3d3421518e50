-- A job belongs to one lane, which is an endpoint and a model. Each lane has a gate of its own, and fair share counts per endpoint.
-- These triggers count and decide nothing: whose turn it is stands in Swift.

DROP TRIGGER jobs_counted;
DROP TRIGGER jobs_recounted;
DROP TRIGGER inputs_discounted;
DROP INDEX owners_turn;
DROP INDEX owners_due;
DROP INDEX owners_blocked_at;
DROP INDEX owners_blocked_until;
DROP INDEX jobs_ready_of_owner;
DROP INDEX jobs_timed_of_owner;

ALTER TABLE jobs ADD COLUMN endpoint TEXT NOT NULL DEFAULT 'default';
ALTER TABLE jobs ADD COLUMN model TEXT NOT NULL DEFAULT '';
-- Pictures asked for.
ALTER TABLE jobs ADD COLUMN images INTEGER NOT NULL DEFAULT 1 CHECK (images > 0);
UPDATE jobs SET model = coalesce(request ->> 'model', ''), images = coalesce(request ->> 'n', 1);

-- How often it was refused while its lane worked for others.
ALTER TABLE jobs ADD COLUMN refused_alone INTEGER NOT NULL DEFAULT 0 CHECK (refused_alone >= 0);

-- The order of the claim within a lane and an owner, and what the line shows, read from the index alone.
CREATE INDEX jobs_ready_of_owner ON jobs (uid, endpoint, model, priority DESC, id, images)
    WHERE state = 'queued' AND not_before IS NULL;
CREATE INDEX jobs_timed_of_owner ON jobs (uid, endpoint, model, not_before)
    WHERE state = 'queued' AND not_before IS NOT NULL;
DROP INDEX jobs_running;
CREATE INDEX jobs_running ON jobs (phase, endpoint, model, id) WHERE state = 'running';

CREATE TABLE endpoints (
    name         TEXT PRIMARY KEY,
    -- Start-time fair queueing: the start tag of the latest call, and how many calls there have been.
    virtual_time INTEGER NOT NULL DEFAULT 0 CHECK (virtual_time >= 0),
    turns        INTEGER NOT NULL DEFAULT 0 CHECK (turns >= 0),
    -- When the latest call began: the rate per minute holds over a restart too.
    last_call_at INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO endpoints SELECT 'default', virtual_time, turns, last_call_at FROM queue;

-- An owner's share of an endpoint: the start tag of the next call, and the number of the latest one among everybody's.
CREATE TABLE shares (
    uid          INTEGER NOT NULL REFERENCES owners (uid),
    endpoint     TEXT NOT NULL,
    virtual_time INTEGER NOT NULL DEFAULT 0 CHECK (virtual_time >= 0),
    last_turn    INTEGER NOT NULL DEFAULT 0 CHECK (last_turn >= 0),
    PRIMARY KEY (uid, endpoint)
) STRICT, WITHOUT ROWID;
INSERT INTO shares SELECT uid, 'default', virtual_time, last_turn FROM owners WHERE last_turn > 0;

-- Who has queued jobs in a lane, and nobody else: how many are ready, and when the first of the others becomes due.
CREATE TABLE lines (
    endpoint TEXT NOT NULL,
    model    TEXT NOT NULL,
    uid      INTEGER NOT NULL REFERENCES owners (uid),
    ready    INTEGER NOT NULL DEFAULT 0 CHECK (ready >= 0),
    timed_at INTEGER,
    PRIMARY KEY (endpoint, model, uid)
) STRICT, WITHOUT ROWID;
INSERT INTO lines SELECT endpoint, model, uid, count(*) FILTER (WHERE not_before IS NULL), min(not_before)
    FROM jobs WHERE state = 'queued' GROUP BY endpoint, model, uid;
CREATE INDEX lines_due ON lines (timed_at) WHERE ready = 0 AND timed_at IS NOT NULL;

-- The gate of each lane that has been called or closed. What changes with each call of a lane that works is kept in memory
-- only: a start can do without it.
CREATE TABLE lanes (
    endpoint           TEXT NOT NULL,
    model              TEXT NOT NULL,
    held_cause         TEXT CHECK (held_cause IN ('unreachable', 'account', 'wrong_address', 'failing', 'undeliverable')),
    held_at            INTEGER,
    held_message       TEXT,
    -- The job whose call closed the lane, and its owner.
    held_job           INTEGER,
    held_uid           INTEGER,
    probes             INTEGER NOT NULL DEFAULT 0,
    checked_at         INTEGER,
    probe_at           INTEGER,
    rate_limited_at    INTEGER,
    rate_limited_until INTEGER,
    rate_limits        INTEGER NOT NULL DEFAULT 0,
    -- Calls in flight that the API was last found to bear; NULL while it has never been too many.
    pace               INTEGER CHECK (pace > 0),
    -- Calls begun: the number of the latest when this row was written.
    calls              INTEGER NOT NULL DEFAULT 0 CHECK (calls >= 0),
    -- What the gate knows of recent calls, as JSON.
    evidence           TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(evidence)),
    PRIMARY KEY (endpoint, model),
    CHECK ((held_cause IS NULL) = (held_at IS NULL)),
    CHECK ((held_cause IS NULL) = (held_message IS NULL)),
    CHECK ((held_cause IS NULL) = (probe_at IS NULL)),
    CHECK ((held_cause IS NULL) = (checked_at IS NULL)),
    CHECK ((rate_limited_at IS NULL) = (rate_limited_until IS NULL))
) STRICT, WITHOUT ROWID;
-- What closed the whole queue closes each lane that has jobs.
INSERT INTO lanes (endpoint, model, held_cause, held_at, held_message, probes, checked_at, probe_at,
    rate_limited_at, rate_limited_until, rate_limits, pace)
SELECT 'default', waiting.model, held_cause, held_at, held_message, probes,
    CASE WHEN held_at IS NULL THEN NULL ELSE coalesce(checked_at, held_at) END, probe_at,
    CASE WHEN rate_limited_until IS NULL THEN NULL ELSE coalesce(rate_limited_at, rate_limited_until) END,
    rate_limited_until, rate_limits, pace
FROM queue, (SELECT DISTINCT model FROM lines) AS waiting;

CREATE TABLE queue_2 (
    id              INTEGER PRIMARY KEY CHECK (id = 1),
    paused_at       INTEGER,
    paused_by       INTEGER,
    -- In a backup: when it was made. What was queued then may have been called since.
    backed_up_at    INTEGER,
    -- The housekeeper's time, which passes no faster than twice the real one however the wall clock is set.
    housekeeping_at INTEGER,
    CHECK ((paused_at IS NULL) = (paused_by IS NULL))
) STRICT;
INSERT INTO queue_2 SELECT id, paused_at, paused_by, backed_up_at, housekeeping_at FROM queue;
DROP TABLE queue;
ALTER TABLE queue_2 RENAME TO queue;

ALTER TABLE owners DROP COLUMN blocked_until;
ALTER TABLE owners DROP COLUMN blocked_at;
ALTER TABLE owners DROP COLUMN blocked;
ALTER TABLE owners DROP COLUMN virtual_time;
ALTER TABLE owners DROP COLUMN last_turn;
ALTER TABLE owners DROP COLUMN ready;
ALTER TABLE owners DROP COLUMN timed_at;

CREATE TRIGGER jobs_counted AFTER INSERT ON jobs BEGIN
    UPDATE owners SET
        queued = queued + (NEW.state = 'queued'), running = running + (NEW.state = 'running'),
        done = done + (NEW.state = 'done'), failed = failed + (NEW.state = 'failed')
    WHERE uid = NEW.uid;
    INSERT INTO lines (endpoint, model, uid, ready, timed_at)
    SELECT NEW.endpoint, NEW.model, NEW.uid, NEW.not_before IS NULL, NEW.not_before WHERE NEW.state = 'queued'
    ON CONFLICT DO UPDATE SET ready = ready + excluded.ready, timed_at = CASE WHEN excluded.timed_at IS NULL THEN timed_at
        ELSE min(coalesce(timed_at, excluded.timed_at), excluded.timed_at) END;
END;
CREATE TRIGGER jobs_recounted AFTER UPDATE OF state ON jobs WHEN OLD.state <> NEW.state BEGIN
    UPDATE owners SET
        queued = queued + (NEW.state = 'queued') - (OLD.state = 'queued'),
        running = running + (NEW.state = 'running') - (OLD.state = 'running'),
        done = done + (NEW.state = 'done') - (OLD.state = 'done'),
        failed = failed + (NEW.state = 'failed') - (OLD.state = 'failed')
    WHERE uid = NEW.uid;
END;
CREATE TRIGGER jobs_lined AFTER UPDATE OF state, not_before, endpoint ON jobs
WHEN OLD.state <> NEW.state OR OLD.not_before IS NOT NEW.not_before OR OLD.endpoint <> NEW.endpoint BEGIN
    UPDATE lines SET
        ready = ready - (OLD.not_before IS NULL),
        timed_at = CASE WHEN OLD.not_before IS NULL THEN timed_at ELSE
            (SELECT min(not_before) FROM jobs WHERE uid = OLD.uid AND endpoint = OLD.endpoint AND model = OLD.model
                AND state = 'queued' AND not_before IS NOT NULL) END
    WHERE endpoint = OLD.endpoint AND model = OLD.model AND uid = OLD.uid AND OLD.state = 'queued';
    DELETE FROM lines WHERE endpoint = OLD.endpoint AND model = OLD.model AND uid = OLD.uid AND ready = 0 AND timed_at IS NULL;
    INSERT INTO lines (endpoint, model, uid, ready, timed_at)
    SELECT NEW.endpoint, NEW.model, NEW.uid, NEW.not_before IS NULL, NEW.not_before WHERE NEW.state = 'queued'
    ON CONFLICT DO UPDATE SET ready = ready + excluded.ready, timed_at = CASE WHEN excluded.timed_at IS NULL THEN timed_at
        ELSE min(coalesce(timed_at, excluded.timed_at), excluded.timed_at) END;
END;
CREATE TRIGGER jobs_model_fixed BEFORE UPDATE OF model, images ON jobs BEGIN
    SELECT RAISE(ABORT, 'what a job asks for is never changed');
END;
CREATE TRIGGER inputs_discounted AFTER DELETE ON inputs BEGIN
    UPDATE owners SET archive_bytes = archive_bytes - OLD.bytes,
        unused_input_bytes = unused_input_bytes - iif(OLD.used, 0, OLD.bytes)
    WHERE uid = OLD.uid;
END;
