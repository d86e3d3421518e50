-- Requests to the OpenAI-compatible routes: one row for each job that such a request has made. A row decides whether the next
-- identical request makes a job of its own or gets the answer of this one.
CREATE TABLE door_requests (
    job          INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    -- The job's owner.
    uid          INTEGER NOT NULL,
    -- SHA-256 of the request's fields and picture, as sha256:<64 hex digits>.
    fingerprint  TEXT NOT NULL,
    -- Whether the job stays queued although no client waits for its answer.
    stays        INTEGER NOT NULL CHECK (stays IN (0, 1)),
    -- When the job's answer, as it is now, was delivered whole; NULL is never, or nobody can tell.
    delivered_at INTEGER
) STRICT;

CREATE INDEX door_requests_identical ON door_requests (uid, fingerprint, job);
