/* book: rows of what a voice webhook is answered from, copied from PostgreSQL into the book of a host
 * (service/upkeep/book.h), workspace by workspace; and the list of those whose rows have changed. */
#pragma once

#include "db/db.h"

/* Notes that rows of this workspace change in tx, for all books. Every function of store/ does so that writes a row of
 * the tables which book_rows_read reads. On SQLite there are no books. */
enum err book_note(struct ctx *ctx, struct db_conn *tx, const char *workspace_id);

struct book_mark {
    int64_t seq, at_ms; /* of the newest change; 0: there was none */
};
enum err book_changes_newest(struct ctx *ctx, struct db_conn *c, struct book_mark *out);
/* The workspaces with changes behind seq, or not older than since_ms; those after that id, in their order. */
enum err book_changes_list(struct ctx *ctx, struct db_conn *c, int64_t seq, int64_t since_ms,
                           const char *after_id, int limit, const char **out, size_t *count);
enum err book_changes_sweep(struct ctx *ctx, struct db_conn *tx, int64_t before_ms);

/* The id of the workspace that comes so many behind after; NULL: there are not so many. */
enum err book_workspace_behind(struct ctx *ctx, struct db_conn *c, const char *after, int many,
                               const char **out);

/* Ids are of letters, digits and '_': nothing is behind BOOK_LAST, and nothing between an id and its next. */
#define BOOK_LAST "~"
const char *book_next_id(struct ctx *ctx, const char *id);

/* The rows of the workspaces from the one id to the other. In the arena. */
enum { BOOK_TABLES = 7 };
struct book_rows {
    const char *from, *to;
    struct book_row *first[BOOK_TABLES];
};
enum err book_rows_read(struct ctx *ctx, struct db_conn *c, struct book_rows *rows);
/* Puts them in the place of those that the book has of the same workspaces. What was spooled stays, unless its workspace is
 * gone. */
enum err book_rows_write(struct ctx *ctx, struct db_conn *tx, const struct book_rows *rows);
/* Are these, which were read from the database, what the book has of the same workspaces? It may have keys besides, under
 * which something is sealed that was spooled. */
enum err book_rows_compare(struct ctx *ctx, struct db_conn *book, const struct book_rows *rows,
                           bool *is_same);
enum err book_rows_count(struct ctx *ctx, struct db_conn *c, int64_t *workspaces);
