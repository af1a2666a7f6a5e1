#include "tasks/hosts.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/defs.h"
#include "db/temp.h"
#include "store/hosts.h"
#include "store/idempotency.h"
#include "store/jobs.h"
#include "store/people.h"
#include "tasks/idempotency.h"
#include "tasks/turns.h"
#include "test.h"

/* Two runs, and more, on one real database, with the time passed in. */

static int64_t now_ms = 1795161600000;

static int64_t pace_ms; /* by which it goes on each time that somebody looks */

static int64_t wall(void) {
    return now_ms;
}

static int64_t mono(void) {
    now_ms += pace_ms;
    return now_ms * 1000;
}

struct run {
    struct temp *t;
    struct parts parts;
    struct ctx ctx;
};

static struct turns *line;

static void begin(struct run *r, struct temp *t, const char *id, const char *place) {
    bool is_alone;
    *r = (struct run){ .t = t, .parts = t->parts };
    r->parts.run_id = id;
    r->parts.hosts = hosts_new(place);
    r->parts.turns = line;
    ctx_init(&r->ctx, &r->parts, t->arena, 10000);
    CHECK_INT(hosts_join(&r->ctx, &is_alone), OK);
}

static void beat(struct run *r) {
    r->ctx.deadline_ms = ava_now_ms() + 10000;
    CHECK_INT(hosts_beat(&r->ctx), OK);
}

static void end(struct run *r) {
    hosts_free(r->parts.hosts);
}

static bool is_alive(struct run *asked_by, const char *id) {
    bool is, is_known;
    CHECK_INT(hosts_find(&asked_by->ctx, db_reader(&asked_by->ctx), id, &is, &is_known), OK);
    return is;
}

static bool may(struct run *r, const char *name) {
    bool is;
    r->ctx.deadline_ms = ava_now_ms() + 10000;
    CHECK_INT(hosts_may(&r->ctx, name, 60000, &is), OK);
    return is;
}

static void open_at(struct temp *t) {
    clock_replace(&(struct clock_seams){ .now_us = mono, .wall_ms = wall });
    temp_open(t);
    line = turns_new();
}

static void close_all(struct temp *t) {
    turns_free(line);
    temp_close(t);
    clock_replace(NULL);
}

/* --- who is there ---------------------------------------------------------------------------- */

TEST(a_run_is_alive_while_it_says_so_and_gone_when_it_left) {
    struct temp t;
    struct run a, b;
    open_at(&t);
    begin(&a, &t, "run_a", "host_1");
    begin(&b, &t, "run_b", "host_2");
    beat(&a);
    CHECK_INT(hosts_alive(a.parts.hosts), 2);
    now_ms += HOST_ALIVE_MS + 1;
    beat(&a);
    CHECK_INT(hosts_alive(a.parts.hosts), 1);
    CHECK(is_alive(&a, "run_a") && !is_alive(&a, "run_b") && !is_alive(&a, "run_c"));
    beat(&b); /* it only slept */
    CHECK(is_alive(&a, "run_b"));
    hosts_leave(&b.ctx);
    CHECK(!is_alive(&a, "run_b"));
    end(&a);
    end(&b);
    close_all(&t);
}

TEST(another_process_of_the_same_run_ends_the_one_that_notices) {
    struct temp t;
    struct run a, copy;
    open_at(&t);
    begin(&a, &t, "run_a", "host_1");
    beat(&a);
    copy = a;
    struct run b;
    begin(&b, &t, "run_a", "host_9"); /* as a copy of a running machine, which goes on by itself */
    for (int i = 0; i < 3; i++) {
        beat(&b);
        beat(&copy);
    }
    CHECK(hosts_is_usurped(copy.parts.hosts));
    CHECK(!hosts_is_usurped(b.parts.hosts));
    end(&a);
    end(&b);
    close_all(&t);
}

struct set_mark {
    const char *run, *mark;
};

static enum err mark_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct set_mark *s = arg;
    struct db_stmt *q = db_use(tx, "UPDATE hosts SET mark = ? WHERE run_id = ?");
    db_bind_text(q, s->mark);
    db_bind_text(q, s->run);
    return db_run(ctx, q);
}

TEST(a_database_that_lost_the_last_beats_ends_nobody) {
    struct temp t;
    struct run a;
    open_at(&t);
    begin(&a, &t, "run_a", "host_1");
    beat(&a);
    CHECK_INT(db_write(&a.ctx, mark_write, &(struct set_mark){ "run_a", "beat_of_yesterday" }), OK);
    for (int i = 0; i < 4; i++)
        beat(&a);
    CHECK(!hosts_is_usurped(a.parts.hosts));
    CHECK(is_alive(&a, "run_a"));
    hosts_leave(&a.ctx);
    beat(&a); /* taken for gone, and not */
    CHECK(is_alive(&a, "run_a"));
    end(&a);
    close_all(&t);
}

/* --- what they leave ------------------------------------------------------------------------- */

