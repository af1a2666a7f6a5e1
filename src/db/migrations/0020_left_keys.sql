-- When a data key was last found to have fields under it that are sealed anew, or none any more: it goes
-- only when nobody can still hold a field that was read before. NULL: it is the newest, or not yet left.
ALTER TABLE workspace_keys ADD COLUMN left_at INTEGER;
-- Whether what is sealed under it is bound to its version. Older Avas made keys that do not.
ALTER TABLE workspace_keys ADD COLUMN binds INTEGER NOT NULL DEFAULT 0;
