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
    int64_t created_ms; /* wall clock */
    int64_t sent_ms;    /* the same; 0: not yet */
    struct str request; /* JSON, as it was placed */
    bool is_promised;   /* nobody waits for it any more */
    bool was_put_off;   /* by again, before */
    int64_t next_ms;    /* for settle, with PREPARED: when it is performed again */
    int64_t epoch;      /* for operation_is_ours */
    bool is_last; /* kinds without look_up only: the last run; give up what cannot be done now */
};

/* May it be taken for absent when the provider shows nothing of it, asked for all there is? Not within
 * an hour after it was sent: what waits in the provider's own queue may not be shown. */
bool operation_proves_absence(const struct operation *op);

/* For perform of a kind without look_up whose provider makes the same request once, however often it is sent:
 * e, or ERR_OUTCOME_UNKNOWN with words when it may have gone out all the same. Not where all of it was one attempt
 * that was turned away, or none. was_sent_ms: op->sent_ms before. */
enum err operation_unless_out(struct ctx *ctx, enum err e, int64_t was_sent_ms, const char *words);

/* In the transaction that writes down a part of what perform did: *is_ours false when somebody else has taken the
 * operation up meanwhile, and nothing may be written. */
enum err operation_is_ours(struct ctx *ctx, struct db_conn *tx, const struct operation *op,
                           bool *is_ours);

/* When the first of them was sent. */
int64_t operations_oldest(const struct operation *const *ops, size_t count);

/* The place in the queue of an operation that may not begin yet. */
struct operation_wait {
    int64_t position;   /* from 1; 0: it does not wait */
    int64_t estimate_s; /* until it may begin */
};

/* For kinds whose operations may have to wait before they begin. The queue belongs to the service
 * that owns the object; the object's row exists whenever a function here is called. */
struct operation_queue {
    /* Where the operation stands in the queue. */
    enum err (*stands)(struct ctx *ctx, struct db_conn *c, const struct operation *op,
                       struct operation_wait *out);
    /* The provider had no room, and did nothing: puts the operation back into the queue. */
    enum err (*requeue)(struct ctx *ctx, struct db_conn *tx, const struct operation *op);
};

/* One kind of unsafe call; every kind is a constant of the service that owns the object.
 *
 * A kind without look_up is a walk: steps whose state it stores itself, so that perform resumes
 * where it stopped. When its outcome is unknown, or a provider could not be reached, it is
 * performed again at the times at which other kinds ask the provider (look_up). So is what was promised and not done,
 * since the provider was resting, busy or throttling: nobody would hear of the refusal. */
struct operation_kind {
    const char *name;  /* "call.create" */
    const char *event; /* of its object in the feed: "call" */
    enum provider provider;
    /* Sends the request, with watch in the upstream_request. *result: what the provider made, in
     * the form that settle takes (struct call_facts, a tree, ...); the arena's. ERR_OUTCOME_UNKNOWN
     * when it may have happened. */
    enum err (*perform)(struct ctx *ctx, const struct operation *op,
                        const struct upstream_watch *watch, const void **result);
    /* Asks the provider whether the request happened; listed: what list gave for several, or NULL.
     * *result: what was found, as perform gives it, or NULL; then *is_absent, which nobody reads
     * beside a list, says whether the provider has nothing that could be it. */
    enum err (*look_up)(struct ctx *ctx, const struct operation *op, const void *listed,
                        const void **result, bool *is_absent);
    /* Within the transaction that settles the operation: brings the object's row up to date.
     * *shown: the object as JSON, for the feed and, with SUCCEEDED, for whoever placed the
     * operation; NULL ptr when the row is gone. */
    enum err (*settle)(struct ctx *ctx, struct db_conn *tx, const struct operation *op,
                       enum operation_state state, const void *result, struct str *shown);
    /* Deletes the object's row: the operation was refused before anything was sent. */
    enum err (*forget)(struct ctx *ctx, struct db_conn *tx, const struct operation *op);
    /* The provider answered for certain that it takes nothing now, or not all (e, result: of perform): when to perform
     * the rest, by now_ms of the clock of operations. 0: it is over. What is put off so is settled with PREPARED, is
     * promised, and performed again. NULL: never. */
    int64_t (*again)(struct ctx *ctx, const struct operation *op, enum err e, const void *result,
                     int64_t now_ms);
    const struct operation_queue *queue; /* NULL: it never waits */
    /* Its steps as a JSON list, for people. NULL: it is a single one. */
    enum err (*steps)(struct ctx *ctx, const char *operation_id, struct jsonw *w);
    /* Goes once through the provider's list of what several operations of the workspace may have
     * made, for look_up to choose from. *listed: in the form that look_up takes, in the arena of ctx,
     * from which its results lend. NULL: each is looked up by itself. */
    enum err (*list)(struct ctx *ctx, const struct operation *const *ops, size_t count,
                     const void **listed);
};

