-- What must happen once, although everything can break: requests with an idempotency key, intents
-- written before the first byte leaves (operations), what is still to be done (jobs), and calls.

CREATE TABLE operations (
    id             TEXT PRIMARY KEY,
    workspace_id   TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    kind           TEXT NOT NULL,
    provider       TEXT NOT NULL,
    object         TEXT NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('prepared', 'sent', 'succeeded', 'failed', 'unknown', 'unconfirmed')),
    is_promised    INTEGER NOT NULL CHECK (is_promised IN (0, 1)),
    attempts       INTEGER NOT NULL DEFAULT 0,
    attempts_max   INTEGER NOT NULL,
    next_at        INTEGER NOT NULL DEFAULT 0,
    actor          TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    sent_at        INTEGER NOT NULL DEFAULT 0,
    updated_at     INTEGER NOT NULL,
    sealed         BLOB NOT NULL CHECK (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46)
) STRICT;
CREATE INDEX operations_of_workspace ON operations (workspace_id, id);
CREATE INDEX operations_unsettled ON operations (state, provider) WHERE state IN ('prepared', 'sent', 'unknown');

CREATE TABLE idempotency_keys (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    principal    TEXT NOT NULL,
    route        TEXT NOT NULL,
    key          TEXT NOT NULL,
    fingerprint  BLOB NOT NULL CHECK (length(fingerprint) = 32),
    owner        TEXT NOT NULL,
    operation_id TEXT REFERENCES operations (id) ON DELETE SET NULL,
    created_at   INTEGER NOT NULL,
    sealed       BLOB CHECK (sealed IS NULL OR (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46)),
    UNIQUE (workspace_id, principal, route, key)
) STRICT;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
CREATE INDEX idempotency_keys_of_operation ON idempotency_keys (operation_id) WHERE operation_id IS NOT NULL;

CREATE TABLE jobs (
    id             TEXT PRIMARY KEY,
    workspace_id   TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    kind           TEXT NOT NULL,
    object         TEXT NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('ready', 'leased', 'dead')),
    run_at         INTEGER NOT NULL,
    attempts       INTEGER NOT NULL DEFAULT 0,
    owner          TEXT NOT NULL DEFAULT '',
    lease_until    INTEGER NOT NULL DEFAULT 0,
    created_at     INTEGER NOT NULL,
    UNIQUE (kind, object)
) STRICT;
CREATE INDEX jobs_ready ON jobs (workspace_id, run_at) WHERE state = 'ready';
CREATE INDEX jobs_due ON jobs (run_at) WHERE state = 'ready';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'leased';

CREATE TABLE calls (
    id             TEXT PRIMARY KEY,
    workspace_id   TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    operation_id   TEXT,
    provider       TEXT NOT NULL,
    provider_id    TEXT,
    direction      TEXT NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    to_number      TEXT NOT NULL,
    from_number_id TEXT,
    assistant_id   TEXT,
    status         TEXT NOT NULL,
    ended_reason   TEXT,
    started_at     INTEGER NOT NULL DEFAULT 0,
    ended_at       INTEGER NOT NULL DEFAULT 0,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    sealed         BLOB NOT NULL CHECK (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46),
    UNIQUE (workspace_id, provider, provider_id)
) STRICT;
CREATE INDEX calls_of_workspace ON calls (workspace_id, id);
