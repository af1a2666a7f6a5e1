-- Customers' own endpoints, and what goes there. A delivery is one event of the inbox for one
-- destination, written in the transaction that settles the event; seq is the order events were settled
-- in, which is the order those of one call or text go out in. settled_at = 0: still to be sent.
-- They go with their destination, and so with its workspace. body is what is sent: ids, times and
-- states, which calls, messages and events hold in plain too.

CREATE TABLE destinations (
    id               TEXT PRIMARY KEY,
    workspace_id     TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    url              TEXT NOT NULL,
    events           TEXT NOT NULL,
    enabled          INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    disabled_because TEXT CHECK (disabled_because IN ('by_hand', 'gone', 'failing')),
    disabled_at      INTEGER NOT NULL DEFAULT 0,
    failing_since    INTEGER NOT NULL DEFAULT 0,
    last_failure_at  INTEGER NOT NULL DEFAULT 0,
    last_success_at  INTEGER NOT NULL DEFAULT 0,
    former_until     INTEGER NOT NULL DEFAULT 0,
    version          INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    sealed           BLOB NOT NULL CHECK (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46)
) STRICT;
CREATE INDEX destinations_of_workspace ON destinations (workspace_id, id);

CREATE TABLE deliveries (
    seq            INTEGER PRIMARY KEY,
    id             TEXT NOT NULL UNIQUE,
    workspace_id   TEXT NOT NULL,
    destination_id TEXT NOT NULL REFERENCES destinations (id) ON DELETE CASCADE,
    event_id       TEXT NOT NULL,
    type           TEXT NOT NULL,
    resource       TEXT NOT NULL,
    status         TEXT NOT NULL CHECK (status IN ('waiting', 'retrying', 'delivered', 'failed', 'held')),
    attempts       INTEGER NOT NULL DEFAULT 0,
    tries          INTEGER NOT NULL DEFAULT 0,
    next_at        INTEGER NOT NULL DEFAULT 0,
    settled_at     INTEGER NOT NULL DEFAULT 0,
    created_at     INTEGER NOT NULL,
    body           TEXT NOT NULL,
    UNIQUE (destination_id, event_id)
) STRICT;
CREATE INDEX deliveries_of_destination ON deliveries (destination_id, seq);
CREATE INDEX deliveries_open ON deliveries (destination_id, next_at) WHERE settled_at = 0;
CREATE INDEX deliveries_in_order ON deliveries (destination_id, resource, seq) WHERE settled_at = 0;
CREATE INDEX deliveries_settled ON deliveries (created_at) WHERE settled_at > 0;

CREATE TABLE delivery_attempts (
    delivery_id TEXT NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    status_code INTEGER NOT NULL,
    error       TEXT,
    PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;
