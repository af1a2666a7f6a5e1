/* book: a copy on this host of what the phone is answered from, so that it is answered while PostgreSQL is away or slow.
 *
 * A file of SQLite with Ava's tables, of which store/book.h fills some: workspaces with their keys, webhook addresses,
 * credentials, fallbacks, limits and numbers, sealed as they are in PostgreSQL. It is filled at the start, and looked
 * after every two seconds by what changed since (book_look); what a request of this process has changed is copied before
 * that is answered (book_catch_up). What PostgreSQL did not take in time is spooled in its table of events
 * (service/inbox/spool.h). A book that is damaged, or of another installation, is put aside and made anew. */
#pragma once

#include "db/db.h"

struct book;

/* Opens AVA_DATA_DIR/book.db, or makes it; ctx has the database and the vault. NULL and *why where no file can be had. */
struct book *book_open(struct ctx *ctx, const char *folder, db_hash_fn *hash, const char **why);
void book_close(struct book *b); /* NULL is fine */

/* One after the other, at the start and then on a thread of their own. The time of ctx is for each piece of it, at least. */
enum err book_fill(struct ctx *ctx); /* all of it */
enum err book_look(struct ctx *ctx); /* what changed since, or all where it must be */

/* Holds all of it against the database, and puts right what is not the same though a look has just been; *found: in so
 * many places. That should be none: who changes rows says so (book_note). */
enum err book_compare(struct ctx *ctx, int64_t *found);

/* After a write of this request: copies what it changed in its workspace, if books have it, before its answer goes. For
 * a moment only: the next look does what was not done. */
void book_catch_up(struct ctx *ctx);

/* From here to the end of the scope ctx->parts have the book as their db, and the database's parts as whole. Nothing
 * changes where there is no book, or none that can be read.
 *     SCOPED(book_shut) struct book_view view = book_read(ctx); */
struct book_view {
    struct ctx *ctx;
    const struct parts *before;
};
struct book_view book_read(struct ctx *ctx);
void book_shut(struct book_view *view);
bool book_is_readable(const struct ctx *ctx); /* there is one, and it was filled once */

/* Is the database away, or was it too slow a moment ago? Then nobody who can do without waits for it. */
bool book_misses_database(const struct ctx *ctx);
void book_note_late(const struct ctx *ctx);  /* it was */
void book_note_quick(const struct ctx *ctx); /* it is not any more */

struct book_state {
    bool is_filled;
    int64_t age_ms; /* since the last look that came through; -1: none did yet */
    int64_t workspaces, spooled;
};
enum err book_state(struct ctx *ctx, struct book_state *out);
