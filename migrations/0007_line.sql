-- The line is read from the index alone: what a job asks for stands behind prompts of up to 64 KiB, and whoever looks at a job
-- reads a thousand of the line's. The expressions are those of the queries, word for word.
DROP INDEX jobs_ready_of_owner;
CREATE INDEX jobs_ready_of_owner ON jobs (uid, priority DESC, id, coalesce(request ->> 'n', 1), request ->> 'model')
    WHERE state = 'queued' AND not_before IS NULL;
