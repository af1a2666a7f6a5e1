-- To whom each mail goes, and what became of it there: a mail of two may reach the one and not the other.
-- address_key: as it is compared, in small letters.
CREATE TABLE email_recipients (
    message_id   TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    position     INTEGER NOT NULL,
    workspace_id TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('to', 'cc', 'bcc')),
    address      TEXT NOT NULL,
    address_key  TEXT NOT NULL,
    status       TEXT NOT NULL,
    error        TEXT,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (message_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX email_recipients_of_address ON email_recipients (workspace_id, address_key);

-- Addresses that get no more mails of a workspace, until somebody lifts it.
CREATE TABLE suppressions (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    address_key  TEXT NOT NULL,
    reason       TEXT NOT NULL CHECK (reason IN ('bounced', 'complained', 'asked')),
    detail       TEXT,
    message_id   TEXT,
    created_at   INTEGER NOT NULL,
    UNIQUE (workspace_id, address_key)
) STRICT;
CREATE INDEX suppressions_of_workspace ON suppressions (workspace_id, id);
