#include "store/sealed.h"

#include "db/temp.h"
#include "store/assistants.h"
#include "store/bookings.h"
#include "store/calls.h"
#include "store/destinations.h"
#include "store/emails.h"
#include "store/events.h"
#include "store/idempotency.h"
#include "store/messages.h"
#include "store/numbers.h"
#include "store/oauth.h"
#include "store/operations.h"
#include "store/templates.h"
#include "store/tools.h"
#include "test.h"

/* Every table that says where its sealed column stands. */
static size_t places(struct sealed_place out[24], int64_t number) {
    size_t n = 0;
    out[n++] = call_row_place(&(struct call_row){ .workspace_id = "ws", .id = "x" });
    out[n++] = message_row_place(&(struct message_row){ .workspace_id = "ws", .id = "x" });
    out[n++] = event_row_place(&(struct event_row){ .workspace_id = "ws", .id = "x" });
    out[n++] = destination_row_place(
        &(struct destination_row){ .workspace_id = "ws", .id = "x", .former_until_ms = number });
    out[n++] = number_row_place(
        &(struct number_row){ .workspace_id = "ws", .id = "x", .updated_ms = number });
    out[n++] = operation_row_place(&(struct operation_row){ .workspace_id = "ws", .id = "x" });
    out[n++] = assistant_version_row_place(
        &(struct assistant_version_row){ .workspace_id = "ws", .id = "x" });
    out[n++] = template_version_row_place(
        &(struct template_version_row){ .workspace_id = "ws", .id = "x" });
    out[n++] = email_file_row_place(&(struct email_file_row){ .workspace_id = "ws", .id = "x" });
    out[n++] = idempotency_row_place(&(struct idempotency_row){ .workspace_id = "ws", .id = "x" });
    out[n++] = credential_row_place(
        &(struct credential_row){ .workspace_id = "ws", .id = "x", .version = number });
    out[n++] = endpoint_row_place(&(struct endpoint_row){ .workspace_id = "ws", .id = "x" });
    out[n++] = tool_use_row_place(&(struct tool_use_row){ .workspace_id = "ws", .id = "x" });
    out[n++] = booking_row_place(&(struct booking_row){ .workspace_id = "ws", .id = "x" });
    out[n++] = oauth_grant_row_place(
        &(struct oauth_grant_row){ .workspace_id = "ws", .id = "x", .version = number });
    out[n++] = oauth_refresh_row_place(
        &(struct oauth_refresh_row){ .workspace_id = "ws", .id = "x", .version = number });
    out[n++] = oauth_state_row_place(&(struct oauth_state_row){ .workspace_id = "ws", .id = "x" });
    return n;
}

/* A new table with sealed fields must say where they stand. */
TEST(each_table_with_a_sealed_column_has_its_place) {
    struct temp t;
    struct sealed_place all[24];
    size_t count = places(all, 0);
    temp_open(&t);
    for (size_t i = 0; i < count; i++) {
        const char *sql =
            arena_printf(t.arena, "SELECT count(%s) FROM %s WHERE workspace_id = 'ws'",
                         all[i].column, all[i].table);
        CHECK_TEXT(temp_sql(&t, sql), "0");
        CHECK_TEXT(all[i].workspace_id, "ws");
        CHECK_TEXT(all[i].row_id, "x");
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(all[i].table, all[k].table) != 0);
    }
    CHECK_TEXT(temp_sql(&t, "SELECT count(*) FROM sqlite_schema s, pragma_table_info(s.name) c"
                            " WHERE s.type = 'table' AND c.name = 'sealed'"),
               arena_printf(t.arena, "%zu", count + 1)); /* and event_bodies, as "events" */
    temp_close(&t);
}

