#include "tasks/jobs.h"

#include "base/clock.h"
#include "base/fiber.h"
#include "db/temp.h"
#include "net/loop.h"
#include "store/jobs.h"
#include "test.h"

static struct jobs *jobs;
static struct loop *loop;
static int made_a, made_b;

static const struct job_kind KIND;

/* Within the first round's transaction: a handler of an older job withdraws the wish and ends the job,
 * and a new event is taken in. ws_b only says when the next round is over. */
static enum err want(struct ctx *ctx, struct db_conn *tx, const char *workspace_id) {
    if (strcmp(workspace_id, "ws_b") == 0) {
        made_b++;
        jobs_stop(jobs);
        loop_stop(loop);
        return OK;
    }
    if (made_a++ == 0) {
        jobs_unwant(jobs, &KIND, "ws_a");
        jobs_want(jobs, &KIND, "ws_a");
        jobs_want(jobs, &KIND, "ws_b");
    }
    return OK;
}

static enum err work(struct ctx *ctx, const struct job_row *job) {
    return OK;
}

static const struct job_kind KIND = { .name = "test", .work = work, .want = want };

TEST(a_wish_made_while_its_former_job_ends_gets_a_job_of_its_own) {
    static const struct job_kind *const KINDS[] = { &KIND };
    static const struct task_kinds ALL = { .jobs = KINDS, .job_count = 1 };
    struct temp t;
    temp_open(&t);
    t.parts.kinds = &ALL;
    t.parts.run_id = "run_test";
    loop = loop_new(0);
    jobs = jobs_new(&t.parts);
    jobs_want(jobs, &KIND, "ws_a");
    jobs_start(jobs);
    loop_run(loop);
    CHECK_INT(made_a, 2);
    CHECK_INT(made_b, 1);
    jobs_free(jobs);
    loop_free(loop);
    temp_close(&t);
}

/* --- a wish between the end of a look and the end of the job ---------------------------------------------- */

enum { PATIENCE_MS = 10 * 1000 };

static atomic_int wished; /* on a thread that writes */
static int runs;

static enum err delete_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return job_row_delete(ctx, tx, "late", arg);
}

static enum err late_want(struct ctx *ctx, struct db_conn *tx, const char *workspace_id) {
    struct job_row job = job_of(ctx, "late", workspace_id, workspace_id, 0);
    wished++;
    return job_row_want(ctx, tx, &job);
}

static const struct job_kind LATE;

static enum err nothing_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return OK;
}

/* The first run has looked, and withdrawn the wish; then something comes that it had seen already. The pump finds the
 * job still there; only now the run ends it. */
static enum err late_work(struct ctx *ctx, const struct job_row *job) {
    int64_t until_ms = ava_now_ms() + PATIENCE_MS;
    jobs_unwant(jobs, &LATE, job->workspace_id);
    if (runs++ == 0) {
        jobs_want(jobs, &LATE, job->workspace_id);
        while (wished < 2 && ava_now_ms() < until_ms)
            fiber_sleep(1);
        TRY(db_write(ctx, nothing_write,
                     NULL)); /* by then, on SQLite, the pump knows of its commit */
    }
    return job_write(ctx, job, delete_write, (void *)job->workspace_id, NULL);
}

static const struct job_kind LATE = { .name = "late", .work = late_work, .want = late_want };

static void await_second_run(void *arg) {
    for (int64_t until_ms = ava_now_ms() + PATIENCE_MS; runs < 2 && ava_now_ms() < until_ms;)
        fiber_sleep(1);
    jobs_stop(jobs);
    loop_stop(loop);
}

TEST(a_wish_that_found_the_job_of_a_run_about_to_end_gets_another) {
    static const struct job_kind *const KINDS[] = { &LATE };
    static const struct task_kinds ALL = { .jobs = KINDS, .job_count = 1 };
    struct temp t;
    temp_open(&t);
    CHECK(temp_script(
        &t,
        "INSERT INTO workspaces (id, name, created_at, updated_at) VALUES ('ws_a', 'A', 0, 0)"));
    t.parts.kinds = &ALL;
    t.parts.run_id = "run_test";
    loop = loop_new(0);
    jobs = jobs_new(&t.parts);
    jobs_want(jobs, &LATE, "ws_a");
    jobs_start(jobs);
    fiber_run(await_second_run, NULL);
    loop_run(loop);
    CHECK_INT(runs, 2);
    jobs_free(jobs);
    loop_free(loop);
    temp_close(&t);
}
