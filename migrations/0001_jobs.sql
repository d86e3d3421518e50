-- Times are milliseconds since 1970 (UTC); money is millionths of the currency's unit; hashes are 64 hex digits of SHA-256.

-- People by number. The counts are kept by the triggers below, so that they cost the same with a million jobs.
CREATE TABLE owners (
    uid     INTEGER PRIMARY KEY CHECK (uid BETWEEN 0 AND 4294967295),
    name    TEXT NOT NULL,
    queued  INTEGER NOT NULL DEFAULT 0 CHECK (queued >= 0),
    running INTEGER NOT NULL DEFAULT 0 CHECK (running >= 0),
    done    INTEGER NOT NULL DEFAULT 0 CHECK (done >= 0),
    failed  INTEGER NOT NULL DEFAULT 0 CHECK (failed >= 0)
) STRICT;

-- Pictures to be edited, for the one who brought them. Bytes are in the archive.
CREATE TABLE inputs (
    uid        INTEGER NOT NULL REFERENCES owners (uid),
    hash       TEXT NOT NULL CHECK (length(hash) = 64),
    media_type TEXT NOT NULL,
    width      INTEGER NOT NULL CHECK (width > 0),
    height     INTEGER NOT NULL CHECK (height > 0),
    bytes      INTEGER NOT NULL CHECK (bytes > 0),
    -- Renewed by every upload: what no job has used a day after it is removed.
    brought_at INTEGER NOT NULL,
    used       INTEGER NOT NULL DEFAULT 0 CHECK (used IN (0, 1)),
    PRIMARY KEY (uid, hash)
) STRICT;
CREATE INDEX inputs_unused ON inputs (brought_at) WHERE used = 0;
CREATE INDEX inputs_by_hash ON inputs (hash);

CREATE TABLE jobs (
    -- AUTOINCREMENT: a number is never given out twice.
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    uid              INTEGER NOT NULL REFERENCES owners (uid),
    label            TEXT,
    priority         INTEGER NOT NULL CHECK (priority BETWEEN -100 AND 100),
    -- The edit with the API's own field names.
    request          TEXT NOT NULL CHECK (json_valid(request)),
    -- The request's picture where it is the owner's input; NULL for a link or none.
    input            TEXT,
    on_unknown       TEXT NOT NULL CHECK (on_unknown IN ('fail', 'retry')),
    -- Idempotent submit: the submitter's key, and the SHA-256 of what was submitted under it.
    key              TEXT,
    fingerprint      TEXT,

    state            TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    -- queued: not before this time; NULL is now.
    not_before       INTEGER,
    -- queued: whether not_before is a pause of fluxq's own (1) or the user's wish (0).
    after_backoff    INTEGER NOT NULL DEFAULT 0 CHECK (after_backoff IN (0, 1)),
    phase            TEXT CHECK (phase IN ('calling', 'archiving')),
    cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
    reason           TEXT CHECK (reason IN
                         ('rejected', 'moderated', 'no_image', 'outcome_unknown', 'exhausted', 'link_lost', 'canceled')),
    message          TEXT,
    -- failed: the API's own error as JSON.
    error            TEXT CHECK (error IS NULL OR json_valid(error)),
    warning          TEXT,

    -- Calls begun: the number of the latest attempt, and the fence of its writes.
    attempt          INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    -- Calls that count as attempts.
    attempts         INTEGER NOT NULL DEFAULT 0 CHECK (attempts BETWEEN 0 AND attempt),
    -- Failed attempts since the submit or the last retry by hand.
    strikes          INTEGER NOT NULL DEFAULT 0 CHECK (strikes BETWEEN 0 AND attempt),

    created_at       INTEGER NOT NULL,
    started_at       INTEGER,
    finished_at      INTEGER,

    FOREIGN KEY (uid, input) REFERENCES inputs (uid, hash),
    CHECK ((key IS NULL) = (fingerprint IS NULL)),
    CHECK (state = 'queued' OR (not_before IS NULL AND after_backoff = 0)),
    CHECK ((state = 'running') = (phase IS NOT NULL)),
    CHECK (state = 'running' OR cancel_requested = 0),
    CHECK ((state = 'failed') = (reason IS NOT NULL)),
    CHECK ((state = 'failed') = (message IS NOT NULL)),
    CHECK (state = 'failed' OR error IS NULL),
    CHECK (state = 'done' OR warning IS NULL),
    CHECK ((state IN ('done', 'failed')) = (finished_at IS NOT NULL)),
    CHECK (state NOT IN ('running', 'done') OR (attempt > 0 AND started_at IS NOT NULL))
) STRICT;
-- The claim: live rows only, in the order of the claim.
CREATE INDEX jobs_ready ON jobs (id) WHERE state = 'queued' AND not_before IS NULL;
CREATE INDEX jobs_ready_of_owner ON jobs (uid, priority DESC, id) WHERE state = 'queued' AND not_before IS NULL;
CREATE INDEX jobs_timed ON jobs (not_before) WHERE state = 'queued' AND not_before IS NOT NULL;
CREATE INDEX jobs_running ON jobs (phase, id) WHERE state = 'running';
-- The lists: an owner's jobs, newest first.
CREATE INDEX jobs_of_owner ON jobs (uid, id);
CREATE INDEX jobs_of_owner_by_state ON jobs (uid, state, id);
CREATE INDEX jobs_of_owner_by_label ON jobs (uid, label, id) WHERE label IS NOT NULL;
CREATE INDEX jobs_by_input ON jobs (uid, input) WHERE input IS NOT NULL;
CREATE UNIQUE INDEX jobs_by_key ON jobs (uid, key) WHERE key IS NOT NULL;