static enum err workspace_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct workspace w = { .id = "ws_a", .name = "w", .platform_providers = "" };
    return workspace_insert(ctx, tx, &w);
}

struct put {
    const char *id, *owner;
    int64_t lease_until_ms;
};

static enum err put_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct put *p = arg;
    struct job_row job = {
        .id = p->id, .workspace_id = "ws_a", .kind = "k", .object = p->id, .created_ms = 1
    };
    return job_row_put(ctx, tx, &job, p->owner, p->lease_until_ms);
}

static int64_t ready(struct run *r) {
    struct job_counts counts;
    r->ctx.deadline_ms = ava_now_ms() + 10000;
    CHECK_INT(job_rows_count(&r->ctx, db_reader(&r->ctx), "k", now_ms, &counts), OK);
    return counts.ready;
}

TEST(what_a_run_had_is_taken_over_when_it_is_gone_for_certain_or_its_lease_ended) {
    struct temp t;
    struct run a, b, again;
    open_at(&t);
    CHECK_INT(db_write(&t.ctx, workspace_write, NULL), OK);
    begin(&a, &t, "run_a", "host_1");
    begin(&b, &t, "run_b", "host_2");
    struct put all[] = { { "job_a", "run_a", now_ms + 60000 },
                         { "job_b", "run_b", now_ms + 60000 },
                         { "job_x", "run_of_long_ago", now_ms + 60000 } };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        CHECK_INT(db_write(&t.ctx, put_write, &all[i]), OK);
    beat(&b);
    CHECK_INT(ready(&b), 0); /* nobody died, as far as one knows */
    begin(&again, &t, "run_c", "host_1");
    CHECK_INT(ready(&b), 2); /* the former run of its folder, and one that nobody knows */
    CHECK(!is_alive(&b, "run_a"));
    now_ms += 60001;
    beat(&again);
    CHECK_INT(ready(&b), 3);
    end(&a);
    end(&b);
    end(&again);
    close_all(&t);
}

/* --- what one does for all ------------------------------------------------------------------- */

TEST(one_does_it_for_all_until_its_time_is_over_or_it_is_gone) {
    struct temp t;
    struct run a, b;
    open_at(&t);
    begin(&a, &t, "run_a", "host_1");
    begin(&b, &t, "run_b", "host_2");
    CHECK(may(&a, "sweep") && may(&a, "sweep") && !may(&b, "sweep") && may(&b, "other"));
    CHECK_INT(hosts_may_not(&b.ctx, "sweep"), OK); /* not its to give */
    CHECK(!may(&b, "sweep"));
    CHECK_INT(hosts_may_not(&a.ctx, "sweep"), OK);
    CHECK(may(&b, "sweep") && !may(&a, "sweep"));
    now_ms += HOST_ALIVE_MS + 1; /* b says nothing */
    beat(&a);
    CHECK(may(&a, "sweep"));
    for (int i = 0; i < 13; i++) {
        now_ms += 5000;
        beat(&a);
        beat(&b);
    }
    CHECK(may(&b, "sweep")); /* a lives, but its minute is over */
    end(&a);
    end(&b);
    close_all(&t);
}

TEST(a_turn_is_one_hosts_and_shared_within_it) {
    struct temp t;
    struct run a, b;
    struct turn own = { .is_mine = false }, with = own, theirs = own;
    open_at(&t);
    begin(&a, &t, "run_a", "host_1");
    begin(&b, &t, "run_b", "host_2");
    struct turns *other = turns_new();
    b.parts.turns = other; /* another process */
    CHECK_INT(turn_take(&a.ctx, "x", true, &own), OK);
    CHECK_INT(turn_take(&a.ctx, "x", true, &with), OK);
    CHECK(!turn_take_now(&b.ctx, "x", &theirs));
    CHECK(turn_take_now(&b.ctx, "y", &theirs));
    turn_give(&theirs);
    turn_give(&own);
    CHECK(!turn_take_now(&b.ctx, "x", &theirs)); /* the other half has it still */
    pace_ms = 20;
    b.ctx.deadline_ms = ava_now_ms() + 5000;
    CHECK(turn_take(&b.ctx, "x", true, &theirs) != OK); /* not within its time */
    CHECK(!theirs.is_mine);
    pace_ms = 0;
    ctx_clear(&b.ctx);
    a.ctx.deadline_ms = b.ctx.deadline_ms = ava_now_ms() + 10000;
    turn_give(&with);
    CHECK(turn_take_now(&b.ctx, "x", &theirs));
    CHECK(!turn_take_now(&a.ctx, "x", &own));
    turn_give(&theirs);
    turns_free(other);
    end(&a);
    end(&b);
    close_all(&t);
}

/* --- a request that is repeated at another host ---------------------------------------------- */

