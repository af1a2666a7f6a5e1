/* lines: which calls hold a place (slot 'held'), and which wait for one ('waiting').
 *
 * Places are columns of the calls they belong to, and counted where they are taken: on the one
 * writer, so that two can never take the last one. */
#pragma once

#include "db/db.h"

/* Of a call that is in the table. */
struct line_row {
    const char *call_id, *workspace_id, *operation_id;
    const char *line;    /* our number it goes over, E.164; "": not known */
    const char *account; /* whose limit at the provider counts; "": nobody's */
};

/* It takes its place, or its place in the queue; NULL slot: it gives it up. */
enum err line_row_put(struct ctx *ctx, struct db_conn *tx, const struct line_row *row,
                      const char *slot);
/* Waiting is a status of the call too, as people see it. */
enum err line_row_move(struct ctx *ctx, struct db_conn *tx, const char *call_id, const char *slot);
/* What a call holds; found->call_id is NULL when it neither holds nor waits. *is_held may be NULL. */
enum err line_row_find(struct ctx *ctx, struct db_conn *c, const char *call_id,
                       struct line_row *found, bool *is_held);

/* Is there room for it besides those that hold a place, whoever waits? now_ms: wall clock. */
enum err line_row_has_room(struct ctx *ctx, struct db_conn *c, const struct line_row *row,
                           int64_t now_ms, bool *has_room);
/* The one that waits and whose turn it is: of those for which there is room, of the workspace that
 * holds least for its weight; there the oldest. found->call_id is NULL when there is none. */
enum err line_row_next(struct ctx *ctx, struct db_conn *c, int64_t now_ms, struct line_row *found);

/* Nobody is let in over this number of ours until then: its day is used up. */
enum err line_row_rest(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                       const char *line, int64_t until_ms);

struct line_counts {
    int64_t held, waiting;
};
enum err line_rows_count(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                         const char *line,
                         struct line_counts *out); /* line "": all of the workspace */
enum err line_rows_count_all(struct ctx *ctx, struct db_conn *c, struct line_counts *out);

struct line_standing {
    int64_t position;     /* from 1; 0: it does not wait */
    int64_t room;         /* places of the narrowest limit it waits for */
    int64_t mean_call_ms; /* of the workspace's last ended calls; 0: there was none */
};
enum err line_row_stands(struct ctx *ctx, struct db_conn *c, const char *call_id, int64_t now_ms,
                         struct line_standing *out);

/* What the provider said its account can take, and until when we believe it. */
enum err line_account_put(struct ctx *ctx, struct db_conn *tx, const char *account, int64_t calls,
                          int64_t until_ms);
enum err line_account_find(struct ctx *ctx, struct db_conn *c, const char *account, int64_t now_ms,
                           int64_t *calls, int64_t *until_ms); /* INT64_MAX: nothing was said */
enum err line_account_held(struct ctx *ctx, struct db_conn *c, const char *account, int64_t *held);

/* Calls of the workspace of which the provider should be asked: they hold a place, or reserve money
 * since less than a day, and nobody asked since before_ms. Oldest question first. */
enum err line_rows_to_ask(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                          int64_t before_ms, int limit, const char **call_ids, size_t *count);
enum err line_row_asked(struct ctx *ctx, struct db_conn *tx, const char *call_id, int64_t now_ms);
/* Is there anything to ask, or to begin, now or later? */
enum err line_rows_are_open(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            int64_t now_ms, bool *open);
