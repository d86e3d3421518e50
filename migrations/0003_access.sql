-- The event log tells of the whole queue, too: without a job, its owner and a state.
CREATE TABLE events_2 (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    at    INTEGER NOT NULL,
    job   INTEGER,
    -- Whose job it is, and who did it: an actor of NULL is fluxqd itself.
    uid   INTEGER,
    actor INTEGER,
    kind  TEXT NOT NULL,
    state TEXT,
    CHECK ((job IS NULL) = (uid IS NULL)),
    CHECK ((job IS NULL) = (state IS NULL))
) STRICT;
INSERT INTO events_2 SELECT id, at, job, uid, actor, kind, state FROM events;
-- A number is never given out twice, also where the events that had it are pruned.
DELETE FROM sqlite_sequence WHERE name = 'events_2';
INSERT INTO sqlite_sequence (name, seq) SELECT 'events_2', seq FROM sqlite_sequence WHERE name = 'events';
DROP TABLE events;
ALTER TABLE events_2 RENAME TO events;
CREATE INDEX events_of_owner ON events (uid, id);
CREATE INDEX events_by_age ON events (at);
