#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/temp.h"
#include "store/jobs.h"
#include "store/people.h"

/* Jobs in a real database, with the time passed in. */

static enum err add_workspace(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct workspace w = { .id = arg, .name = "w", .platform_providers = "" };
    return workspace_insert(ctx, tx, &w);
}

struct put {
    const char *id, *workspace_id, *owner;
    int64_t run_at_ms, lease_until_ms;
};

static enum err put_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct put *p = arg;
    struct job_row job = { .id = p->id,
                           .workspace_id = p->workspace_id,
                           .kind = "k",
                           .object = p->id,
                           .run_at_ms = p->run_at_ms,
                           .created_ms = 1 };
    return job_row_put(ctx, tx, &job, p->owner, p->lease_until_ms);
}

static void put(struct temp *t, const char *id, const char *workspace_id, int64_t run_at_ms) {
    struct put p = { .id = id, .workspace_id = workspace_id, .run_at_ms = run_at_ms };
    CHECK_INT(db_write(&t->ctx, put_write, &p), OK);
}

struct lease {
    const char *after, *owner;
    int64_t now_ms, until_ms;
    struct job_row found;
    const char *not_kind;
};

static enum err lease_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct lease *l = arg;
    return job_row_lease(ctx, tx,
                         &(struct job_bid){ .after = l->after,
                                            .not_kind = l->not_kind,
                                            .owner = l->owner,
                                            .now_ms = l->now_ms,
                                            .lease_until_ms = l->until_ms },
                         &l->found);
}

static struct job_row lease(struct temp *t, const char *after, int64_t now_ms) {
    struct lease l = { after, "run_a", now_ms, now_ms + 60000, { .id = NULL } };
    CHECK_INT(db_write(&t->ctx, lease_write, &l), OK);
    return l.found;
}

struct reclaim {
    int64_t now_ms;
    const char *not_owner;
};

static enum err reclaim_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct reclaim *r = arg;
    return job_rows_reclaim(ctx, tx, r->now_ms, r->not_owner);
}

struct confirm {
    struct job_row job;
    const char *owner;
    int64_t until_ms;
    bool is_mine;
};

static enum err confirm_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct confirm *c = arg;
    return job_row_confirm(ctx, tx, &c->job, c->owner, c->until_ms, &c->is_mine);
}

static bool confirm(struct temp *t, struct job_row job, const char *owner, int64_t until_ms) {
    struct confirm c = { job, owner, until_ms, false };
    CHECK_INT(db_write(&t->ctx, confirm_write, &c), OK);
    return c.is_mine;
}

static void open_with_workspaces(struct temp *t) {
    temp_open(t);
    static const char *const IDS[] = { "ws_a", "ws_b", "ws_c" };
    for (int i = 0; i < 3; i++)
        CHECK_INT(db_write(&t->ctx, add_workspace, (void *)IDS[i]), OK);
}

TEST(a_job_is_leased_when_it_is_due_and_by_one_only) {
    struct temp t;
    open_with_workspaces(&t);
    put(&t, "job_1", "ws_a", 1000);
    CHECK(!lease(&t, "", 999).id);
    struct job_row got = lease(&t, "", 1000);
    CHECK(got.id && strcmp(got.id, "job_1") == 0);
    CHECK_INT(got.attempts, 1);
    CHECK(!lease(&t, "", 2000).id);
    temp_close(&t);
}

TEST(workspaces_take_turns_however_much_one_of_them_has_to_do) {
    struct temp t;
    open_with_workspaces(&t);
    char order[16] = "", cursor[40] = "";
    for (int i = 0; i < 8; i++)
        put(&t, arena_printf(t.ctx.arena, "job_a%d", i), "ws_a", 1000 + i);
    put(&t, "job_b0", "ws_b", 5000);
    put(&t, "job_b1", "ws_b", 5001);
    put(&t, "job_c0", "ws_c", 9000);
    for (int i = 0; i < 11; i++) {
        struct job_row got = lease(&t, cursor, 10000);
        if (!got.id)
            got = lease(&t, "", 10000);
        CHECK(got.id);
        order[i] = got.workspace_id[3];
        snprintf(cursor, sizeof cursor, "%s", got.workspace_id);
    }
    CHECK(strcmp(order, "abcabaaaaaa") == 0);
    temp_close(&t);
}

