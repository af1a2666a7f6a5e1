#include "test.h"

#include "base/buf.h"
#include "base/clock.h"
#include "db/temp.h"
#include "service/upkeep/audit_heads.h"
#include "store/audit.h"

static enum err write_entry(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return audit_write(ctx, tx, *(struct audit_entry *)arg);
}

static enum err write_and_fail(struct ctx *ctx, struct db_conn *tx, void *arg) {
    TRY(audit_write(ctx, tx, *(struct audit_entry *)arg));
    return ctx_fail(ctx, ERR_INVALID, "on purpose");
}

static void note(struct temp *t, const char *workspace, const char *action) {
    struct audit_entry e = { .workspace_id = workspace, .actor = "usr_1", .action = action };
    CHECK_INT(db_write(&t->ctx, write_entry, &e), OK);
}

TEST(every_row_names_the_hash_of_the_one_before_in_its_own_workspace) {
    struct temp t;
    temp_open(&t);
    note(&t, "ws_a", "one");
    note(&t, "ws_b", "one");
    note(&t, "ws_a", "two");
    note(&t, "", "one");
    note(&t, "ws_a", "three");
    CHECK_TEXT(temp_sql(&t,
                        "SELECT count(*) FROM audit_log x JOIN audit_log y ON"
                        " x.workspace_id = y.workspace_id AND x.prev = y.hash AND x.seq > y.seq"),
               "2");
    CHECK_TEXT(temp_sql(&t, "SELECT count(*) FROM audit_log WHERE prev = zeroblob(32)"), "3");
    CHECK_TEXT(temp_sql(&t, "SELECT count(DISTINCT hash) FROM audit_log"), "5");
    temp_close(&t);
}

TEST(a_row_of_an_action_that_failed_leaves_no_gap_in_the_chain) {
    struct temp t;
    temp_open(&t);
    note(&t, "ws_a", "one");
    struct audit_entry e = { .workspace_id = "ws_a", .actor = "usr_1", .action = "lost" };
    CHECK_INT(db_write(&t.ctx, write_and_fail, &e), ERR_INVALID);
    note(&t, "ws_a", "two");
    CHECK_TEXT(temp_sql(&t, "SELECT count(*) FROM audit_log"), "2");
    CHECK_TEXT(temp_sql(&t, "SELECT count(*) FROM audit_log x JOIN audit_log y ON x.prev = y.hash"),
               "1");
    temp_close(&t);
}

TEST(text_that_is_no_utf_8_is_kept_and_hashed_as_what_every_database_holds) {
    struct temp t;
    struct audit_check found;
    temp_open(&t);
    struct audit_entry e = { .workspace_id = "ws_a",
                             .actor = "usr_1",
                             .action = "act",
                             .object = "a\xFF\xC3",
                             .detail = "{\"name\":\"\xE2\x82\"}" };
    CHECK_INT(db_write(&t.ctx, write_entry, &e), OK);
    note(&t, "ws_a", "two");
    CHECK_TEXT(temp_sql(&t, "SELECT object FROM audit_log WHERE seq = 1"),
               "a\xEF\xBF\xBD\xEF\xBF\xBD");
    CHECK_INT(audit_check(&t.ctx, &(struct audit_head){ 0 }, NULL, &found), OK);
    CHECK(!found.wrong && found.rows == 2);
    temp_close(&t);
}

/* The hash as RESILIENCE 14 has it, computed by itself. */
TEST(the_hash_covers_every_column) {
    struct temp t;
    temp_open(&t);
    struct audit_entry e = { .workspace_id = "ws_a",
                             .actor = "usr_1",
                             .action = "act",
                             .object = "obj",
                             .outcome = "ok",
                             .detail = "{\"a\":1}" };
    CHECK_INT(db_write(&t.ctx, write_entry, &e), OK);
    struct audit_page page;
    CHECK_INT(audit_list(&t.ctx, &(struct audit_filter){ .workspace_id = "ws_a" }, 0, 10, &page),
              OK);
    CHECK_INT(page.count, 1);
    const struct audit_entry *got = &page.entries[0].entry;
    struct buf row = { 0 };
    unsigned char zero[32] = { 0 }, hash[32];
    buf_put(&row, zero, 32);
    buf_printf(&row, "%lld:%lld4:ws_a5:usr_13:act3:obj2:ok%zu:%s7:{\"a\":1}", (long long)got->seq,
               (long long)got->at_ms, strlen(got->correlation_id), got->correlation_id);
    hash_blake2b(hash, buf_view(&row));
    char hex[65];
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02X", hash[i]);
    CHECK_TEXT(temp_sql(&t, "SELECT hex(hash) FROM audit_log"), hex);
    buf_fini(&row);
    temp_close(&t);
}

