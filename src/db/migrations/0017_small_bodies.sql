-- A small body stays with its event: most are, and a row of its own costs more than it spares there.
-- Exactly one of the two places holds the body (store/events.c).
ALTER TABLE events ADD COLUMN sealed BLOB
    CHECK (sealed IS NULL OR (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46));