TEST(a_lease_that_ends_and_one_of_a_process_that_is_gone_come_back) {
    struct temp t;
    open_with_workspaces(&t);
    put(&t, "job_1", "ws_a", 1000);
    CHECK(lease(&t, "", 1000).id);
    struct reclaim early = { 61000, NULL }, late = { 61001, NULL }, start = { 62000, "run_b" };
    CHECK_INT(db_write(&t.ctx, reclaim_write, &early), OK);
    CHECK(!lease(&t, "", 61000).id);
    CHECK_INT(db_write(&t.ctx, reclaim_write, &late), OK);
    struct job_row again = lease(&t, "", 61001);
    CHECK(again.id);
    CHECK_INT(again.attempts, 2);
    CHECK_INT(db_write(&t.ctx, reclaim_write, &start), OK); /* run_b starts: run_a is gone */
    CHECK(lease(&t, "", 62000).id);
    temp_close(&t);
}

TEST(a_lease_is_confirmed_and_so_kept_by_whoever_has_it_now_and_nobody_else) {
    struct temp t;
    open_with_workspaces(&t);
    struct reclaim early = { 90000, NULL }, late = { 100001, NULL };
    put(&t, "job_1", "ws_a", 1000);
    struct job_row first = lease(&t, "", 1000);
    CHECK(!confirm(&t, first, "run_b", 100000));
    CHECK(confirm(&t, first, "run_a", 100000));
    CHECK_INT(db_write(&t.ctx, reclaim_write, &early), OK);
    CHECK(!lease(&t, "", 90000).id);
    CHECK_INT(db_write(&t.ctx, reclaim_write, &late), OK);
    CHECK(!confirm(&t, first, "run_a", 200000)); /* it ran out */
    struct job_row second = lease(&t, "", 100001);
    CHECK(second.id && confirm(&t, second, "run_a", 300000));
    CHECK(!confirm(&t, first, "run_a", 300000)); /* the same owner, another lease */
    temp_close(&t);
}

struct extend {
    struct job_row job;
    int64_t until_ms, now_ms;
};

/* As the pump does: those that run are extended, those that ran out are taken back. */
static enum err extend_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct extend *e = arg;
    TRY(job_row_extend(ctx, tx, &e->job, "run_a", e->until_ms));
    return job_rows_reclaim(ctx, tx, e->now_ms, NULL);
}

static int64_t until(struct temp *t, const char *id) {
    const char *sql =
        arena_printf(t->ctx.arena, "SELECT lease_until FROM jobs WHERE id = '%s'", id);
    return strtoll(temp_sql(t, sql), NULL, 10);
}

TEST(leases_are_extended_together_but_for_those_that_somebody_moves_just_now) {
    struct temp t;
    open_with_workspaces(&t);
    put(&t, "job_1", "ws_a", 1000);
    put(&t, "job_2", "ws_b", 1000);
    struct extend e = { lease(&t, "", 1000), 200000, 1000 }, other = e;
    CHECK(lease(&t, "ws_a", 1000).id);
    CHECK_INT(db_write(&t.ctx, extend_write, &e), OK);
    CHECK_INT(until(&t, "job_1"), 200000);
    CHECK_INT(until(&t, "job_2"), 61000);
    other.job.attempts++; /* another lease of the same owner */
    other.until_ms = 300000;
    CHECK_INT(db_write(&t.ctx, extend_write, &other), OK);
    CHECK_INT(until(&t, "job_1"), 200000);
    if (temp_on_postgres()) {
        CHECK(*temp_all(&t, "BEGIN; SELECT 1 FROM jobs FOR UPDATE") == 0);
        e = (struct extend){ e.job, 400000, 100000 };
        CHECK_INT(db_write(&t.ctx, extend_write, &e), OK); /* waits for nobody */
        CHECK(*temp_all(&t, "COMMIT") == 0);
        CHECK_INT(until(&t, "job_1"), 200000);
        CHECK_INT(until(&t, "job_2"), 61000);
    }
    e.now_ms = 100000;
    CHECK_INT(db_write(&t.ctx, extend_write, &e), OK);
    CHECK_INT(until(&t, "job_2"), 0);
    temp_close(&t);
}

TEST(a_job_that_another_host_is_just_leasing_is_passed_over_and_nobody_waits) {
    struct temp t;
    open_with_workspaces(&t);
    put(&t, "job_1", "ws_a", 1000);
    put(&t, "job_2", "ws_a", 1001);
    if (temp_on_postgres()) {
        const char *theirs = "BEGIN; UPDATE jobs SET state = 'leased', owner = 'run_b'"
                             " WHERE id = 'job_1'";
        CHECK(*temp_all(&t, theirs) == 0);
        struct job_row got = lease(&t, "", 2000);
        CHECK(got.id && strcmp(got.id, "job_2") == 0);
        CHECK(*temp_all(&t, "COMMIT") == 0);
        CHECK(!lease(&t, "", 2000).id);
    }
    temp_close(&t);
}

