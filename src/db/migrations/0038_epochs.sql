-- Whose turn it is to move an operation: the number rises whenever somebody takes it up again, and who comes with an
-- older one moves nothing and sends nothing.

ALTER TABLE operations ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
