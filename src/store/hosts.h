/* hosts: who works with a database that is shared, a row for each run of Ava; and leases: who of them has what only one may
 * do at a time.
 *
 * All times are of ava_steady_ms(), which is the database's clock there. A run is alive while its row is no older than
 * HOST_ALIVE_MS; one that says nothing for longer may still be there, and wake. */
#pragma once

#include "db/migrate.h"

enum { HOST_ALIVE_MS = MIGRATE_ALIVE_MS };

struct host_row { /* lent; found ones are the arena's */
    const char *run_id;
    const char *place; /* of its data folder, random; one run at a time works there */
    const char *name;  /* of the machine */
    const char *version;
    int64_t schema_version; /* the newest it knows */
    int64_t started_ms, beat_ms;
    int64_t off_ms; /* how far its machine's clock was behind the database's */
    const char *mark;
    const char *master_keys; /* the ids of those it has, the active one first: "k2 k1" */
};

/* Writes the row, whether there is one or not. */
enum err host_row_put(struct ctx *ctx, struct db_conn *tx, const struct host_row *row);
/* Renews beat_ms, off_ms, master_keys and mark, where the mark is one of the two: *is_ours. */
enum err host_row_beat(struct ctx *ctx, struct db_conn *tx, const struct host_row *row,
                       const char *mark, const char *or_mark, bool *is_ours);
enum err host_row_find(struct ctx *ctx, struct db_conn *c, const char *run_id,
                       struct host_row *found); /* run_id NULL: none */
enum err host_row_delete(struct ctx *ctx, struct db_conn *tx, const char *run_id);
/* The oldest first, at most max. */
enum err host_rows_list(struct ctx *ctx, struct db_conn *c, struct host_row *out, size_t max,
                        size_t *count);
enum err host_rows_count(struct ctx *ctx, struct db_conn *c, int64_t since_ms, int64_t *count);
enum err host_rows_forget(struct ctx *ctx, struct db_conn *tx, int64_t before_ms);

/* Takes or renews it until then. *is_ours false: another run, which is alive, has it longer than now. */
enum err lease_row_take(struct ctx *ctx, struct db_conn *tx, const char *name, const char *owner,
                        int64_t now_ms, int64_t until_ms, bool *is_ours);
enum err lease_row_give(struct ctx *ctx, struct db_conn *tx, const char *name, const char *owner);
enum err lease_rows_give_all(struct ctx *ctx, struct db_conn *tx, const char *owner);
enum err lease_rows_forget(struct ctx *ctx, struct db_conn *tx, int64_t before_ms);
