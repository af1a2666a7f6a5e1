#include "service/calls/call_checks.h"

#include <string.h>

#include "base/clock.h"
#include "obs/log.h"
#include "service/calls/budgets.h"
#include "service/calls/call_gone.h"
#include "service/calls/call_status.h"
#include "service/calls/calls.h"
#include "service/calls/lines.h"
#include "tasks/jobs.h"

enum { ASK_MAX = 20, LAST_CALL_MS = 20 * 1000 };

/* Frees the line and the budget of a call that certainly is not there. */
static enum err give_up_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct call_row *row = arg;
    TRY(lines_lock(ctx, tx));
    TRY(budget_forget(ctx, tx, row));
    return lines_leave(ctx, tx, row->id);
}

/* For a call of which nobody knows whether it went out: asks the provider again. That it has no
 * such call is the proof that frees the line; what it finds settles the operation. */
static void ask_lost(struct ctx *ctx, const struct call_row *row) {
    bool is_absent = false;
    if (operation_look(ctx, row->operation_id, &is_absent) != OK || !is_absent)
        return;
    log_warn(ctx, "call never was", L("call", row->id), L("operation", row->operation_id));
    if (db_write(ctx, give_up_write, (void *)row) == OK)
        jobs_wake(ctx->parts->jobs);
}

static enum err asked_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return line_row_asked(ctx, tx, arg, ava_steady_ms());
}

/* Asks about one call. What the provider does not answer now is asked again at the next check. */
static enum err ask_one(struct ctx *ctx, const char *call_id) {
    struct call_view v = { .metadata = NULL };
    struct call_facts facts;
    TRY(db_write(ctx, asked_write, (void *)call_id));
    TRY(call_row_find(ctx, db_reader(ctx), ctx->who.workspace_id, call_id, &v.row));
    if (v.row.id && v.row.provider_id) {
        enum err e = call_ask(ctx, &v.row, &facts);
        if (e == OK)
            call_take(ctx, &facts, &v);
        else if (e == ERR_PROVIDER_RESOURCE_NOT_FOUND)
            TRY(call_missed(ctx, &v, false));
        if (e == OK && v.row.ending_ms && !call_is_over(&v.row))
            call_end_now(ctx, &v);
        ctx_clear(ctx);
        TRY(call_outlive(ctx, &v));
    } else if (v.row.id && v.row.operation_id && strcmp(v.row.status, "unconfirmed") == 0) {
        ask_lost(ctx, &v.row);
        ctx_clear(ctx);
        TRY(call_outlive(ctx, &v));
    }
    ctx_clear(ctx);
    return OK;
}

/* Lets in who waits, and schedules the next check while the workspace has calls. */
static enum err look_again_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const char *workspace_id = arg;
    int64_t now_ms = ava_steady_ms(), rest_ms = lines_check_interval_ms(ctx);
    struct line_counts counts;
    bool is_open;
    TRY(lines_admit(ctx, tx));
    TRY(job_row_delete(ctx, tx, LINES_JOB_NAME, workspace_id));
    TRY(line_rows_are_open(ctx, tx, workspace_id, now_ms, &is_open));
    TRY(line_rows_count(ctx, tx, workspace_id, "", &counts));
    if (counts.waiting && rest_ms > LINES_FULL_MS)
        rest_ms = LINES_FULL_MS; /* an account that was full may have room again */
    return is_open ? lines_want_check(ctx, tx, workspace_id, now_ms + rest_ms) : OK;
}

/* Asks about the calls that were silent for longest, as long as the time of the job allows. */
static enum err work(struct ctx *ctx, const struct job_row *job) {
    const char **ids = arena_alloc(ctx->arena, ASK_MAX * sizeof *ids);
    struct ctx own = *ctx;
    size_t count;
    str_copy(own.who.workspace_id, sizeof own.who.workspace_id, str_of(job->workspace_id));
    int64_t began_ms = ava_steady_ms();
    do {
        TRY(line_rows_to_ask(&own, db_reader(ctx), job->workspace_id, began_ms, ASK_MAX, ids,
                             &count));
        for (size_t i = 0; i < count; i++)
            TRY(ask_one(&own, ids[i]));
    } while (count && ctx_left_ms(&own) > LAST_CALL_MS);
    TRY(job_write(&own, job, look_again_write, (void *)job->workspace_id, NULL));
    jobs_wake(ctx->parts->jobs);
    return OK;
}

const struct job_kind LINES_JOB = { .name = LINES_JOB_NAME, .work = work, .lasts = true };
