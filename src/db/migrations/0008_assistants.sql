-- Assistants under Ava's care, and every version of them that it knows.

CREATE TABLE assistants (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    provider_id  TEXT NOT NULL,
    name         TEXT,
    version      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    deleted_at   INTEGER NOT NULL DEFAULT 0,
    UNIQUE (workspace_id, provider_id)
) STRICT;

-- What it was; restored_version: the one whose content was taken again.
CREATE TABLE assistant_versions (
    id               TEXT PRIMARY KEY,
    workspace_id     TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    assistant_id     TEXT NOT NULL REFERENCES assistants (id) ON DELETE CASCADE,
    version          INTEGER NOT NULL,
    what             TEXT NOT NULL CHECK (what IN ('created', 'imported', 'changed', 'settings', 'webhooks', 'restored', 'changed_at_provider', 'deleted')),
    author           TEXT,
    restored_version INTEGER,
    created_at       INTEGER NOT NULL,
    sealed           BLOB NOT NULL CHECK (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46),
    UNIQUE (assistant_id, version)
) STRICT;
CREATE INDEX assistant_versions_of_workspace ON assistant_versions (workspace_id);
