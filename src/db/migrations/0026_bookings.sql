-- Appointments that Ava made in somebody's calendar. What they say is sealed; times, states and for whom are plain,
-- since a caller's own bookings are looked up by the number they call from.
CREATE TABLE bookings (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    operation_id TEXT NOT NULL,
    provider     TEXT NOT NULL,
    calendar_id  TEXT NOT NULL,
    event_id     TEXT,
    status       TEXT NOT NULL CHECK (status IN ('requested', 'booked', 'failed', 'unknown', 'unconfirmed', 'canceled')),
    starts_at    INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    call_id      TEXT,
    caller       TEXT,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    sealed       BLOB NOT NULL CHECK (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46)
) STRICT;
CREATE INDEX bookings_of_workspace ON bookings (workspace_id, id);
CREATE INDEX bookings_of_caller ON bookings (workspace_id, caller, starts_at);
CREATE INDEX bookings_of_event ON bookings (workspace_id, provider, event_id);
CREATE INDEX bookings_of_calendar ON bookings (workspace_id, provider, calendar_id, starts_at);
