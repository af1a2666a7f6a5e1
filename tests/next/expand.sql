-- A later Ava keeps more of an event, in a column that this one does not know, and a table of its own.
ALTER TABLE events ADD COLUMN next_note TEXT;

CREATE TABLE next_things (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE
) STRICT;
