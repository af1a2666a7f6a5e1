/* jobs: rows of work still to be done (RESILIENCE 12). A job is leased by one run of Ava at a
 * time; a lease that ends makes it ready again, so that it is done at least once. What is done is
 * deleted; what can not be done is kept as dead. */
#pragma once

#include "db/db.h"

struct job_row {
    const char *id, *workspace_id, *kind, *object; /* object: what its handler works on */
    int64_t run_at_ms, attempts, created_ms;       /* wall clock; attempts: leases so far */
};

/* Inserts a job, ready at run_at_ms; with an owner it is leased to that owner from the start. A job
 * of the same kind and object is moved instead. */
enum err job_row_put(struct ctx *ctx, struct db_conn *tx, const struct job_row *job,
                     const char *owner, int64_t lease_until_ms);
/* As job_row_put without an owner, but a job that is there already is only made to run sooner, and
 * of a leased one it is noted when: its handler may have looked already, and it is ready again then. */
enum err job_row_want(struct ctx *ctx, struct db_conn *tx, const struct job_row *job);
/* One of this kind for each workspace that has unsettled events, where there is none. */
enum err job_rows_for_events(struct ctx *ctx, struct db_conn *tx, const char *kind);
/* What job_row_lease may lease, and to whom. */
struct job_bid {
    const char *after;    /* round robin: the last one's workspace; NULL or "" begins anew */
    const char *not_kind; /* NULL: of any kind */
    const char *owner;
    int64_t now_ms, lease_until_ms;
};
/* Leases one that is due, of the first workspace after bid->after. found->id NULL when none is due
 * behind it. */
enum err job_row_lease(struct ctx *ctx, struct db_conn *tx, const struct job_bid *bid,
                       struct job_row *found);
/* The fence of whoever works on a leased job: first in the transaction that deletes, moves or buries it, or writes down
 * what came of it. *is_mine false: the lease ended and somebody else has it, so nothing may be written. Extends it. */
enum err job_row_confirm(struct ctx *ctx, struct db_conn *tx, const struct job_row *job,
                         const char *owner, int64_t lease_until_ms, bool *is_mine);
/* Extends the lease, if it is still this one. For whoever moves many at once: what another transaction holds just now is left
 * as it is, since waiting for it with others in hand would end in a deadlock; it is extended the next time. */
enum err job_row_extend(struct ctx *ctx, struct db_conn *tx, const struct job_row *job,
                        const char *owner, int64_t lease_until_ms);
/* The same holds here. Ready again: leases past their end, and at a start all that are not this owner's. */
enum err job_rows_reclaim(struct ctx *ctx, struct db_conn *tx, int64_t now_ms,
                          const char *not_owner);
/* Ready again: all leases of this owner; of all owners that are no host (hosts.h). */
enum err job_rows_give_back(struct ctx *ctx, struct db_conn *tx, const char *owner);
enum err job_rows_give_back_unknown(struct ctx *ctx, struct db_conn *tx);
/* It is over; unless it was wanted while it was leased: then it is ready again. */
enum err job_row_delete(struct ctx *ctx, struct db_conn *tx, const char *kind, const char *object);
enum err job_row_bury(struct ctx *ctx, struct db_conn *tx, const char *id);

/* When the next ready one is due, of any kind but not_kind (NULL: of any); INT64_MAX when there is
 * none. */
enum err job_rows_next_due(struct ctx *ctx, struct db_conn *c, const char *not_kind,
                           int64_t *run_at_ms);

struct job_counts {
    int64_t ready, dead, oldest_due_ms; /* oldest_due_ms: 0 when none is due */
};
enum err job_rows_count(struct ctx *ctx, struct db_conn *c, const char *kind, int64_t now_ms,
                        struct job_counts *out);
