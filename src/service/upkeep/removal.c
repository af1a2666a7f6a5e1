#include "service/upkeep/removal.h"

#include "base/clock.h"
#include "store/removals.h"
#include "tasks/jobs.h"
#include "vault/vault.h"

/* Then the other jobs have their turn. */
enum { REMOVE_MS = 10 * 1000, AGAIN_WRITE_MS = 30 * 1000 };

static enum err remove_write(struct ctx *ctx, struct db_conn *tx, void *arg, bool *more) {
    return workspace_rows_remove(ctx, tx, arg, more);
}

static enum err again_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct job_row *job = arg;
    struct job_row next =
        job_of(ctx, REMOVAL_JOB.name, job->workspace_id, job->object, ava_steady_ms());
    return job_row_put(ctx, tx, &next, NULL, 0);
}

/* Its own row goes with the workspace. */
static enum err work(struct ctx *ctx, const struct job_row *job) {
    bool is_done;
    vault_forget(ctx->parts->vault, job->object);
    TRY(db_write_steps_gently(ctx, remove_write, (void *)job->object, REMOVE_MS, &is_done));
    vault_forget(ctx->parts->vault, job->object); /* of what was under way meanwhile */
    ctx->deadline_ms = ava_now_ms() + AGAIN_WRITE_MS;
    return is_done ? OK : job_write(ctx, job, again_write, (void *)job, NULL);
}

const struct job_kind REMOVAL_JOB = { .name = REMOVAL_JOB_NAME, .work = work, .lasts = true };