TEST(the_list_goes_from_the_newest_page_by_page_and_stays_in_its_workspace) {
    struct temp t;
    temp_open(&t);
    static const char *const ACTIONS[] = { "1", "2", "3", "4", "5" };
    for (int i = 0; i < 5; i++) {
        note(&t, "ws_a", ACTIONS[i]);
        note(&t, "ws_b", "other");
    }
    struct audit_page page;
    CHECK_INT(audit_list(&t.ctx, &(struct audit_filter){ .workspace_id = "ws_a" }, 0, 3, &page),
              OK);
    CHECK(page.count == 3 && page.next_seq);
    CHECK_TEXT(page.entries[0].entry.action, "5");
    CHECK_INT(audit_list(&t.ctx, &(struct audit_filter){ .workspace_id = "ws_a" }, page.next_seq, 3,
                         &page),
              OK);
    CHECK(page.count == 2 && !page.next_seq);
    CHECK_TEXT(page.entries[1].entry.action, "1");
    temp_close(&t);
}

static size_t found(struct temp *t, struct audit_filter f) {
    struct audit_page page;
    f.workspace_id = "ws_a";
    CHECK_INT(audit_list(&t->ctx, &f, 0, 10, &page), OK);
    return page.count;
}

TEST(the_list_can_be_of_one_actor_one_kind_of_action_one_outcome_or_one_time) {
    struct temp t;
    temp_open(&t);
    note(&t, "ws_a", "key.create");
    note(&t, "ws_a", "key.remove");
    note(&t, "ws_a", "keys");
    note(&t, "ws_b", "key.create");
    CHECK_INT(found(&t, (struct audit_filter){ .action = "key" }), 2);
    CHECK_INT(found(&t, (struct audit_filter){ .action = "key.remove" }), 1);
    CHECK_INT(found(&t, (struct audit_filter){ .action = "ke" }), 0);
    CHECK_INT(found(&t, (struct audit_filter){ .outcome = "ok" }), 3);
    CHECK_INT(found(&t, (struct audit_filter){ .outcome = "failed" }), 0);
    CHECK_INT(found(&t, (struct audit_filter){ .actor = "nobody" }), 0);
    CHECK_INT(found(&t, (struct audit_filter){ .since_ms = ava_wall_ms() + 60000 }), 0);
    CHECK_INT(found(&t, (struct audit_filter){ .until_ms = ava_wall_ms() + 60000 }), 3);
    temp_close(&t);
}

/* Rows that the filter refuses cost time too. */
TEST(a_page_looks_at_so_many_rows_and_says_where_the_next_goes_on) {
    struct temp t;
    struct audit_page page;
    temp_open(&t);
    note(&t, "ws_a", "wanted");
    temp_sql(&t, "INSERT INTO audit_log (seq, workspace_id, at, actor, action, object, outcome,"
                 " correlation_id, detail, prev, hash) WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL"
                 " SELECT i + 1 FROM n WHERE i < 5000) SELECT i, 'ws_a', 1, 'a', 'other', '', 'ok',"
                 " '', '', zeroblob(32), randomblob(32) FROM n");
    struct audit_filter f = { .workspace_id = "ws_a", .action = "wanted" };
    CHECK_INT(audit_list(&t.ctx, &f, 0, 10, &page), OK);
    CHECK_INT(page.count, 0);
    CHECK_INT(page.next_seq, 1001);
    CHECK_INT(audit_list(&t.ctx, &f, page.next_seq, 10, &page), OK);
    CHECK(page.count == 1 && !page.next_seq);
    temp_close(&t);
}

static void note_about(struct temp *t, const char *workspace, const char *object) {
    struct audit_entry e = {
        .workspace_id = workspace, .actor = "usr_1", .action = "act", .object = object
    };
    CHECK_INT(db_write(&t->ctx, write_entry, &e), OK);
}

/* The names of the objects as the workspace reads them, newest first: "Ada, -". */
static const char *names_in(struct temp *t, const char *workspace) {
    struct buf *b = buf_in(t->ctx.arena);
    struct audit_filter f = { .workspace_id = workspace };
    struct audit_page page;
    CHECK_INT(audit_list(&t->ctx, &f, 0, 100, &page), OK);
    for (size_t i = 0; i < page.count; i++)
        buf_printf(b, "%s%s", i ? ", " : "",
                   page.entries[i].object_name ? page.entries[i].object_name : "-");
    return b->ptr;
}

