-- Messages for people are JSON: a code with its parameters, which is put into words where it is shown, or a string for what
-- somebody else said. What an earlier version wrote is such a string. These columns:
--   jobs.message, jobs.warning, attempts.message, pictures.message, pictures.came_message, lanes.held_message
UPDATE jobs SET message = json_quote(message) WHERE message IS NOT NULL;
UPDATE jobs SET warning = json_quote(warning) WHERE warning IS NOT NULL;
UPDATE pictures SET message = json_quote(message) WHERE message IS NOT NULL;
UPDATE pictures SET came_message = json_quote(came_message) WHERE came_message IS NOT NULL;
UPDATE lanes SET held_message = json_quote(held_message) WHERE held_message IS NOT NULL;

DROP TRIGGER attempts_settled_once;
UPDATE attempts SET message = json_quote(message) WHERE message IS NOT NULL;
CREATE TRIGGER attempts_settled_once BEFORE UPDATE ON attempts WHEN OLD.settled_at IS NOT NULL BEGIN
    SELECT RAISE(ABORT, 'a settled attempt is never changed');
END;

-- What jobs hold in the database has grown by that.
UPDATE owners SET kept_bytes = kept_bytes
    + (SELECT coalesce(sum(job_text.bytes - jobs.kept_bytes), 0) FROM jobs JOIN job_text ON job = id WHERE jobs.uid = owners.uid);
UPDATE jobs SET kept_bytes = (SELECT bytes FROM job_text WHERE job = jobs.id);
