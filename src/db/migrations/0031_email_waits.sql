-- When a mail that its server does not take yet is tried again (wall clock, ms); 0: it does not wait.
ALTER TABLE messages ADD COLUMN next_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messages_waiting ON messages (next_at) WHERE next_at > 0;
