-- Sums over the calls of a workspace within a time.
CREATE INDEX calls_by_time ON calls (workspace_id, created_at);
