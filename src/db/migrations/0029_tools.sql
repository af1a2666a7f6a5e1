-- What assistants of a workspace may do while they speak: which tools are switched on, how those of one group behave,
-- and what was asked of them. What somebody asked, and what was answered, is sealed.
CREATE TABLE tools (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE tool_settings (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    tool_group   TEXT NOT NULL,
    settings     TEXT NOT NULL,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, tool_group)
) STRICT, WITHOUT ROWID;

CREATE TABLE tool_uses (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    tool         TEXT NOT NULL,
    call_id      TEXT NOT NULL,
    tool_call_id TEXT NOT NULL,
    status       TEXT NOT NULL CHECK (status IN ('done', 'pending', 'refused', 'failed')),
    operation_id TEXT,
    took_ms      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    sealed       BLOB NOT NULL CHECK (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46)
) STRICT;
CREATE INDEX tool_uses_of_tool ON tool_uses (workspace_id, tool, id);
CREATE INDEX tool_uses_of_call ON tool_uses (workspace_id, call_id, id);
CREATE INDEX tool_uses_of_time ON tool_uses (created_at);
