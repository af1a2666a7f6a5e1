-- Browsers that somebody signed in with, by the hash of a cookie: their tries are counted apart from strangers'.
CREATE TABLE devices (
    token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    used_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX devices_of_user ON devices (user_id, used_at);
CREATE INDEX devices_used ON devices (used_at);
