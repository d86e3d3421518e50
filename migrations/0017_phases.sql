-- The two indexes of the few jobs that run or back off know them by a column that no other index has, so that a statement
-- that asks by it is answered from them without a hint to the planner.
DROP INDEX jobs_running;
CREATE INDEX jobs_running ON jobs (phase, endpoint, model, id) WHERE phase IS NOT NULL;

DROP INDEX jobs_backing_off;
CREATE INDEX jobs_backing_off ON jobs (started_at) WHERE after_backoff = 1;
