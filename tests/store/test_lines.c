#include "test.h"

#include <stdio.h>
#include <string.h>

#include "db/temp.h"
#include "store/lines.h"

/* Who gets the next line, in a real database. */

/* Workspaces a and b; calls are named by workspace and order, "a1". */
static void open_two(struct temp *t) {
    temp_open(t);
    CHECK(temp_script(t, "INSERT INTO workspaces (id, name, created_at, updated_at)"
                         " VALUES ('a', 'A', 0, 0), ('b', 'B', 0, 0)"));
}

static void wait_for_line(struct temp *t, const char *id, const char *line, const char *account) {
    char sql[512];
    snprintf(sql, sizeof sql,
             "INSERT INTO calls (id, workspace_id, operation_id, provider, direction, to_number,"
             " status, created_at, updated_at, sealed, line, account, slot) VALUES ('%s', '%.1s',"
             " 'op', 'vapi', 'outbound', '', 'waiting', 0, 0, CAST(X'A101' || zeroblob(60) AS"
             " BLOB), '%s', '%s', 'waiting')",
             id, id, line, account);
    CHECK(temp_script(t, sql));
}

static enum err hold_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct line_row *next = arg;
    TRY(line_row_next(ctx, tx, NULL, 1000, next));
    return next->call_id ? line_row_move(ctx, tx, next->call_id, "held") : OK;
}

/* The one whose turn it is, which then holds a line; "" when nobody can go. */
static const char *next(struct temp *t) {
    struct line_row row;
    CHECK_INT(db_write(&t->ctx, hold_write, &row), OK);
    return row.call_id ? row.call_id : "";
}

TEST(workspaces_take_lines_by_what_they_hold) {
    struct temp t;
    open_two(&t);
    CHECK(temp_script(&t, "INSERT INTO call_accounts VALUES ('acct', 4, 2000)"));
    for (int i = 1; i <= 4; i++)
        wait_for_line(&t, arena_printf(t.arena, "a%d", i), "", "acct");
    wait_for_line(&t, "b1", "", "acct");
    wait_for_line(&t, "b2", "", "acct");
    CHECK_TEXT(next(&t), "a1");
    CHECK_TEXT(next(&t), "b1"); /* although three of a's came before it */
    CHECK_TEXT(next(&t), "a2");
    CHECK_TEXT(next(&t), "b2");
    CHECK_TEXT(next(&t), "");
    temp_close(&t);
}

static enum err rest_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return line_row_rest(ctx, tx, "a", arg, 2000);
}

/* The day of one number is used up: those behind it in other queues go on. */
TEST(a_number_that_rests_holds_its_own_queue_alone) {
    struct temp t;
    open_two(&t);
    char number[] = "+15005550001";
    wait_for_line(&t, "a1", "+15005550001", "acct");
    wait_for_line(&t, "a2", "+15005550002", "acct");
    wait_for_line(&t, "b1", "+15005550001", "acct");
    CHECK_INT(db_write(&t.ctx, rest_write, number), OK);
    CHECK_TEXT(next(&t), "a2");
    CHECK_TEXT(next(&t), "b1"); /* the same number, but another workspace's */
    CHECK_TEXT(next(&t), "");
    CHECK(temp_script(&t, "UPDATE call_accounts SET until_at = 999"));
    CHECK_TEXT(next(&t), "a1");
    temp_close(&t);
}

TEST(a_weight_of_three_holds_three_lines_for_one) {
    struct temp t;
    open_two(&t);
    CHECK(temp_script(&t, "INSERT INTO call_accounts VALUES ('acct', 4, 2000);"
                          "UPDATE workspaces SET call_weight = 3 WHERE id = 'b'"));
    for (int i = 1; i <= 4; i++) {
        wait_for_line(&t, arena_printf(t.arena, "a%d", i), "", "acct");
        wait_for_line(&t, arena_printf(t.arena, "b%d", i), "", "acct");
    }
    for (int i = 0; i < 4; i++)
        next(&t);
    CHECK_TEXT(
        temp_sql(&t, "SELECT COUNT(*) FROM calls WHERE slot = 'held' AND workspace_id = 'b'"), "3");
    temp_close(&t);
}

TEST(a_full_number_holds_back_only_calls_over_itself) {
    struct temp t;
    open_two(&t);
    CHECK(temp_script(&t, "INSERT INTO call_limits (workspace_id, number, concurrent_calls,"
                          " version, created_at, updated_at) VALUES ('a', '+1', 1, 1, 0, 0)"));
    wait_for_line(&t, "a1", "+1", "");
    wait_for_line(&t, "a2", "+1", "");
    wait_for_line(&t, "a3", "+2", "");
    CHECK_TEXT(next(&t), "a1");
    CHECK_TEXT(next(&t), "a3");
    CHECK_TEXT(next(&t), "");
    temp_close(&t);
}

TEST(what_an_account_said_it_can_take_is_forgotten_in_time) {
    struct temp t;
    open_two(&t);
    CHECK(temp_script(&t, "INSERT INTO call_accounts VALUES ('old', 0, 1000), ('new', 0, 1001)"));
    wait_for_line(&t, "a1", "", "old");
    wait_for_line(&t, "b1", "", "new");
    CHECK_TEXT(next(&t), "a1");
    CHECK_TEXT(next(&t), "");
    temp_close(&t);
}