CREATE TRIGGER jobs_counted AFTER INSERT ON jobs BEGIN
    UPDATE owners SET queued = queued + (NEW.state = 'queued'), running = running + (NEW.state = 'running'),
                      done = done + (NEW.state = 'done'), failed = failed + (NEW.state = 'failed')
    WHERE uid = NEW.uid;
END;
CREATE TRIGGER jobs_recounted AFTER UPDATE OF state ON jobs WHEN OLD.state <> NEW.state BEGIN
    UPDATE owners SET queued = queued + (NEW.state = 'queued') - (OLD.state = 'queued'),
                      running = running + (NEW.state = 'running') - (OLD.state = 'running'),
                      done = done + (NEW.state = 'done') - (OLD.state = 'done'),
                      failed = failed + (NEW.state = 'failed') - (OLD.state = 'failed')
    WHERE uid = NEW.uid;
END;

-- The ledger: one row a call, written before the call's first byte.
CREATE TABLE attempts (
    job           INTEGER NOT NULL REFERENCES jobs (id),
    number        INTEGER NOT NULL CHECK (number > 0),
    billing       TEXT NOT NULL CHECK (billing IN ('reserved', 'billed', 'not_billed', 'unknown')),
    images_wanted INTEGER NOT NULL CHECK (images_wanted > 0),
    -- Of one image, by the configuration at the time; NULL where it has none for the model.
    price         INTEGER CHECK (price >= 0),
    currency      TEXT,
    begun_at      INTEGER NOT NULL,
    -- When the request's last byte was handed to the socket; NULL where it never was or nobody knows.
    sent_at       INTEGER,
    settled_at    INTEGER,
    -- One word for the outcome, and what the API said.
    outcome       TEXT,
    status        INTEGER,
    request_id    TEXT,
    message       TEXT,
    -- 2xx: `created`, `usage` as JSON, how many pictures came, and the body's beginning where none could be used.
    api_created   INTEGER,
    usage         TEXT CHECK (usage IS NULL OR json_valid(usage)),
    images_came   INTEGER,
    excerpt       TEXT,
    PRIMARY KEY (job, number),
    CHECK ((billing = 'reserved') = (settled_at IS NULL)),
    CHECK ((settled_at IS NULL) = (outcome IS NULL)),
    CHECK ((price IS NULL) = (currency IS NULL))
) STRICT;
CREATE UNIQUE INDEX attempts_open ON attempts (job) WHERE settled_at IS NULL;
CREATE TRIGGER attempts_settled_once BEFORE UPDATE ON attempts WHEN OLD.settled_at IS NOT NULL BEGIN
    SELECT RAISE(ABORT, 'a settled attempt is never changed');