static enum err claim(struct run *r, struct idempotency_claim *out) {
    str_copy(r->ctx.who.workspace_id, sizeof r->ctx.who.workspace_id, str_of("ws_a"));
    str_copy(r->ctx.who.user_id, sizeof r->ctx.who.user_id, str_of("usr_a"));
    ctx_clear(&r->ctx);
    r->ctx.deadline_ms = ava_now_ms() + 10000;
    *out = (struct idempotency_claim){ .next = NULL };
    return idempotency_claim(&r->ctx, str_of("key"), "POST /x", str_of("/x"), NULL, out);
}

struct linking {
    const struct id *claim;
    const char *operation_id;
};

static enum err link_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct linking *l = arg;
    return idempotency_link_in(ctx, tx, l->claim, l->operation_id);
}

struct late_answer {
    const struct id *claim;
    bool is_mine;
};

static enum err answer_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct late_answer *a = arg;
    static const char SEALED[64] = { '\xA1', '\x01' };
    return idempotency_row_answer(ctx, tx, a->claim->text, ctx->parts->run_id,
                                  (struct str){ SEALED, sizeof SEALED }, &a->is_mine);
}

TEST(a_claim_is_taken_up_when_its_host_is_gone_and_then_is_the_other_ones_alone) {
    struct temp t;
    struct run a, b;
    struct idempotency_claim first, second;
    open_at(&t);
    CHECK_INT(db_write(&t.ctx, workspace_write, NULL), OK);
    begin(&a, &t, "run_a", "host_1");
    begin(&b, &t, "run_b", "host_2");
    CHECK_INT(claim(&a, &first), OK);
    CHECK_INT(first.found, IDEMPOTENCY_FIRST);
    idempotency_over(&first); /* it runs in another process */
    CHECK_INT(claim(&b, &second), ERR_IDEMPOTENCY_IN_PROGRESS);
    now_ms += HOST_ALIVE_MS + 1;
    beat(&b);
    CHECK_INT(claim(&b, &second),
              ERR_IDEMPOTENCY_IN_PROGRESS); /* silent, but its request may go on */
    now_ms += 50000;
    beat(&b);
    CHECK_INT(claim(&b, &second), OK);
    CHECK_INT(second.found, IDEMPOTENCY_FIRST);
    a.ctx.deadline_ms = ava_now_ms() + 10000; /* it wakes, and goes on */
    CHECK_INT(db_write(&a.ctx, link_write, &(struct linking){ &first.id, "op_a" }),
              ERR_IDEMPOTENCY_IN_PROGRESS);
    struct late_answer late = { &first.id, true };
    CHECK_INT(db_write(&a.ctx, answer_write, &late), OK);
    CHECK(!late.is_mine);
    CHECK_INT(idempotency_give_back(&a.ctx, &first.id), OK); /* which frees nothing */
    idempotency_over(&second);
    struct idempotency_claim third;
    CHECK_INT(claim(&a, &third), ERR_IDEMPOTENCY_IN_PROGRESS);
    CHECK_INT(idempotency_give_back(&b.ctx, &second.id), OK);
    CHECK_INT(claim(&a, &third), OK);
    CHECK_INT(third.found, IDEMPOTENCY_FIRST);
    idempotency_over(&third);
    end(&a);
    end(&b);
    close_all(&t);
}

/* --- the name of a folder -------------------------------------------------------------------- */

TEST(a_folder_keeps_its_name_and_says_what_is_wrong_with_it) {
    struct temp t;
    const char *why = "";
    open_at(&t);
    char dir[] = "/tmp/ava-hosts-XXXXXX";
    CHECK(mkdtemp(dir));
    const char *first = hosts_place(dir, t.arena, &why), *again = hosts_place(dir, t.arena, &why);
    CHECK(first && again);
    CHECK_TEXT(first, again);
    CHECK(strncmp(first, "host_", 5) == 0);
    const char *path = arena_printf(t.arena, "%s/host.id", dir);
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    CHECK(fd >= 0 && write(fd, "nonsense", 8) == 8);
    close(fd);
    CHECK(!hosts_place(dir, t.arena, &why));
    CHECK(strstr(why, "remove it"));
    unlink(path);
    rmdir(dir);
    CHECK(!hosts_place(dir, t.arena, &why));
    CHECK(strstr(why, "AVA_DATA_DIR: cannot read or make"));
    close_all(&t);
}

/* It slept while all others were brought to a newer version and what it needs was taken away; or it comes just then. */
TEST(a_host_that_the_schema_has_left_behind_ends) {
    struct temp t;
    struct run a, late;
    open_at(&t);
    begin(&a, &t, "run_a", "host_1");
    beat(&a);
    CHECK(!hosts_is_outdated(a.parts.hosts));
    CHECK(temp_script(&t,
                      "DELETE FROM meta WHERE name = 'least_schema'; INSERT INTO meta (name, value)"
                      " VALUES ('least_schema', X'39393939')"));
    begin(&late, &t, "run_late", "host_2");
    CHECK(hosts_is_outdated(late.parts.hosts));
    CHECK(!hosts_is_outdated(a.parts.hosts));
    beat(&a);
    CHECK(hosts_is_outdated(a.parts.hosts));
    end(&a);
    end(&late);
    close_all(&t);
}
