-- Texts and e-mails, both directions; and whose row a provider's id of a call belongs to.

CREATE TABLE messages (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    operation_id TEXT,
    channel      TEXT NOT NULL CHECK (channel IN ('sms', 'email')),
    direction    TEXT NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    provider     TEXT NOT NULL,
    provider_id  TEXT,
    to_address   TEXT NOT NULL,
    from_address TEXT NOT NULL,
    status       TEXT NOT NULL,
    error        TEXT,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    sealed       BLOB NOT NULL CHECK (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46),
    UNIQUE (workspace_id, provider, provider_id)
) STRICT;
CREATE INDEX messages_of_workspace ON messages (workspace_id, id);
CREATE INDEX messages_of_provider ON messages (provider, provider_id) WHERE provider_id IS NOT NULL;
CREATE INDEX messages_unsettled ON messages (workspace_id, to_address)
    WHERE status IN ('requested', 'unknown', 'unconfirmed');

CREATE INDEX calls_of_provider ON calls (provider, provider_id) WHERE provider_id IS NOT NULL;
CREATE INDEX calls_unsettled ON calls (workspace_id, to_number)
    WHERE status IN ('requested', 'unknown', 'unconfirmed');
