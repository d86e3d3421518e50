-- Retries by hand on one day (`limits.retries_per_day`): how many, and which day (UTC), in days since 1970. On any other day there
-- were none.
ALTER TABLE owners ADD COLUMN retries INTEGER NOT NULL DEFAULT 0 CHECK (retries >= 0);
ALTER TABLE owners ADD COLUMN retried_on INTEGER NOT NULL DEFAULT 0;
