-- What is removed is out of sight at once; its rows go in steps, so that nobody's write has to wait for
-- all of them. 0: not removed.
ALTER TABLE workspaces ADD COLUMN removed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE destinations ADD COLUMN removed_at INTEGER NOT NULL DEFAULT 0;
-- Those that wait for somebody to send them again, for doing so in steps.
CREATE INDEX deliveries_stopped ON deliveries (destination_id, created_at) WHERE status IN ('held', 'failed');
CREATE INDEX jobs_of_workspace ON jobs (workspace_id);
CREATE INDEX sessions_of_workspace ON sessions (workspace_id);
CREATE INDEX api_keys_of_workspace ON api_keys (workspace_id);
