-- Whose rows the books of all hosts have to copy anew (tasks/book.h): written in the transaction that changes what
-- a voice webhook is answered from. Only PostgreSQL has any; seq are not given in the order of the commits.
CREATE TABLE book_changes (
    seq          INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    workspace_id TEXT NOT NULL
) STRICT;
CREATE INDEX book_changes_by_time ON book_changes (at);
