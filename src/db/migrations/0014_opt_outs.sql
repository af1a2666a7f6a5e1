-- What people last asked for who wrote STOP or START to a number of ours: no more texts (is_out 1), or
-- texts again (0). asked_at: when their message came (unix ms); an older message changes nothing.
CREATE TABLE opt_outs (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    address      TEXT NOT NULL,
    is_out       INTEGER NOT NULL CHECK (is_out IN (0, 1)),
    asked_at     INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, address)
) STRICT, WITHOUT ROWID;
