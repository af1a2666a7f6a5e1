-- Flags that an operator has set (config/flags.def names them all); one that is not here is as it was built.

CREATE TABLE feature_flags (
    name       TEXT PRIMARY KEY,
    is_on      INTEGER NOT NULL CHECK (is_on IN (0, 1)),
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL
) STRICT;
