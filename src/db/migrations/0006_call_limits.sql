-- How many calls may go at once, what a day may take, and which calls hold a place or wait for one.

-- Of a workspace (number '') or of one of its numbers (E.164); NULL: no limit. assistant_seconds: how
-- long a call of its assistant lasts at most, as it was last seen.
CREATE TABLE call_limits (
    workspace_id      TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    number            TEXT NOT NULL,
    daily_minutes     INTEGER CHECK (daily_minutes >= 0),
    daily_cost_cents  INTEGER CHECK (daily_cost_cents >= 0),
    concurrent_calls  INTEGER CHECK (concurrent_calls >= 1),
    assistant_seconds INTEGER NOT NULL DEFAULT 600,
    version           INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, number)
) STRICT;

-- What calls took, by the day on which they were asked for (days since 1970-01-01, UTC). alerted: bit
-- 1 for minutes, bit 2 for money: somebody was told that little is left.
CREATE TABLE call_days (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    number       TEXT NOT NULL,
    day          INTEGER NOT NULL,
    seconds      INTEGER NOT NULL DEFAULT 0,
    cost_micros  INTEGER NOT NULL DEFAULT 0,
    alerted      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace_id, number, day)
) STRICT;

-- What an account at a provider can take at once, as the provider said; good until then.
CREATE TABLE call_accounts (
    account          TEXT PRIMARY KEY,
    concurrent_calls INTEGER NOT NULL CHECK (concurrent_calls >= 0),
    until_at         INTEGER NOT NULL
) STRICT;

ALTER TABLE workspaces ADD COLUMN call_weight INTEGER NOT NULL DEFAULT 1
    CHECK (call_weight BETWEEN 1 AND 100);

-- line: our number it goes over, account: whose limit at the provider counts; '' where nobody knows.
ALTER TABLE calls ADD COLUMN line TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN account TEXT NOT NULL DEFAULT '';
ALTER TABLE calls ADD COLUMN slot TEXT CHECK (slot IN ('waiting', 'held'));
ALTER TABLE calls ADD COLUMN asked_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN reserved_seconds INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN reserved_micros INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN booked_seconds INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN booked_micros INTEGER NOT NULL DEFAULT 0;
CREATE INDEX calls_held ON calls (workspace_id, line) WHERE slot = 'held';
CREATE INDEX calls_held_of_account ON calls (account) WHERE slot = 'held';
CREATE INDEX calls_waiting ON calls (workspace_id, line, account, id) WHERE slot = 'waiting';
CREATE INDEX calls_reserved ON calls (workspace_id, created_at)
    WHERE reserved_seconds > 0 OR reserved_micros > 0;
