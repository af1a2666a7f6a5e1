-- Who works with this database (a row for each run of Ava, which it renews every few seconds), and who of them has what
-- only one may do at a time. On SQLite there is one, and nobody writes here.

CREATE TABLE hosts (
    run_id TEXT PRIMARY KEY,
    place TEXT NOT NULL,         -- of its data folder: one run at a time works there
    name TEXT NOT NULL,          -- of the machine
    version TEXT NOT NULL,
    schema_version INTEGER NOT NULL, -- the newest it knows
    started_at INTEGER NOT NULL,
    beat_at INTEGER NOT NULL,    -- when it renewed this last
    mark TEXT NOT NULL,          -- random, another with each beat: two runs of one id notice each other
    off_ms INTEGER NOT NULL,     -- how far its machine's clock was behind the database's
    master_keys TEXT NOT NULL    -- the ids of those it has, the active one first: "k2 k1"
) STRICT;

CREATE TABLE leases (
    name TEXT PRIMARY KEY,       -- "sweep", "turn:..."
    owner TEXT NOT NULL,         -- run_id
    until_at INTEGER NOT NULL
) STRICT;
