#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/steps.h"
#include "db/temp.h"
#include "store/deliveries.h"

/* Which deliveries of a destination are due: of each call or text the first that is open. */

/* On PostgreSQL the table is new to the planner, whose triggers must not look at every row before. */
enum { ROWS = 20000, ROWS_LONG = 300000, STEPS_MAX = 3000 };

static void open_one(struct temp *t) {
    temp_open(t);
    CHECK(steps_watch(t->parts.db));
    CHECK_TEXT(temp_all(t, "INSERT INTO workspaces (id, name, created_at, updated_at) VALUES ('a',"
                           " 'A', 0, 0); INSERT INTO destinations (id, workspace_id, url, events,"
                           " enabled, version, created_at, updated_at, sealed) VALUES ('d', 'a',"
                           " 'https://x', '[]', 1, 1, 0, 0, CAST(X'A101' || zeroblob(60) AS"
                           " BLOB))"),
               "");
}

struct insert {
    int number;
    const char *resource;
};

static enum err insert_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct insert *in = arg;
    struct delivery_row row = {
        .workspace_id = "a", .destination_id = "d", .type = "t", .status = "waiting", .body = ""
    };
    bool is_new;
    row.id = arena_printf(ctx->arena, "dlv_%d", in->number);
    row.event_id = arena_printf(ctx->arena, "evt_%d", in->number);
    row.resource = in->resource;
    row.created_ms = in->number;
    return delivery_row_insert(ctx, tx, &row, &is_new);
}

static void insert(struct temp *t, int number, const char *resource) {
    CHECK_INT(db_write(&t->ctx, insert_write, &(struct insert){ number, resource }), OK);
}

struct change {
    const char *id, *status;
    int64_t next_ms, settled_ms;
};

static enum err change_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct change *c = arg;
    struct delivery_row row;
    TRY(delivery_row_find(ctx, tx, "d", c->id, &row));
    row.status = c->status;
    row.next_ms = c->next_ms;
    row.settled_ms = c->settled_ms;
    return row.id ? delivery_row_settle(ctx, tx, &row) : OK;
}

static void change(struct temp *t, int number, const char *status, int64_t next_ms, bool settled) {
    struct change c = { arena_printf(t->arena, "dlv_%d", number), status, next_ms, settled };
    CHECK_INT(db_write(&t->ctx, change_write, &c), OK);
}

enum { PIECE = 3 }; /* of what is open, as the job of a destination takes it */

static enum err hold_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return delivery_rows_hold(ctx, tx, "d", 1, PIECE);
}

static enum err release_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return delivery_rows_release(ctx, tx, "d", *(int *)arg, PIECE);
}

static const char *due(struct temp *t, int64_t now_ms) {
    struct delivery_row rows[16];
    struct buf b = { 0 };
    size_t count;
    CHECK_INT(delivery_rows_due(&t->ctx, db_reader(&t->ctx), "d", now_ms, 16, rows, &count), OK);
    for (size_t i = 0; i < count; i++)
        buf_printf(&b, "%s%s", i ? " " : "", rows[i].id + 4);
    const char *text = arena_strndup(t->arena, b.ptr ? b.ptr : "", b.len);
    buf_fini(&b);
    return text;
}

static int64_t next_due(struct temp *t) {
    int64_t at_ms;
    CHECK_INT(delivery_rows_next_due(&t->ctx, db_reader(&t->ctx), "d", &at_ms), OK);
    return at_ms;
}

