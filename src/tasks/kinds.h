/* kinds: the kinds of jobs and of operations that this program knows.
 *
 * A kind is a constant of the service that owns the object; cli/kinds.c, which may see every
 * service, lists them all, and parts.kinds lends the list. Jobs and operations find theirs by the
 * name in the row, so neither includes what it runs. */
#pragma once

#include "obs/ctx.h"
#include "store/jobs.h"

struct operation_kind; /* operations.h */
struct tool;           /* tools.h */

/* One type of job. */
struct job_kind {
    const char *name; /* in the row, and as the label of metrics */
    /* Works on one leased job, on a fiber. OK: the handler has deleted or moved the row itself; an
     * error: the job comes again later. */
    enum err (*work)(struct ctx *ctx, const struct job_row *job);
    /* Within a transaction: makes the workspace's job, or hurries it. NULL: jobs_want never names
     * this kind. */
    enum err (*want)(struct ctx *ctx, struct db_conn *tx, const char *workspace_id);
    bool is_slow; /* may wait long for somebody outside: never takes all the room there is */
    bool lasts;   /* never buried after failures: what it works on knows its own end */
};

/* Arrays of constants; lent, and never freed. */
struct task_kinds {
    const struct job_kind *const *jobs;
    size_t job_count;
    const struct operation_kind *const *operations;
    size_t operation_count;
    const struct tool *const *tools;
    size_t tool_count;
};

/* A job of this kind, ready at at_ms of the wall clock; its id is new and the arena's. */
struct job_row job_of(struct ctx *ctx, const char *kind, const char *workspace_id,
                      const char *object, int64_t at_ms);

/* The name of an operation kind whose provider has no dialect, so that it could never be sent;
 * NULL: all are good. Asked once at a start. */
const char *kinds_find_wrong(const struct task_kinds *kinds);

/* The kind of that name; NULL: there is none, or parts have no kinds (commands). */
const struct job_kind *job_kind_of(const struct parts *parts, const char *name);
const struct operation_kind *operation_kind_of(const struct ctx *ctx, const char *name);
