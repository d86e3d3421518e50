-- Downloads.

-- pending: what the link gave last that was whole and yet no picture that fluxq knows, and what is wrong with it. It is in the
-- archive already, so that it is there when the link dies; a later try may still give a picture.
ALTER TABLE pictures ADD COLUMN came TEXT CHECK (came IS NULL OR (length(came) = 64 AND state = 'pending'));
ALTER TABLE pictures ADD COLUMN came_bytes INTEGER CHECK ((came IS NULL) = (came_bytes IS NULL));
ALTER TABLE pictures ADD COLUMN came_message TEXT CHECK ((came IS NULL) = (came_message IS NULL));
-- How many tries have ended so.
ALTER TABLE pictures ADD COLUMN came_tries INTEGER NOT NULL DEFAULT 0 CHECK (came_tries >= 0);
-- pending: since when the link's host says, as often as it answers, that it does not give the picture.
ALTER TABLE pictures ADD COLUMN gone_since INTEGER;
CREATE INDEX pictures_by_came ON pictures (came) WHERE came IS NOT NULL;

-- What is due is read from the index alone and only then put in order: the many that are not due cost nothing.
DROP INDEX pictures_pending;
DROP INDEX pictures_due;
CREATE INDEX pictures_due ON pictures (next_try_at, deadline, job, position, state) WHERE state = 'pending';
CREATE INDEX pictures_tried ON pictures (tried_at) WHERE state = 'pending' AND tried_at IS NOT NULL;
