-- Failed attempts to sign in to accounts that do not exist, of the hour (its start, Unix milliseconds). The
-- audit log gets one entry for each hour when the next one begins: whoever guesses names fills no disk.
CREATE TABLE stranger_failures (
    hour  INTEGER PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT;
