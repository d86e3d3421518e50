-- When a call last showed that the key and the account work: a job that alone is refused for their sake since is refused for its
-- own, and must not hold the queue for everybody again and again.
ALTER TABLE queue ADD COLUMN worked_at INTEGER;
