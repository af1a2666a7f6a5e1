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
#include "providers/upstream.h"
#include "store/jobs.h"
#include "store/operations.h"

/* What the functions of a kind get to see. */
struct operation {
    const char *id, *object;
    int64_t sent_ms;    /* wall clock; 0: not yet */
    struct str request; /* JSON, as it was placed */
};

/* One kind of unsafe call; every kind is a constant of the service that owns the object. */
struct operation_kind {
    const char *name;  /* "call.create" */
    const char *event; /* of its object in the feed: "call" */
    enum provider provider;
    /* Sends it, with watch in the upstream_request. *result: JSON of what the provider made.
     * ERR_OUTCOME_UNKNOWN when it may have happened. */
    enum err (*perform)(struct ctx *ctx, const struct operation *op,
                        const struct upstream_watch *watch, struct str *result);
    /* Asks the provider whether it happened; *result stays NULL when nothing is found. */
    enum err (*look_up)(struct ctx *ctx, const struct operation *op, struct str *result);
    /* Within the transaction that settles it: brings the object up to date. *shown: its JSON, which
     * whoever watches gets, and with SUCCEEDED whoever placed it; NULL ptr when it is gone. */
    enum err (*settle)(struct ctx *ctx, struct db_conn *tx, const struct operation *op,
                       enum operation_state state, struct str result, struct str *shown);
    /* It was refused before anything was sent: there never was an object. */
    enum err (*forget)(struct ctx *ctx, struct db_conn *tx, const struct operation *op);
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

/* The operation as people see it, JSON appended to out. ERR_NOT_FOUND for a foreign or missing id
 * alike. *end, when not NULL: how it stands, in the form operation_place answers; the error of a
 * failed one is then returned. */
enum err operation_read(struct ctx *ctx, const char *id, struct buf *out);
enum err operation_replay(struct ctx *ctx, const char *id, struct operation_end *end);

/* For service/jobs: the handler of kind "operation". */
extern const char OPERATION_JOB[];
enum err operation_work(struct ctx *ctx, const struct job_row *job);

/* Before the first request: what was sent when the last process died is unknown now. */
enum err operations_recover(struct ctx *ctx);

/* For metrics_before_scrape, with ctx->parts as arg. */
void operations_collect(void *parts);