TEST(the_same_object_has_one_job_which_is_moved) {
    struct temp t;
    open_with_workspaces(&t);
    struct job_counts counts;
    int64_t due;
    put(&t, "job_1", "ws_a", 1000);
    put(&t, "job_1", "ws_a", 7000);
    CHECK_INT(job_rows_next_due(&t.ctx, db_reader(&t.ctx), NULL, &due), OK);
    CHECK_INT(due, 7000);
    CHECK_INT(job_rows_count(&t.ctx, db_reader(&t.ctx), "k", 8000, &counts), OK);
    CHECK_INT(counts.ready, 1);
    CHECK_INT(counts.oldest_due_ms, 7000);
    temp_close(&t);
}

TEST(a_kind_that_has_all_the_room_it_may_have_is_passed_over) {
    struct temp t;
    open_with_workspaces(&t);
    int64_t due;
    put(&t, "job_1", "ws_a", 1000);
    struct lease l = { "", "run_a", 1000, 61000, { .id = NULL }, "k" };
    CHECK_INT(db_write(&t.ctx, lease_write, &l), OK);
    CHECK(!l.found.id);
    CHECK_INT(job_rows_next_due(&t.ctx, db_reader(&t.ctx), "k", &due), OK);
    CHECK(due == INT64_MAX);
    l.not_kind = "another";
    CHECK_INT(db_write(&t.ctx, lease_write, &l), OK);
    CHECK(l.found.id);
    temp_close(&t);
}

static enum err bury_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return job_row_bury(ctx, tx, arg);
}

TEST(what_was_given_up_is_kept_as_dead_and_never_leased) {
    struct temp t;
    open_with_workspaces(&t);
    struct job_counts counts;
    put(&t, "job_1", "ws_a", 1000);
    CHECK_INT(db_write(&t.ctx, bury_write, (void *)"job_1"), OK);
    CHECK(!lease(&t, "", 2000).id);
    CHECK_INT(job_rows_count(&t.ctx, db_reader(&t.ctx), "k", 2000, &counts), OK);
    CHECK_INT(counts.dead, 1);
    CHECK_INT(counts.ready, 0);
    temp_close(&t);
}

/* --- wanted while somebody works on it ------------------------------------------------------- */

static enum err want_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct put *p = arg;
    struct job_row job = { .id = "job_new",
                           .workspace_id = p->workspace_id,
                           .kind = "k",
                           .object = p->id,
                           .run_at_ms = p->run_at_ms,
                           .created_ms = 1 };
    return job_row_want(ctx, tx, &job);
}

static void want(struct temp *t, const char *id, int64_t run_at_ms) {
    struct put p = { .id = id, .workspace_id = "ws_a", .run_at_ms = run_at_ms };
    CHECK_INT(db_write(&t->ctx, want_write, &p), OK);
}

static enum err delete_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return job_row_delete(ctx, tx, "k", arg);
}

/* When the one job is due; INT64_MAX: there is none. */
static int64_t next_due(struct temp *t) {
    int64_t run_at_ms;
    CHECK_INT(job_rows_next_due(&t->ctx, db_reader(&t->ctx), NULL, &run_at_ms), OK);
    return run_at_ms;
}

TEST(what_is_wanted_while_it_is_worked_on_is_ready_again_then) {
    struct temp t;
    open_with_workspaces(&t);
    put(&t, "one", "ws_a", 10);
    CHECK_TEXT(lease(&t, NULL, 20).id, "one");
    CHECK_INT(db_write(&t.ctx, delete_write, (char *)"one"), OK);
    CHECK(next_due(&t) == INT64_MAX); /* nobody wanted it: it is over */

    put(&t, "one", "ws_a", 10);
    CHECK_TEXT(lease(&t, NULL, 20).id, "one");
    want(&t, "one", 900);
    want(&t, "one", 500);
    want(&t, "one", 700);
    CHECK_INT(db_write(&t.ctx, delete_write, (char *)"one"), OK);
    CHECK(next_due(&t) == 500);

    CHECK_TEXT(lease(&t, NULL, 600).id, "one"); /* from here on it sees what was wanted */
    CHECK_INT(db_write(&t.ctx, delete_write, (char *)"one"), OK);
    CHECK(next_due(&t) == INT64_MAX);

    put(&t, "one", "ws_a", 10);
    CHECK_TEXT(lease(&t, NULL, 20).id, "one");
    want(&t, "one", 500);
    put(&t, "one", "ws_a", 9000); /* its handler wanted it later */
    CHECK(next_due(&t) == 500);
    temp_close(&t);
}
