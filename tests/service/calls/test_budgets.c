#include "test.h"

#include <string.h>

#include "config/config.h"
#include "db/temp.h"
#include "service/calls/budgets.h"

/* Whole seconds and millionths of a dollar, in a real database. */

struct house {
    struct temp temp;
    struct config config;
};

static void open_house(struct house *h, int64_t cents_per_minute) {
    temp_open(&h->temp);
    memset(&h->config, 0, sizeof h->config);
    h->config.call_cents_per_minute = cents_per_minute;
    h->temp.parts.config = &h->config;
    temp_ctx(&h->temp, &h->temp.ctx);
    CHECK(temp_script(&h->temp, "INSERT INTO workspaces (id, name, created_at, updated_at)"
                                " VALUES ('w', 'W', 0, 0)"));
}

static void add_call(struct house *h, const char *id) {
    CHECK(temp_script(&h->temp,
                      arena_printf(h->temp.arena,
                                   "INSERT INTO calls (id, workspace_id, provider, direction,"
                                   " to_number, status, created_at, updated_at, sealed) VALUES"
                                   " ('%s', 'w', 'vapi', 'outbound', '+1', 'requested', 86400000,"
                                   " 0, CAST(X'A101' || zeroblob(60) AS BLOB))",
                                   id)));
}

static void limit(struct house *h, const char *number, const char *minutes, const char *cents) {
    CHECK(temp_script(&h->temp,
                      arena_printf(h->temp.arena,
                                   "INSERT INTO call_limits (workspace_id, number, daily_minutes,"
                                   " daily_cost_cents, version, created_at, updated_at) VALUES"
                                   " ('w', '%s', %s, %s, 1, 0, 0)",
                                   number, minutes, cents)));
}

struct errand {
    struct call_row row;
    const char *line;
    int64_t seconds;
};

static enum err reserve_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct errand *e = arg;
    return budget_reserve(ctx, tx, &e->row, e->line, e->seconds);
}

static enum err book_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct errand *e = arg;
    return budget_book(ctx, tx, &e->row);
}

static struct call_row row_of(const char *id) {
    return (struct call_row){ .id = id,
                              .workspace_id = "w",
                              .provider = "vapi",
                              .provider_id = "v",
                              .direction = "outbound",
                              .to = "+1",
                              .status = "ended",
                              .created_ms = 86400000 };
}

static enum err reserve(struct house *h, const char *id, const char *line, int64_t seconds) {
    struct errand e = { row_of(id), line, seconds };
    h->temp.ctx.problem = (struct problem){ .err = OK };
    return db_write(&h->temp.ctx, reserve_write, &e);
}

static void book(struct house *h, const char *id, int64_t talked_ms, int64_t cost_micros) {
    struct errand e = { row_of(id), "", 0 };
    e.row.started_ms = 86400000;
    e.row.ended_ms = 86400000 + talked_ms;
    e.row.has_cost = cost_micros >= 0;
    e.row.cost_micros = cost_micros;
    CHECK_INT(db_write(&h->temp.ctx, book_write, &e), OK);
}

static struct call_day day(struct house *h, const char *number) {
    struct call_day d;
    CHECK_INT(call_day_read(&h->temp.ctx, db_reader(&h->temp.ctx), "w", number, 1, &d), OK);
    return d;
}

TEST(a_started_minute_costs_a_whole_one) {
    CHECK_INT(budget_worst_micros(0, 50), 0);
    CHECK_INT(budget_worst_micros(1, 50), 500000);
    CHECK_INT(budget_worst_micros(60, 50), 500000);
    CHECK_INT(budget_worst_micros(61, 50), 1000000);
    CHECK_INT(budget_worst_micros(43200, 100000), INT64_C(720000000000));
}

TEST(the_last_second_that_is_left_can_be_reserved_and_no_more) {
    struct house h;
    open_house(&h, 0);
    limit(&h, "", "2", "NULL");
    add_call(&h, "c1");
    add_call(&h, "c2");
    add_call(&h, "c3");
    CHECK_INT(reserve(&h, "c1", "", 119), OK);
    CHECK_INT(reserve(&h, "c2", "", 2), ERR_BUDGET_EXHAUSTED);
    CHECK(h.temp.ctx.problem.retry_after_s > 0 && h.temp.ctx.problem.retry_after_s <= 86400);
    CHECK_INT(reserve(&h, "c3", "", 1), OK);
    CHECK_INT(day(&h, "").reserved_seconds, 120);
    temp_close(&h.temp);
}

TEST(what_it_took_is_booked_once_however_often_it_is_told) {
    struct house h;
    open_house(&h, 60);
    limit(&h, "", "10", "1000");
    add_call(&h, "c1");
    CHECK_INT(reserve(&h, "c1", "", 300), OK);
    CHECK_INT(day(&h, "").reserved_micros, 3000000);
    book(&h, "c1", 26001, -1); /* it ended, and nobody said what it cost */
    CHECK_INT(day(&h, "").seconds, 27);
    CHECK_INT(day(&h, "").reserved_seconds, 0);
    CHECK_INT(day(&h, "").reserved_micros, 3000000);
    for (int i = 0; i < 3; i++)
        book(&h, "c1", 26001, 21667);
    CHECK_INT(day(&h, "").seconds, 27);
    CHECK_INT(day(&h, "").cost_micros, 21667);
    CHECK_INT(day(&h, "").reserved_micros, 0);
    book(&h, "c1", 26001, 30000); /* the provider corrects itself */
    CHECK_INT(day(&h, "").cost_micros, 30000);
    temp_close(&h.temp);
}

TEST(a_number_has_a_budget_of_its_own) {
    struct house h;
    open_house(&h, 0);
    limit(&h, "+2", "1", "NULL");
    add_call(&h, "c1");
    add_call(&h, "c2");
    CHECK(temp_script(&h.temp, "UPDATE calls SET line = '+2' WHERE id = 'c1'"));
    CHECK_INT(reserve(&h, "c1", "+2", 60), OK);
    CHECK_INT(reserve(&h, "c2", "+2", 1), ERR_BUDGET_EXHAUSTED);
    CHECK_INT(reserve(&h, "c2", "+3", 1), OK);
    book(&h, "c1", 30000, 5);
    CHECK_INT(day(&h, "+2").seconds, 30);
    CHECK_INT(day(&h, "").seconds, 30);
    temp_close(&h.temp);
}
