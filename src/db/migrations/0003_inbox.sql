-- What providers sent is worked on after it was taken in. An event is its own work item: one job
-- per workspace ("inbox") goes through those that are not settled, oldest first.
-- cause: who a dead event waits for, 'ours' or 'receiver'; detail: one sentence for people.

ALTER TABLE events ADD COLUMN next_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN settled_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN replays INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN cause TEXT;
ALTER TABLE events ADD COLUMN detail TEXT;
CREATE INDEX events_received ON events (workspace_id, id) WHERE status = 'received';
CREATE INDEX events_retrying ON events (workspace_id, next_at) WHERE status = 'retrying';
CREATE INDEX events_dead ON events (workspace_id, id) WHERE status = 'dead';

-- What webhooks tell of a call. carrier_id: of the same call at the carrier (Twilio's CallSid of a
-- call that Vapi handles); cost_micros: millionths of a US dollar.
ALTER TABLE calls ADD COLUMN from_number TEXT;
ALTER TABLE calls ADD COLUMN carrier_id TEXT;
ALTER TABLE calls ADD COLUMN cost_micros INTEGER;
CREATE INDEX calls_of_carrier ON calls (workspace_id, carrier_id) WHERE carrier_id IS NOT NULL;
CREATE INDEX calls_of_operation ON calls (operation_id) WHERE operation_id IS NOT NULL;
