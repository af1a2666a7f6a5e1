/* operation_run: one run of an operation, from its first attempt until its end is on disk.
 *
 * Private to the files of operations: operations.c places, resumes, cancels and confirms. */
#pragma once

#include "base/fiber.h"
#include "tasks/operations.h"

extern const char OPERATION_JOB_NAME[];

/* Runs on a fiber of its own on the loop of whoever placed it, so that nothing here needs a
 * lock. */
struct operation_run {
    struct arena *arena;
    struct ctx ctx;
    const struct operation_kind *kind;
    struct operation_row row;
    struct operation op;
    struct upstream_watch watch;
    struct str shown;
    enum err result;
    bool is_over, was_abandoned, is_slow; /* slow: it waits for a retry beyond our patience */
    bool is_settled;                      /* how it stands is on disk */
    bool waits;                           /* for its turn, again */
    bool is_put_off;                      /* by the provider: performed again at row.next_ms */
    bool withdraws;                       /* to be ended only if it still waits */
    bool is_lost;                         /* somebody else has taken it up: not a word more */
    int64_t began_ms, attempt_ms;         /* monotonic; of the attempt, 0: there was none */
    const char *job_trace;                /* of the job that runs it; NULL: its own request does */
    struct fiber_parking *waiter;         /* NULL: nobody waits */
    unsigned holders;
};

/* A run of a stored operation, with a ctx and an arena of its own; texts of row and request are
 * copied. One holder: the caller, who releases it. */
struct operation_run *operation_run_new(const struct ctx *ctx, const struct operation_kind *kind,
                                        const struct operation_row *row, struct str request);
void operation_run_release(struct operation_run *r); /* the last holder frees it */

/* On the stack of a loop (fiber_on_loop): performs it on a fiber of its own. r->result is
 * ERR_OVERLOADED when there was no room for one, and then nothing was tried. */
void operation_run_begin(void *run);
/* Runs kind->perform on this fiber, and settles what came of it. */
void operation_run_perform(struct operation_run *r);

/* Writes the state down, with its object, however long the store takes, and tells whoever watches.
 * result: as kind->settle takes it; next_ms: when it is looked at again, 0: never. */
void operation_run_settle(struct operation_run *r, enum operation_state state, const void *result,
                          int64_t next_ms);
/* Asks the provider about an unknown operation, or takes it from what its kind listed (NULL: nothing),
 * and settles it, or puts it off. */
void operation_run_look(struct operation_run *r, const void *listed);
/* After a look that found nothing: it is looked for again at the next of its times, or is unconfirmed. One
 * whose time has not come keeps it. */
void operation_run_put_off(struct operation_run *r);
/* A run of a stored operation with its request unsealed; the caller releases it. */
enum err operation_run_of(struct ctx *ctx, const struct operation_kind *kind,
                          const struct operation_row *row, struct operation_run **out);
/* Tells those who watch how it stands; after the commit only. */
void operation_run_publish(struct operation_run *r);

/* When to ask the provider again, or to perform again (wall clock, ms): the next of the times after
 * it was sent, or created when it never was; 0: there is none left. */
int64_t operation_next_look(const struct operation_row *row, int64_t now_ms);
/* Within a transaction: writes the operation's job, ready at at_ms, or moves the one that is
 * there. */
enum err operation_schedule(struct ctx *ctx, struct db_conn *tx, const struct operation_row *row,
                            int64_t at_ms);
