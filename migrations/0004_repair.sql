-- Content that was found damaged or missing in the archive, and databases that are copies.

-- The hash of the content that was this picture until it was found damaged; what is left of it is in damaged/. The picture
-- is pending where its link still lives, lost where not; when the content comes back, it is saved again.
ALTER TABLE pictures ADD COLUMN damaged TEXT CHECK (damaged IS NULL OR (length(damaged) = 64 AND hash IS NULL));
CREATE INDEX pictures_damaged ON pictures (damaged) WHERE damaged IS NOT NULL;

-- When the input's content was found damaged; NULL where it is whole, as far as anybody knows.
ALTER TABLE inputs ADD COLUMN damaged_at INTEGER;
CREATE INDEX inputs_damaged ON inputs (hash) WHERE damaged_at IS NOT NULL;

-- In a backup: when it was made. What was queued then may have been called since.
ALTER TABLE queue ADD COLUMN backed_up_at INTEGER;
