#include "tasks/jobs.h"

#include "base/fiber.h"
#include "db/temp.h"
#include "net/loop.h"
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
