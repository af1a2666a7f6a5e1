-- Rules: when something happens, somebody is told. definition: JSON {"when","then","quiet_hours"}, as people
-- wrote it; since: when it was made or last switched on.
CREATE TABLE rules (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    event        TEXT NOT NULL,
    definition   TEXT NOT NULL,
    enabled      INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    since        INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX rules_of_workspace ON rules (workspace_id, id);
CREATE INDEX rules_for_event ON rules (workspace_id, event) WHERE enabled = 1;

-- What a rule did with what happened, or why it did nothing. cause: what it was, so that a rule works on it
-- once for each recipient. A rule that is removed leaves its uses, which go by their age.
CREATE TABLE rule_uses (
    id              TEXT PRIMARY KEY,
    rule_id         TEXT NOT NULL,
    workspace_id    TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    event           TEXT NOT NULL,
    cause           TEXT NOT NULL,
    recipient       TEXT NOT NULL,
    who             TEXT,
    line            TEXT,
    call_id         TEXT,
    message_id      TEXT,
    event_id        TEXT,
    said            TEXT,
    happened_at     INTEGER NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('waiting', 'sent', 'skipped', 'failed')),
    reason          TEXT,
    detail          TEXT,
    sent_message_id TEXT,
    due_at          INTEGER NOT NULL,
    settled_at      INTEGER NOT NULL DEFAULT 0,
    UNIQUE (rule_id, cause, recipient)
) STRICT;
CREATE INDEX rule_uses_of_workspace ON rule_uses (workspace_id, id);
CREATE INDEX rule_uses_of_rule ON rule_uses (rule_id, id);
CREATE INDEX rule_uses_due ON rule_uses (workspace_id, due_at) WHERE status = 'waiting';
CREATE INDEX rule_uses_sent ON rule_uses (workspace_id, settled_at) WHERE status = 'sent';
CREATE INDEX rule_uses_of_call ON rule_uses (call_id) WHERE call_id IS NOT NULL;
CREATE INDEX rule_uses_by_message ON rule_uses (sent_message_id) WHERE sent_message_id IS NOT NULL;
