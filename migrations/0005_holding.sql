-- A wait that fluxq sets itself knows when it was set: a wall clock that shows an earlier time has been set back since, and
-- the wait is over.

-- held: when a call last found that it still is so.
ALTER TABLE queue ADD COLUMN checked_at INTEGER;
-- rate_limited_until: when the API said so.
ALTER TABLE queue ADD COLUMN rate_limited_at INTEGER;
-- When the latest call began: workers.rate_per_minute holds over a restart too.
ALTER TABLE queue ADD COLUMN last_call_at INTEGER;
-- Calls in flight that the API was last found to bear; NULL while it has never been too many.
ALTER TABLE queue ADD COLUMN pace INTEGER CHECK (pace > 0);
-- The housekeeper's time, which passes no faster than twice the real one however the wall clock is set.
ALTER TABLE queue ADD COLUMN housekeeping_at INTEGER;
UPDATE queue SET checked_at = held_at, rate_limited_at = rate_limited_until - 3600000;

-- When it was last tried to fetch the link, and tries that failed after its deadline.
ALTER TABLE pictures ADD COLUMN tried_at INTEGER;
ALTER TABLE pictures ADD COLUMN overdue_tries INTEGER NOT NULL DEFAULT 0 CHECK (overdue_tries >= 0);

-- Jobs in a pause of fluxq's own, by the time of the call that it follows.
CREATE INDEX jobs_backing_off ON jobs (started_at) WHERE state = 'queued' AND after_backoff = 1;
