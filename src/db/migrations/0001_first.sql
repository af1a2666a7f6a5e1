-- The first house: people, workspaces, keys, credentials, webhooks, the log.
-- Times are Unix milliseconds. "sealed" columns hold RESILIENCE 13 field blobs (0xA1, algorithm 1,
-- key id, nonce, ciphertext, tag): a plain text does not pass the check.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE users (
    id            TEXT PRIMARY KEY,
    email         TEXT NOT NULL,
    email_key     TEXT NOT NULL UNIQUE,
    name          TEXT,
    password_hash TEXT NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
    is_admin      INTEGER NOT NULL DEFAULT 0 CHECK (is_admin IN (0, 1)),
    disabled      INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    workspace_id  TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE workspaces (
    id                 TEXT PRIMARY KEY,
    name               TEXT NOT NULL,
    platform_providers TEXT NOT NULL DEFAULT '',
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL
) STRICT;

CREATE TABLE memberships (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role         TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
) STRICT;
CREATE INDEX memberships_of_user ON memberships (user_id);

CREATE TABLE setup_tokens (
    token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    id_hash      BLOB PRIMARY KEY CHECK (length(id_hash) = 32),
    family       TEXT NOT NULL,
    user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    serves_until INTEGER NOT NULL,
    idle_until   INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    replaced_at  INTEGER
) STRICT;
CREATE INDEX sessions_of_family ON sessions (family);
CREATE INDEX sessions_of_user ON sessions (user_id);

CREATE TABLE api_keys (
    id           TEXT PRIMARY KEY,
    user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    mode         TEXT NOT NULL CHECK (mode IN ('live', 'test')),
    key_hash     BLOB NOT NULL UNIQUE CHECK (length(key_hash) = 32),
    last4        TEXT NOT NULL CHECK (length(last4) = 4),
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;
CREATE INDEX api_keys_of_user ON api_keys (user_id);

CREATE TABLE workspace_keys (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    dek_id       INTEGER NOT NULL,
    kek_id       TEXT NOT NULL,
    wrapped      BLOB NOT NULL CHECK (length(wrapped) = 72),
    kcv          BLOB NOT NULL CHECK (length(kcv) = 16),
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, dek_id)
) STRICT;

CREATE TABLE credentials (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    provider     TEXT NOT NULL,
    version      INTEGER NOT NULL,
    sealed       BLOB NOT NULL CHECK (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46),
    public       TEXT NOT NULL,
    checked_at   INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    UNIQUE (workspace_id, provider)
) STRICT;

CREATE TABLE webhook_endpoints (
    id               TEXT PRIMARY KEY,
    workspace_id     TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    provider         TEXT NOT NULL,
    token_hash       BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    sealed           BLOB NOT NULL CHECK (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46),
    created_at       INTEGER NOT NULL,
    valid_until      INTEGER,
    last_received_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX webhook_endpoints_of_workspace ON webhook_endpoints (workspace_id, provider);

CREATE TABLE events (
    id             TEXT PRIMARY KEY,
    workspace_id   TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    provider       TEXT NOT NULL,
    type           TEXT NOT NULL,
    resource       TEXT NOT NULL,
    dedupe         BLOB NOT NULL,
    status         TEXT NOT NULL CHECK (status IN ('received', 'done', 'retrying', 'dead')),
    attempts       INTEGER NOT NULL DEFAULT 0,
    correlation_id TEXT NOT NULL,
    received_at    INTEGER NOT NULL,
    sealed         BLOB NOT NULL CHECK (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46),
    UNIQUE (workspace_id, provider, dedupe)
) STRICT;
CREATE INDEX events_of_workspace ON events (workspace_id, id);
CREATE INDEX events_of_resource ON events (workspace_id, resource, id);

CREATE TABLE audit_log (
    seq            INTEGER PRIMARY KEY,
    workspace_id   TEXT NOT NULL,
    at             INTEGER NOT NULL,
    actor          TEXT NOT NULL,
    action         TEXT NOT NULL,
    object         TEXT NOT NULL,
    outcome        TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    detail         TEXT NOT NULL,
    prev           BLOB NOT NULL CHECK (length(prev) = 32),
    hash           BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX audit_log_of_workspace ON audit_log (workspace_id, seq);
