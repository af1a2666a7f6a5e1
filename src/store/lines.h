/* lines: which calls hold a line (slot 'held'), and which wait for one ('waiting').
 *
 * The slot is a column of the call, and lines are counted where they are taken: on the one writer,
 * so that two calls can never take the last one. */
#pragma once

#include "db/db.h"

/* The line of a call whose row exists. */
struct line_row {
    const char *call_id, *workspace_id, *operation_id;
    const char *line;    /* our number it goes over, E.164; "": not known */
    const char *account; /* whose limit at the provider counts; "": nobody's */
};

/* Writes our number, account and slot of the call; see line_row_move for the slot. */
enum err line_row_put(struct ctx *ctx, struct db_conn *tx, const struct line_row *row,
                      const char *slot);
/* Moves the call to slot "held" or "waiting"; NULL: it gives up its line, or its position in the
 * queue. Its status becomes "waiting", and "requested" again after that. */
enum err line_row_move(struct ctx *ctx, struct db_conn *tx, const char *call_id, const char *slot);
/* What a call holds; found->call_id is NULL when it neither holds nor waits. *is_held may be
 * NULL. */
enum err line_row_find(struct ctx *ctx, struct db_conn *c, const char *call_id,
                       struct line_row *found, bool *is_held);

/* *has_room: the call could hold a line beside those that do, whoever waits. now_ms: wall clock. */
enum err line_row_has_room(struct ctx *ctx, struct db_conn *c, const struct line_row *row,
                           int64_t now_ms, bool *has_room);
/* The next call to be given a line: of those that wait and have room, of the workspace that holds
 * least for its weight, the oldest. found->call_id is NULL when there is none. */
enum err line_row_next(struct ctx *ctx, struct db_conn *c, const char *workspace_id, int64_t now_ms,
                       struct line_row *found); /* workspace_id NULL: of all of them */

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
    int64_t room;         /* lines of the narrowest limit it waits for */
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

/* Calls of the workspace about which the provider should be asked: they hold a line, or reserve
 * budget and are less than a day old, and nobody asked since before_ms. Longest unasked first. */
enum err line_rows_to_ask(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                          int64_t before_ms, int limit, const char **call_ids, size_t *count);
enum err line_row_asked(struct ctx *ctx, struct db_conn *tx, const char *call_id, int64_t now_ms);
/* *open: the workspace has calls to ask about or to begin, now or later. */
enum err line_rows_are_open(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            int64_t now_ms, bool *open);
