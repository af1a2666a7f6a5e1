-- Templates of e-mails, and every version of them that is kept. Names are plain, since people look for them
-- and send by them; what templates say is sealed. removed_at: not 0 while what is left of one goes in steps.

CREATE TABLE templates (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    version      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    removed_at   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX templates_by_name ON templates (workspace_id, name) WHERE removed_at = 0;
CREATE INDEX templates_of_workspace ON templates (workspace_id);

-- restored_version: the one whose content was taken again.
CREATE TABLE template_versions (
    id               TEXT PRIMARY KEY,
    workspace_id     TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    template_id      TEXT NOT NULL REFERENCES templates (id) ON DELETE CASCADE,
    version          INTEGER NOT NULL,
    what             TEXT NOT NULL CHECK (what IN ('created', 'changed', 'restored')),
    author           TEXT,
    restored_version INTEGER,
    created_at       INTEGER NOT NULL,
    sealed           BLOB NOT NULL CHECK (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46),
    UNIQUE (template_id, version)
) STRICT;
CREATE INDEX template_versions_of_workspace ON template_versions (workspace_id);
