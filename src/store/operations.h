/* operations: rows of intents. One is written before the first byte of an unsafe call leaves, and
 * follows it to its end (RESILIENCE 4, 9). What was asked and what came of it is sealed. */
#pragma once

#include "store/sealed.h"

/* prepared > sent > succeeded | failed | unknown > succeeded | unconfirmed. A call that the
 * provider did not process goes back from sent to prepared while it waits for its next attempt. */
enum operation_state {
    OPERATION_PREPARED,
    OPERATION_SENT,
    OPERATION_SUCCEEDED,
    OPERATION_FAILED,
    OPERATION_UNKNOWN,
    OPERATION_UNCONFIRMED,
    OPERATION_STATES
};

const char *operation_state_name(enum operation_state s);

struct operation_row {
    const char *id, *workspace_id, *kind, *provider, *object, *actor, *correlation_id;
    enum operation_state state;
    bool is_promised; /* somebody counts on it: it was answered 202, or has an idempotency key */
    int64_t attempts, attempts_max;
    int64_t next_ms; /* wall clock, when the next attempt is made; 0: none is planned */
    int64_t created_ms, sent_ms, updated_ms;
    struct str sealed;
    int64_t epoch;     /* how often it was taken up again: who has an older one does not move it */
    const char *trace; /* it is part of, as trace_keep has it; NULL: none is known */
};

struct sealed_place operation_row_place(const struct operation_row *row);
enum err operation_row_insert(struct ctx *ctx, struct db_conn *tx, const struct operation_row *row);
/* workspace_id NULL: whose it is does not matter (jobs). found->id NULL when there is none. */
enum err operation_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            const char *id, struct operation_row *found);
/* What somebody has to do with: an operation's id, or the call or text that it made. */
struct operation_about {
    const char *workspace_id, *id;      /* id NULL: it is not known */
    const char *provider, *provider_id; /* of the call or text; provider_id "": none */
};
/* *trace: of that operation; NULL: there is none. */
enum err operation_row_trace(struct ctx *ctx, struct db_conn *c,
                             const struct operation_about *about, const char **trace);
/* Writes state, attempts, next, sent, updated and sealed of that id, where its epoch is still the row's. *is_ours: was
 * it? */
enum err operation_row_update(struct ctx *ctx, struct db_conn *tx, const struct operation_row *row,
                              bool *is_ours);
/* Takes it up again, and away from whoever had it: the next epoch begins, and what was "sent" is unknown. found->id NULL
 * when there is none. */
enum err operation_row_take(struct ctx *ctx, struct db_conn *tx, const char *id, int64_t now_ms,
                            struct operation_row *found);
/* *is_ours: has it this epoch still? */
enum err operation_row_is_ours(struct ctx *ctx, struct db_conn *c, const char *id, int64_t epoch,
                               bool *is_ours);
enum err operation_row_promise(struct ctx *ctx, struct db_conn *tx, const char *id);
enum err operation_row_delete(struct ctx *ctx, struct db_conn *tx, const char *id);

/* At a start: operations that were "sent" become "unknown". *count: how many. */
enum err operation_rows_orphan(struct ctx *ctx, struct db_conn *tx, int64_t now_ms, int64_t *count);
/* Is any call of the workspace's at this provider being placed: sent, and not answered yet? */
enum err operation_rows_are_sent(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                 const char *provider, bool *are);
/* The unknown operations of a workspace of one kind that were sent; those first that are due first. *count:
 * at most max. */
enum err operation_rows_unknown(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                const char *kind, struct operation_row *out, size_t max,
                                size_t *count);
/* Those that are neither settled nor unconfirmed, by id, beyond after_id. *count: at most max. */
enum err operation_rows_open(struct ctx *ctx, struct db_conn *c, const char *after_id,
                             struct operation_row *out, size_t max, size_t *count);
/* *out: how many operations at a provider are in this state, which is prepared, sent or unknown. */
enum err operation_rows_count(struct ctx *ctx, struct db_conn *c, enum operation_state state,
                              const char *provider, int64_t *out);
