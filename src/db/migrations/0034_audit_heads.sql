-- The heads of the audit log (RESILIENCE 14): what all rows up to seq amount to, signed. digest = BLAKE2b-256 of
-- the digest before and the hash of each row of from_seq to seq, so each head vouches for all rows before it.

CREATE TABLE audit_heads (
    seq       INTEGER PRIMARY KEY,
    from_seq  INTEGER NOT NULL CHECK (from_seq <= seq),
    at        INTEGER NOT NULL,
    digest    BLOB NOT NULL CHECK (length(digest) = 32),
    kek_id    TEXT NOT NULL,
    signature BLOB NOT NULL CHECK (length(signature) = 64)
) STRICT;
