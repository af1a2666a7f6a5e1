-- When a job is wanted that somebody works on, who may have looked already: it is ready again then, instead of being over.

ALTER TABLE jobs ADD COLUMN wanted_at INTEGER;
