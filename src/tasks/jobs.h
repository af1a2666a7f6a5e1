/* jobs: doing what was left to be done (RESILIENCE 12).
 *
 * One pump, on one loop, leases what is due, workspaces in turn, and runs each job on a fiber of
 * its own. Leases last 60 s; of what it runs they are renewed every 20 s. Those of a process that died, and of what
 * nothing runs any more, run out; at the next start they are taken back. A job is done at least once: handlers key what they do by the
 * object of the job, and delete or move the row themselves in the transaction that does it. */
#pragma once

#include "tasks/kinds.h"

enum {
    JOB_LEASE_MS = 60 * 1000,
    /* Of what is run where it was placed: as long as a run may last; nothing renews it. */
    JOB_PLACED_MS = 60 * 1000,
};

struct jobs;

/* db_write for the handler of a job: first the lease is confirmed, in the same transaction. *is_mine false (NULL: nobody asks):
 * it ended and somebody else may be at it, so fn was not run, and the handler has no more to say. Use it for whatever
 * deletes or moves the job, or writes down what came of it. */
enum err job_write_as(struct ctx *ctx, const struct job_row *job, const char *name, db_fn *fn,
                      void *arg, bool *is_mine);
#define job_write(ctx, job, fn, arg, is_mine) job_write_as(ctx, job, #fn, fn, arg, is_mine)

struct jobs *jobs_new(const struct parts *parts); /* with kinds; must outlive it */
void jobs_free(struct jobs *j);                   /* after its loop has ended; NULL is fine */

void jobs_start(struct jobs *j); /* on the stack of the loop it shall run on */
void jobs_wake(struct jobs *j);  /* any thread: something is due; NULL is fine */
/* Call this after something of the workspace was written that must be worked on: the pump makes its
 * job, by kind->want. Cheap when it is wanted already. Any thread; j NULL is fine. Wishes do not
 * outlive the process: at its next start the kind must find by itself what was left over. */
void jobs_want(struct jobs *j, const struct job_kind *kind, const char *workspace_id);
/* Call this before the handler's last look at what there is to do: what arrives afterwards makes a
 * new wish, and so a new job. */
void jobs_unwant(struct jobs *j, const struct job_kind *kind, const char *workspace_id);

/* How busy taking in events is. It goes first: nothing is lost by working on them later. Written by
 * any thread; lives as long as j. */
struct jobs_burst {
    _Atomic uint64_t taken;        /* things taken in so far */
    _Atomic int64_t rest_until_ms; /* monotonic: what works on them rests until then */
};
struct jobs_burst *jobs_burst(struct jobs *j);

void jobs_stop(struct jobs *j);              /* any thread: nothing new is begun */
void jobs_release(struct jobs *j);           /* when nothing runs any more: leases are given back */
bool jobs_is_stopping(const struct jobs *j); /* NULL: no */

/* How many jobs are due or waiting, how many were given up, and for how long the oldest is due, for `ava status`. */
struct jobs_state {
    int64_t waiting, dead, oldest_ms;
};
struct jobs_state
jobs_state(struct ctx *ctx); /* zeros from where the database does not answer in time */

void jobs_collect(void *jobs); /* for metrics_before_scrape */
