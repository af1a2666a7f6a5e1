-- Numbers of a Twilio account under Ava's care. capabilities: bits, voice 1, sms 2, mms 4. Sealed is
-- where it led before Ava changed that, to be given back.

CREATE TABLE numbers (
    id            TEXT PRIMARY KEY,
    workspace_id  TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    account       TEXT NOT NULL,
    provider_id   TEXT NOT NULL,
    phone_number  TEXT NOT NULL,
    friendly_name TEXT,
    capabilities  INTEGER NOT NULL,
    vapi_id       TEXT,
    imported_at   INTEGER NOT NULL,
    released_at   INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    sealed        BLOB NOT NULL CHECK (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46),
    UNIQUE (workspace_id, provider_id)
) STRICT;
CREATE INDEX numbers_at_vapi ON numbers (workspace_id, vapi_id) WHERE vapi_id IS NOT NULL;

-- What an import does, number by number; a run that was cut short goes on from here.
CREATE TABLE number_steps (
    operation_id TEXT NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
    seq          INTEGER NOT NULL,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    provider_id  TEXT NOT NULL,
    phone_number TEXT NOT NULL,
    step         TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('waiting', 'started', 'done', 'failed', 'undoing', 'undone', 'skipped')),
    detail       TEXT,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (operation_id, seq)
) STRICT;
CREATE INDEX number_steps_open ON number_steps (workspace_id, provider_id)
    WHERE state IN ('waiting', 'started', 'undoing');