TEST(of_each_resource_the_first_is_due_and_the_next_when_it_is_settled) {
    struct temp t;
    open_one(&t);
    insert(&t, 1, "x");
    insert(&t, 2, "x");
    insert(&t, 3, "y");
    insert(&t, 4, "");
    insert(&t, 5, "");
    CHECK_TEXT(due(&t, 10), "1 3 4 5");
    change(&t, 1, "retrying", 50, false);
    CHECK_TEXT(due(&t, 10), "3 4 5");
    CHECK_TEXT(due(&t, 50), "3 4 5 1");
    change(&t, 1, "delivered", 0, true);
    CHECK_TEXT(due(&t, 10), "2 3 4 5");
    change(&t, 1, "waiting", 0, false); /* sent again by hand: 2 waits behind it once more */
    CHECK_TEXT(due(&t, 10), "1 3 4 5");
    change(&t, 1, "failed", 0, true);
    CHECK_TEXT(due(&t, 10), "2 3 4 5");
    for (int i = 2; i <= 5; i++)
        change(&t, i, "delivered", 0, true);
    CHECK_TEXT(due(&t, 10), "");
    CHECK(next_due(&t) == INT64_MAX);
    temp_close(&t);
}

/* What is due by the rows themselves, however the store finds it. */
static const char *first_by_the_rows(struct temp *t) {
    return temp_sql(t, "SELECT ifnull(group_concat(substr(id, 5), ' '), '') FROM (SELECT id FROM"
                       " deliveries AS d WHERE settled_at = 0 AND (resource = '' OR NOT EXISTS"
                       " (SELECT 1 FROM deliveries AS b WHERE b.resource = d.resource AND b.seq <"
                       " d.seq AND b.settled_at = 0)) ORDER BY seq)");
}

static const char *first_by_the_store(struct temp *t) {
    return temp_sql(t, "SELECT ifnull(group_concat(substr(id, 5), ' '), '') FROM (SELECT id FROM"
                       " deliveries WHERE settled_at = 0 AND behind = 0"
                       " ORDER BY seq)");
}

TEST(whatever_happens_the_first_of_each_resource_is_due_and_no_other) {
    static const char *const RESOURCES[] = { "x", "y", "z", "" };
    struct temp t;
    unsigned seed = 7;
    int count = 0;
    open_one(&t);
    for (int step = 0; step < 1500; step++) {
        seed = seed * 1103515245u + 12345u;
        int what = (int)(seed >> 16) % 20, which = count ? (int)(seed >> 8) % count + 1 : 0;
        if (what < 6 || !count)
            insert(&t, ++count, RESOURCES[seed >> 24 & 3]);
        else if (what < 12)
            change(&t, which, "delivered", 0, true);
        else if (what < 15)
            change(&t, which, "waiting", 0, false);
        else if (what < 18)
            change(&t, which, "failed", 0, true);
        else if (what == 18)
            CHECK_INT(db_write(&t.ctx, hold_write, NULL), OK);
        else
            CHECK_INT(db_write(&t.ctx, release_write, &which), OK);
        CHECK_TEXT(first_by_the_store(&t), first_by_the_rows(&t));
        if (step % 100 == 99) {
            arena_reset(t.arena);
            temp_ctx(&t, &t.ctx);
        }
    }
    temp_close(&t);
}

TEST(how_many_wait_behind_one_that_is_not_taken_costs_a_look_nothing) {
    struct temp t;
    char sql[600];
    long scanned;
    open_one(&t);
    snprintf(sql, sizeof sql,
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT"
             " INTO deliveries (id, workspace_id, destination_id, event_id, type, resource, status,"
             " created_at, body, next_at) SELECT printf('dlv_%%d', i), 'a', 'd', i, 't', 'x',"
             " 'waiting', 0, '', iif(i = 1, 100, 0) FROM n",
             getenv("TEST_SOAK") ? ROWS_LONG : ROWS);
    CHECK_TEXT(temp_all(&t, sql), "");
    insert(&t, 999999, "y");
    steps_made(&scanned);
    CHECK_TEXT(due(&t, 10), "999999");
    CHECK(steps_made(&scanned) < STEPS_MAX && scanned == 0);
    change(&t, 999999, "delivered", 0, true);
    CHECK_INT(next_due(&t), 100);
    CHECK(steps_made(&scanned) < STEPS_MAX && scanned == 0);
    change(&t, 1, "delivered", 0, true);
    CHECK_TEXT(due(&t, 10), "2");
    CHECK(steps_made(&scanned) < STEPS_MAX && scanned == 0);
    temp_close(&t);
}
