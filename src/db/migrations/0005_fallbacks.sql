-- What callers get when nothing else answers: one per workspace.

CREATE TABLE fallbacks (
    workspace_id TEXT PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE,
    kind         TEXT NOT NULL CHECK (kind IN ('message', 'voicemail', 'forward', 'assistant')),
    text         TEXT NOT NULL,
    to_number    TEXT,
    assistant_id TEXT,
    version      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;
