-- A key that was made for one workspace by name is of that workspace only, also when its user runs the
-- installation. Keys of before could do what their user may.
ALTER TABLE api_keys ADD COLUMN is_confined INTEGER NOT NULL DEFAULT 0 CHECK (is_confined IN (0, 1));
