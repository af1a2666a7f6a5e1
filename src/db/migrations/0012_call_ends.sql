-- When the provider first said that it does not know the call (unix ms; 0: it does), and since when
-- somebody wants it ended although the provider gives no way yet (0: nobody does).
ALTER TABLE calls ADD COLUMN missed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN ending_at INTEGER NOT NULL DEFAULT 0;
