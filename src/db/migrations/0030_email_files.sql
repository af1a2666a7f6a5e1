-- What is attached to mails that are still to be sent, in pieces, each sealed by itself; removed when what became of
-- the mail is known. Names, sizes and hashes stay with the message.
-- id: the message, the number of the file, the number of the piece.
CREATE TABLE email_files (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    message_id   TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    position     INTEGER NOT NULL,
    piece        INTEGER NOT NULL,
    sealed       BLOB NOT NULL CHECK (substr(sealed, 1, 2) = X'A101' AND length(sealed) >= 46),
    UNIQUE (message_id, position, piece)
) STRICT;
CREATE INDEX email_files_of_workspace ON email_files (workspace_id);