TEST(an_object_is_called_by_its_name_in_its_own_workspace_alone) {
    static const char *const OBJECTS[] = { "usr_1",  "key_1", "ws_a",   "inv_1", "num_1",    "PN1",
                                           "asst_1", "tpl_1", "rule_1", "vapi",  "events_1", "" };
    static const char *const ROWS[] = {
        "INSERT INTO users (id, email, email_key, name, password_hash, workspace_id, "
        "created_at, updated_at) VALUES ('usr_1', 'a@example.com', 'a@example.com', "
        "'Ada', '$argon2id$', 'ws_a', 1, 1)",
        "INSERT INTO workspaces (id, name, created_at, updated_at) VALUES ('ws_a', "
        "'Here', 1, 1), ('ws_b', 'There', 1, 1)",
        "INSERT INTO memberships (workspace_id, user_id, role, created_at) VALUES "
        "('ws_a', 'usr_1', 'owner', 1)",
        "INSERT INTO api_keys (id, user_id, workspace_id, name, mode, key_hash, last4, "
        "created_at) VALUES ('key_1', 'usr_1', 'ws_a', 'Job', 'live', zeroblob(32), "
        "'1234', 1)",
        "INSERT INTO invitations (id, workspace_id, email, email_key, role, token_hash, "
        "invited_by, created_at, expires_at) VALUES ('inv_1', 'ws_a', 'bob@example.com', "
        "'bob@example.com', 'member', zeroblob(32), 'usr_1', 1, 2)",
        "INSERT INTO numbers (id, workspace_id, account, provider_id, phone_number, "
        "capabilities, imported_at, created_at, updated_at, sealed) VALUES ('num_1', "
        "'ws_a', 'AC1', 'PN1', '+14155550100', 0, 1, 1, 1, "
        "X'A101000000000000000000000000000000000000000000000000000000000000"
        "0000000000000000000000000000')",
        "INSERT INTO assistants (id, workspace_id, provider_id, name, version, "
        "created_at, updated_at) VALUES ('asst_1', 'ws_a', 'p', 'Desk', 1, 1, 1)",
        "INSERT INTO templates (id, workspace_id, name, version, created_at, updated_at) "
        "VALUES ('tpl_1', 'ws_a', 'alert', 1, 1, 1)",
        "INSERT INTO rules (id, workspace_id, name, event, definition, enabled, since, "
        "created_at, updated_at) VALUES ('rule_1', 'ws_a', 'Tell me', 'call.missed', "
        "'{}', 1, 1, 1, 1)"
    };
    struct temp t;
    temp_open(&t);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++)
        temp_sql(&t, ROWS[i]);
    for (size_t i = 0; i < ARRAY_LEN(OBJECTS); i++) {
        note_about(&t, "ws_a", OBJECTS[i]);
        note_about(&t, "ws_b", OBJECTS[i]);
    }
    CHECK_TEXT(names_in(&t, "ws_a"), "-, -, -, Tell me, alert, Desk, +14155550100, +14155550100,"
                                     " bob@example.com, Here, Job, Ada");
    CHECK_TEXT(names_in(&t, "ws_b"), "-, -, -, -, -, -, -, -, -, -, -, -");
    temp_sql(&t, "DELETE FROM memberships");
    temp_sql(&t, "UPDATE numbers SET released_at = 1");
    temp_sql(&t, "UPDATE assistants SET deleted_at = 1");
    temp_sql(&t, "UPDATE templates SET removed_at = 1");
    temp_sql(&t, "DELETE FROM rules");
    temp_sql(&t, "DELETE FROM invitations");
    temp_sql(&t, "DELETE FROM api_keys");
    /* What is only out of use keeps its name. */
    CHECK_TEXT(names_in(&t, "ws_a"),
               "-, -, -, -, alert, Desk, +14155550100, +14155550100, -, Here, -, -");
    CHECK_TEXT(names_in(&t, "ws_b"), "-, -, -, -, -, -, -, -, -, -, -, -");
    note_about(&t, "", "usr_1");
    CHECK_TEXT(names_in(&t, ""), "Ada");
    temp_close(&t);
}

static int64_t hour_ms;

static enum err count_stranger(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return audit_stranger(ctx, tx, hour_ms + *(int *)arg);
}

/* Whoever guesses names of accounts all day fills no disk: one entry for each hour. */
TEST(strangers_are_counted_by_the_hour) {
    struct temp t;
    temp_open(&t);
    hour_ms = INT64_C(1790000000000) / 3600000 * 3600000;
    for (int i = 0; i < 500; i++)
        CHECK_INT(db_write(&t.ctx, count_stranger, &(int){ i * 7000 }), OK);
    CHECK_TEXT(temp_sql(&t, "SELECT count(*) FROM audit_log"), "0");
    CHECK_TEXT(temp_sql(&t, "SELECT count(*) || ' ' || sum(count) FROM stranger_failures"),
               "1 500");
    hour_ms += 5 * 3600000;
    CHECK_INT(db_write(&t.ctx, count_stranger, &(int){ 1 }), OK);
    CHECK_INT(db_write(&t.ctx, count_stranger, &(int){ 2 }), OK);
    CHECK_TEXT(temp_sql(&t, "SELECT group_concat(action || ' ' || outcome || ' ' || detail)"
                            " FROM audit_log"),
               "login.strangers failed {\"since\":\"2026-09-21T14:00:00.000Z\",\"count\":500}");
    CHECK_TEXT(temp_sql(&t, "SELECT count(*) || ' ' || sum(count) FROM stranger_failures"), "1 2");
    temp_close(&t);
}