/* The statement, where nothing in a table is checked. */
static const char *unchecked(struct temp *t, const char *sql) {
    static const char POSTGRES[] =
        "DO $$ DECLARE c record; BEGIN FOR c IN SELECT conname, conrelid FROM pg_constraint"
        " WHERE contype IN ('c', 'f') AND connamespace = CAST('public' AS regnamespace) LOOP"
        " EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', CAST(c.conrelid AS regclass),"
        " c.conname); END LOOP; END $$; ";
    return arena_join(t->arena,
                      temp_on_postgres() ? POSTGRES : "PRAGMA ignore_check_constraints = 1; ", sql);
}

/* A row of any table, sealed under the first data key; what else is in it does not matter here. */
static void plant(struct temp *t, const char *table) {
    const char *insert = temp_sql(
        t, arena_printf(t->arena,
                        "SELECT 'INSERT INTO %s (' || group_concat(name) || ') VALUES (' ||"
                        " group_concat(CASE name WHEN 'id' THEN '''x''' WHEN 'workspace_id'"
                        " THEN '''ws''' WHEN 'sealed' THEN 'X''A10100000001FF''' ELSE CASE type"
                        " WHEN 'INTEGER' THEN '1' WHEN 'BLOB' THEN 'zeroblob(32)' ELSE '''x''' END"
                        " END) || ')' FROM pragma_table_info('%s')",
                        table, table));
    CHECK(temp_script(t, unchecked(t, insert)));
}

static enum err replace_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct sealed_field *f = arg;
    struct str was = f->sealed;
    f->sealed = STR("\xA1\x01\x00\x00\x00\x02\xFF");
    return sealed_replace(ctx, tx, f, was);
}

/* The version that the place of a planted row of this table has. */
static int64_t version_in(const char *table, const struct sealed_place *planted, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(planted[i].table, table) == 0)
            return planted[i].version;
    return -1;
}

/* What rotation does not find stays under an old key for ever. */
TEST(rotation_finds_the_sealed_fields_of_each_of_them_and_knows_their_table) {
    struct temp t;
    struct sealed_place all[24], planted[24];
    struct sealed_field found[32];
    size_t count = places(all, 0), n;
    places(planted, 1); /* every number of the rows is 1 */
    temp_open(&t);
    for (size_t i = 0; i < count; i++)
        plant(&t, all[i].table);
    plant(&t, "event_bodies");
    CHECK_INT(sealed_under(&t.ctx, db_reader(&t.ctx), "ws", 1, 32, found, &n), OK);
    CHECK_INT(n, count + 1);
    for (size_t i = 0; i < n; i++)
        CHECK_INT(found[i].version,
                  version_in(sealed_field_place(&found[i]).table, planted, count));
    for (size_t i = 0; i < n; i++) { /* the rows themselves are nonsense, which it may refuse */
        const char *place = sealed_field_place(&found[i]).table;
        CHECK(strcmp(place, found[i].table) == 0 || strcmp(place, "events") == 0);
        t.ctx.problem = (struct problem){ .detail = "" };
        db_write(&t.ctx, replace_write, &found[i]);
        CHECK(!strstr(t.ctx.problem.detail, "Nothing is sealed in"));
    }
    temp_close(&t);
}

/* The place and the SQL of rotation say the same, whatever the state. */
TEST(the_version_of_an_operation_is_its_end) {
    struct temp t;
    struct sealed_field found[4];
    size_t n;
    temp_open(&t);
    plant(&t, "operations");
    for (enum operation_state s = 0; s < OPERATION_STATES; s++) {
        struct operation_row row = { .workspace_id = "ws", .id = "x", .state = s };
        bool ended = s == OPERATION_SUCCEEDED || s == OPERATION_FAILED;
        CHECK(temp_script(&t,
                          unchecked(&t, arena_printf(t.arena, "UPDATE operations SET state = '%s'",
                                                     operation_state_name(s)))));
        CHECK_INT(sealed_under(&t.ctx, db_reader(&t.ctx), "ws", 1, 4, found, &n), OK);
        CHECK_INT(n, 1);
        CHECK_INT(found[0].version, operation_row_place(&row).version);
        CHECK((found[0].version != 0) == ended);
    }
    temp_close(&t);
}
