-- What Ava did for a call or a text, step by step, for its timeline. subject: the operation, or the
-- call of which there is none; detail: JSON with nothing secret in it.

CREATE TABLE steps (
    id           INTEGER PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    subject      TEXT NOT NULL,
    at           INTEGER NOT NULL,
    what         TEXT NOT NULL,
    detail       TEXT NOT NULL
) STRICT;
CREATE INDEX steps_of_subject ON steps (workspace_id, subject, id);