/* How long operation_place waits for the operation to be settled, at most until the deadline of
 * ctx. NORMAL: once a retry is due, not beyond 2 s after the start. NONE: not at all. What is not
 * settled by then is accepted; with ALL it is ERR_OUTCOME_UNKNOWN instead. */
enum { OPERATION_PATIENT_MS = 2000 }; /* of retries that who placed it waits for */
enum operation_patience { PATIENCE_NORMAL, PATIENCE_NONE /* respond-async */, PATIENCE_ALL };

/* For who places something because of something: written in the transaction that writes the intent, or neither is. */
struct operation_also {
    enum err (*write)(struct ctx *ctx, struct db_conn *tx, const char *object, void *arg);
    void *arg;
};

struct operation_order {
    const struct operation_kind *kind;
    const char *id, *object; /* id: of id_make("op"); object: the id of the row insert writes */
    struct str request;      /* JSON */
    db_fn *insert; /* writes the object's row, in the transaction that writes the intent */
    void *arg;
    bool *waits; /* set by insert: it must not begin before operation_begin. NULL: it never waits */
    const struct id *claim;            /* the idempotency key it is placed under; NULL: none */
    const struct operation_also *also; /* after insert; NULL: nothing */
    enum operation_patience patience;
};

struct operation_end {
    const char *id;
    bool is_accepted;   /* not settled, or unknown: operation_read says how it stands */
    bool was_abandoned; /* with an error: nothing was tried, and no row is kept */
    struct str shown;   /* when it succeeded: the object's JSON; the arena's */
    int attempts;       /* sent so far */
};

/* Writes the object, the intent and its job in one transaction, runs the operation on a fiber of
 * its own and waits as order->patience says. OK when it succeeded or is accepted; else its
 * error. */
enum err operation_place(struct ctx *ctx, const struct operation_order *order,
                         struct operation_end *out);

/* Places several at once, in one transaction: all of them, or none. Nobody waits for them: each is performed by its job,
 * the next one pace_ms after the one before, and ctx->answering is written with them. */
enum err operations_place(struct ctx *ctx, const struct operation_order *orders, size_t count,
                          int64_t pace_ms);

/* Gives an operation that waits its job, ready now, in the transaction that made room for it. Call
 * jobs_wake after the commit. */
enum err operation_begin(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                         const char *id);
/* Ends a waiting operation of the asker's workspace: it fails with ERR_CANCELED. *done false: it
 * does not wait any more, and was left alone. */
enum err operation_cancel(struct ctx *ctx, const char *id, bool *done);
/* Asks the provider once more about an unconfirmed operation of the asker's workspace; what is
 * found settles it as succeeded. *is_absent: the provider has nothing that could be it. OK, and not
 * absent, when the operation is in any other state or not there. */
enum err operation_look(struct ctx *ctx, const char *id, bool *is_absent);

/* Appends the operation as people see it to out, as JSON. ERR_NOT_FOUND for another workspace's id
 * as for a missing one. */
enum err operation_read(struct ctx *ctx, const char *id, struct buf *out);
/* Answers a repeated request: how the operation stands, in the form operation_place gives. The
 * error of a failed operation is returned; ERR_IDEMPOTENCY_IN_PROGRESS while the first request
 * runs. */
enum err operation_replay(struct ctx *ctx, const char *id, struct operation_end *end);

/* Publishes to the feed how an operation stands; after the commit that moved one of its steps. */
void operation_tell(struct ctx *ctx, const char *id);

/* Settles an operation as succeeded because a webhook of the provider names it (?op=ID): so it
 * happened. Only one that is sent, unknown or unconfirmed, of the workspace in ctx->who (whose
 * webhook it was); any other, or none, is passed over with OK. *confirmed: whether it was settled
 * here. A run that still waits for its answer finds it settled. facts: as perform would give them
 * as its result. ERR_STORAGE_UNAVAILABLE: not settled, try again. Not inside a transaction; on a
 * fiber or not. */
enum err operation_confirm(struct ctx *ctx, const char *id, const void *facts, bool *confirmed);

extern const struct job_kind OPERATION_JOB;
/* The work of OPERATION_JOB: resumes the operation that job->object names, or asks the provider. */
enum err operation_work(struct ctx *ctx, const struct job_row *job);

/* Call before the first request: operations that were sent when the last process died become
 * unknown, and leases of former processes are taken back. Where there are hosts it does nothing: their leases end, and
 * who takes the job of such an operation finds it. */
enum err operations_recover(struct ctx *ctx);
/* After a backup was restored: whatever was under way or waiting when it was made may have been done since, so it
 * is done no more and becomes unconfirmed, for people to look at. *count: how many. Where no jobs run. */
enum err operations_doubt(struct ctx *ctx, int64_t *count);

/* For metrics_before_scrape, with ctx->parts as arg. */
void operations_collect(void *parts);
