#include "tasks/jobs.h"

#include "base/clock.h"
#include "base/fiber.h"
#include "db/temp.h"
#include "net/loop.h"
#include "store/jobs.h"
#include "tasks/hosts.h"
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

/* --- among hosts ---------------------------------------------------------------------------------------------- */

static int made_gathered;
static int64_t made_last_us, wanted_last_us;

static enum err gathered_want(struct ctx *ctx, struct db_conn *tx, const char *workspace_id);
static const struct job_kind GATHERED = { .name = "gathered", .work = work, .want = gathered_want };

/* The first time, something is taken in before the pump knows of its commit: by then another host may have leased the
 * job, looked, and ended it. */
static enum err gathered_want(struct ctx *ctx, struct db_conn *tx, const char *workspace_id) {
    made_last_us = ava_now_us();
    if (made_gathered++ == 0)
        jobs_want(jobs, &GATHERED, workspace_id);
    return OK;
}

static void stop_after(bool (*is_over)(void)) {
    for (int64_t until_ms = ava_now_ms() + PATIENCE_MS; !is_over() && ava_now_ms() < until_ms;)
        fiber_sleep(1);
    jobs_stop(jobs);
    loop_stop(loop);
}

/* Runs the fiber on a loop with a pump that is one of two hosts. */
static void among_hosts(void (*fiber)(void *arg)) {
    static const struct job_kind *const KINDS[] = { &GATHERED };
    static const struct task_kinds ALL = { .jobs = KINDS, .job_count = 1 };
    struct temp t;
    bool is_alone;
    temp_open(&t);
    CHECK(temp_script(&t,
                      "INSERT INTO hosts (run_id, place, name, version, schema_version, started_at,"
                      " beat_at, off_ms, mark, master_keys)"
                      " VALUES ('run_other', 'other', 'o', '1', 1, 0, 9000000000000, 0, 'm', '')"));
    t.parts.kinds = &ALL;
    t.parts.run_id = "run_test";
    t.parts.hosts = hosts_new("here");
    CHECK_INT(hosts_join(&t.ctx, &is_alone), OK);
    CHECK_INT(hosts_alive(t.parts.hosts), 2);
    loop = loop_new(0);
    jobs = jobs_new(&t.parts);
    made_gathered = 0;
    jobs_start(jobs);
    fiber_run(fiber, NULL);
    loop_run(loop);
    jobs_free(jobs);
    loop_free(loop);
    hosts_free(t.parts.hosts);
    temp_close(&t);
}

static bool is_made_twice(void) {
    return made_gathered >= 2;
}

static void want_once(void *arg) {
    jobs_want(jobs, &GATHERED, "ws_a");
    stop_after(is_made_twice);
}

TEST(what_is_taken_in_while_its_job_is_made_gets_another_among_hosts) {
    among_hosts(want_once);
    CHECK_INT(made_gathered, 2);
}

static bool is_made_since(void) {
    return made_last_us >= wanted_last_us;
}

static int64_t wanted_for_ms;

static void want_often(void *arg) {
    int64_t began_us = ava_now_us();
    for (int i = 0; i < 200; i++) {
        wanted_last_us = ava_now_us();
        jobs_want(jobs, &GATHERED, "ws_a");
        fiber_sleep(1);
    }
    wanted_for_ms = (ava_now_us() - began_us) / 1000;
    stop_after(is_made_since);
}

TEST(a_job_wanted_often_among_hosts_is_made_now_and_then_and_once_more_at_the_end) {
    among_hosts(want_often);
    CHECK(made_last_us >= wanted_last_us);
    CHECK(made_gathered >= 2);
    CHECK(made_gathered <= wanted_for_ms / 25 + 3);
}