END;

-- What an owner was billed for by day of settlement (days since 1970, UTC); the sums of the ledger.
CREATE TABLE usage (
    uid    INTEGER NOT NULL REFERENCES owners (uid),
    day    INTEGER NOT NULL,
    images INTEGER NOT NULL DEFAULT 0,
    -- Of the images whose price was known.
    spent  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (uid, day)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER attempts_billed AFTER UPDATE OF billing ON attempts WHEN NEW.billing = 'billed' BEGIN
    INSERT INTO usage (uid, day, images, spent)
    SELECT uid, NEW.settled_at / 86400000, coalesce(NEW.images_came, 0), coalesce(NEW.images_came * NEW.price, 0)
    FROM jobs WHERE id = NEW.job
    ON CONFLICT (uid, day) DO UPDATE SET images = images + excluded.images, spent = spent + excluded.spent;
END;

CREATE TABLE pictures (
    job         INTEGER NOT NULL,
    -- `index` on the wire: from 1, going on from attempt to attempt.
    position    INTEGER NOT NULL CHECK (position > 0),
    attempt     INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'saved', 'lost', 'unusable')),
    -- Byte for byte as the API gave it, and when it dies.
    link        TEXT,
    deadline    INTEGER,
    tries       INTEGER NOT NULL DEFAULT 0,
    next_try_at INTEGER,
    -- Why the last try failed, or why it is lost or unusable.
    message     TEXT,
    -- saved: the picture; unusable: the bytes that came, for a person to look at.
    hash        TEXT CHECK (length(hash) = 64),
    media_type  TEXT,
    width       INTEGER CHECK (width > 0),
    height      INTEGER CHECK (height > 0),
    bytes       INTEGER CHECK (bytes >= 0),
    PRIMARY KEY (job, position),
    FOREIGN KEY (job, attempt) REFERENCES attempts (job, number),
    CHECK ((link IS NULL) = (deadline IS NULL)),
    CHECK ((state = 'pending') = (next_try_at IS NOT NULL)),
    CHECK (state <> 'pending' OR link IS NOT NULL),
    CHECK ((state = 'saved') = (media_type IS NOT NULL AND width IS NOT NULL AND height IS NOT NULL)),
    CHECK (state <> 'saved' OR (hash IS NOT NULL AND bytes IS NOT NULL)),
    CHECK (state NOT IN ('pending', 'lost') OR hash IS NULL)
) STRICT;
CREATE INDEX pictures_pending ON pictures (deadline, job, position) WHERE state = 'pending';
CREATE INDEX pictures_due ON pictures (next_try_at) WHERE state = 'pending';
CREATE INDEX pictures_by_hash ON pictures (hash) WHERE hash IS NOT NULL;

-- The event log, written in the transaction of what it tells; its id is the cursor of those who watch.
CREATE TABLE events (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    at    INTEGER NOT NULL,
    job   INTEGER NOT NULL,
    -- Whose job it is, and who did it: NULL is fluxqd itself.
    uid   INTEGER NOT NULL,
    actor INTEGER,
    kind  TEXT NOT NULL,
    state TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_owner ON events (uid, id);
CREATE INDEX events_by_age ON events (at);

-- What keeps the whole queue from calling. One row.
CREATE TABLE queue (
    id                 INTEGER PRIMARY KEY CHECK (id = 1),
    paused_at          INTEGER,
    paused_by          INTEGER,
    held_cause         TEXT CHECK (held_cause IN ('unreachable', 'account')),
    held_at            INTEGER,
    held_message       TEXT,
    probes             INTEGER NOT NULL DEFAULT 0,
    probe_at           INTEGER,
    rate_limited_until INTEGER,
    rate_limits        INTEGER NOT NULL DEFAULT 0,
    CHECK ((paused_at IS NULL) = (paused_by IS NULL)),
    CHECK ((held_cause IS NULL) = (held_at IS NULL AND held_message IS NULL AND probe_at IS NULL))
) STRICT;
INSERT INTO queue (id) VALUES (1);
