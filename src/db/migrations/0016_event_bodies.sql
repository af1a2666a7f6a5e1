-- The sealed bodies of events stand apart from their states, which change several times: a change of
-- state writes some bytes, however long the body is. A body goes with its event.
CREATE TABLE event_bodies (
    id           TEXT PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
    workspace_id TEXT NOT NULL,
    sealed       BLOB NOT NULL CHECK (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46)
) STRICT;
INSERT INTO event_bodies (id, workspace_id, sealed) SELECT id, workspace_id, sealed FROM events;
ALTER TABLE events DROP COLUMN sealed;
-- What it says of a state, in words for people, since it was read; NULL: not yet. So no list of events
-- has to open their bodies.
ALTER TABLE events ADD COLUMN told TEXT;
