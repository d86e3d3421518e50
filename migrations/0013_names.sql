-- Whose a number is: accounts are deleted, and their numbers given to others.

-- The name under which the number came when that was no longer its owner's: held back until an administrator has said whose
-- it is.
ALTER TABLE owners ADD COLUMN came_as TEXT CHECK (came_as <> name);
CREATE INDEX owners_held_back ON owners (uid) WHERE came_as IS NOT NULL;
