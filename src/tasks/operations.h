/* operations: calls to providers that must not happen twice (RESILIENCE 4 and 9).
 *
 * An intent is written before the first byte leaves, and its state follows what happens:
 * prepared > sent > succeeded | failed | unknown. What is unknown is never sent again: Ava asks
 * the provider, at 5 s, 30 s, 2 min and 10 min after it was sent, and when that finds nothing for
 * 15 minutes, leaves it unconfirmed for people to look at.
 *
 * Every change of state, once it is on disk, goes into the feed as "operation".
 *
 * An operation runs on a fiber of its own. Who placed it waits for a while and may leave; a
 * process that dies leaves a row and a job, and the next one goes on from there. */
#pragma once

#include "base/buf.h"
#include "base/jsonw.h"
#include "providers/upstream.h"
#include "store/operations.h"
#include "tasks/kinds.h"

/* What the functions of a kind get to see. */
struct operation {
    const char *id, *object;
    int64_t sent_ms;    /* wall clock; 0: not yet */
    struct str request; /* JSON, as it was placed */
    bool is_last;       /* of a walk: it is not performed again, whatever held it up */
};

/* How an operation that may not begin yet waits. */
struct operation_wait {
    int64_t position; /* from 1; 0: it does not wait */
    int64_t estimate_s;
};

/* Of kinds that may have to wait before they begin; the queue belongs to the service of the object.
 * Each is called with the operation's object in its table. */
struct operation_queue {
    enum err (*stands)(struct ctx *ctx, struct db_conn *c, const struct operation *op,
                       struct operation_wait *out);
    /* The provider had no room, and did nothing: it waits again. */
    enum err (*requeue)(struct ctx *ctx, struct db_conn *tx, const struct operation *op);
};

/* One kind of unsafe call; every kind is a constant of the service that owns the object.
 *
 * A kind without look_up is a walk: steps whose state it keeps itself, so that perform goes on where
 * it was. What is unknown, and what was held up by a provider that could not be reached, is
 * performed again at the times at which others are looked for. */
struct operation_kind {
    const char *name;  /* "call.create" */
    const char *event; /* of its object in the feed: "call" */
    enum provider provider;
    /* Sends it, with watch in the upstream_request. *result: what the provider made, in the form
     * that settle takes (struct call_facts, a tree, ...); the arena's. ERR_OUTCOME_UNKNOWN when it
     * may have happened. */
    enum err (*perform)(struct ctx *ctx, const struct operation *op,
                        const struct upstream_watch *watch, const void **result);
    /* Asks the provider whether it happened; *result stays NULL when nothing is found, and then
     * *is_absent says whether there is nothing that could be it. */
    enum err (*look_up)(struct ctx *ctx, const struct operation *op, const void **result,
                        bool *is_absent);
    /* Within the transaction that settles it: brings the object up to date. *shown: its JSON, which
     * whoever watches gets, and with SUCCEEDED whoever placed it; NULL ptr when it is gone. */
    enum err (*settle)(struct ctx *ctx, struct db_conn *tx, const struct operation *op,
                       enum operation_state state, const void *result, struct str *shown);
    /* It was refused before anything was sent: there never was an object. */
    enum err (*forget)(struct ctx *ctx, struct db_conn *tx, const struct operation *op);
    const struct operation_queue *queue; /* NULL: it never waits */
    /* Its steps as a JSON list, for people. NULL: it is a single one. */
    enum err (*steps)(struct ctx *ctx, const char *operation_id, struct jsonw *w);
};

/* Waiting for it: the default is to answer "accepted" once it would take more than 2 s because of
 * retries, or the request's time is over. */
enum operation_patience { PATIENCE_NORMAL, PATIENCE_NONE /* respond-async */, PATIENCE_ALL };

struct operation_order {
    const struct operation_kind *kind;
    const char *id, *object; /* id_make("op"); of what it makes */
    struct str request;      /* JSON */
    db_fn *insert; /* writes the object's row, in the transaction that writes the intent */
    void *arg;
    bool *waits; /* set by insert: not to begin before operation_begin. NULL: it never waits */
    const struct id *claim; /* the idempotency key it is placed under; NULL: none */
    enum operation_patience patience;
};

struct operation_end {
    const char *id;
    bool is_accepted;   /* it goes on, or nobody knows: read it with operation_read */
    bool was_abandoned; /* with an error: nothing was tried, and nothing is kept */
    struct str shown;   /* it succeeded: JSON; the arena's */
    int attempts;
};

/* OK when it succeeded or is accepted; else its error. */
enum err operation_place(struct ctx *ctx, const struct operation_order *order,
                         struct operation_end *out);

/* In the transaction that gives a waiting one its turn; jobs_wake after the commit. */
enum err operation_begin(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                         const char *id);
/* Ends one of the asker's workspace that waits: it failed with ERR_CANCELED. *done false: it waits
 * no longer, and is left alone. */
enum err operation_cancel(struct ctx *ctx, const char *id, bool *done);
/* Asks once more about one that is unconfirmed; *is_absent: the provider has nothing that could be
 * it. What is found settles it. OK too when it is settled already, and then not absent. */
enum err operation_look(struct ctx *ctx, const char *id, bool *is_absent);

/* The operation as people see it, JSON appended to out. ERR_NOT_FOUND for a foreign or missing id
 * alike. *end, when not NULL: how it stands, in the form operation_place answers; the error of a
 * failed one is then returned. */
enum err operation_read(struct ctx *ctx, const char *id, struct buf *out);
enum err operation_replay(struct ctx *ctx, const char *id, struct operation_end *end);

/* Tells those who watch how one stands that is under way: its steps moved, in a commit that is done. */
void operation_tell(struct ctx *ctx, const char *id);

/* A webhook of the provider names the operation (?op=ID): so it happened. Settles one that is sent,
 * unknown or unconfirmed as succeeded, with its object, and tells whoever watches; *confirmed says
 * whether that was done. A run that still waits for its answer finds it settled, and so does a look
 * that found nothing. facts: what perform would have given as its result. ctx->who.workspace_id is whose webhook it was: another workspace's operation, one that is
 * not there, and one that is settled already are passed over with OK. ERR_STORAGE_UNAVAILABLE: not
 * settled, to be tried again. Not inside a transaction; on a fiber or not. */
enum err operation_confirm(struct ctx *ctx, const char *id, const void *facts, bool *confirmed);

extern const struct job_kind OPERATION_JOB;
enum err operation_work(struct ctx *ctx, const struct job_row *job);

/* Before the first request: what was sent when the last process died is unknown now. */
enum err operations_recover(struct ctx *ctx);

/* For metrics_before_scrape, with ctx->parts as arg. */
void operations_collect(void *parts);
