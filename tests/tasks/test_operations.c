#include "tasks/operations.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "service/messages/messages.h"
#include "store/jobs.h"
#include "store/operations.h"
#include "tasks/operation_pass.h"
#include "test.h"
#include "vault/house.h"
#include "vault/vault.h"

static const struct message_facts FACTS = { .provider_id = "SM1", .status = "sent" };

static const struct operation_kind *const OPERATIONS[] = { &MESSAGE_CREATE };
static const struct task_kinds KINDS = { .operations = OPERATIONS, .operation_count = 1 };

static void open_all(struct house *h) {
    house_open(h);
    h->t.parts.run_id = "run_test";
    h->t.parts.kinds = &KINDS;
    str_copy(h->t.ctx.who.workspace_id, sizeof h->t.ctx.who.workspace_id, str_of("ws_a"));
}

static const struct upstream_request REQUEST = { .method = "POST" };

static enum err insert(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct message_row *row = arg;
    struct sealed_place place = message_row_place(row);
    TRY(vault_seal(ctx, tx, &place, STR("{\"body\":\"Hello\"}"), &row->sealed));
    return message_row_insert(ctx, tx, row);
}

/* --- providers of the test -------------------------------------------------------------------- */

/* It may have happened: the connection breaks. */
static enum err breaks(struct ctx *ctx, const struct operation *op,
                       const struct upstream_watch *watch, const void **result) {
    TRY(watch->sending(ctx, &REQUEST, watch->arg));
    ctx->attempts = 1;
    return ctx_fail(ctx, ERR_OUTCOME_UNKNOWN, "Nobody knows.");
}

/* The same, but its callback is here first. */
static enum err calls_back_and_breaks(struct ctx *ctx, const struct operation *op,
                                      const struct upstream_watch *watch, const void **result) {
    bool confirmed;
    TRY(watch->sending(ctx, &REQUEST, watch->arg));
    ctx->attempts = 1;
    TRY(operation_confirm(ctx, op->id, &FACTS, &confirmed));
    CHECK(confirmed);
    return ctx_fail(ctx, ERR_OUTCOME_UNKNOWN, "Nobody knows.");
}

typedef enum err performing(struct ctx *ctx, const struct operation *op,
                            const struct upstream_watch *watch, const void **result);

static const char *place(struct house *h, performing *perform, struct operation_end *end) {
    struct operation_kind kind = MESSAGE_CREATE;
    struct id op = id_make("op");
    struct message_row row = { .id = "msg_1",
                               .workspace_id = "ws_a",
                               .operation_id = arena_strdup(h->t.arena, op.text),
                               .channel = "sms",
                               .direction = "outbound",
                               .provider = "twilio",
                               .to = "+33612345678",
                               .from = "+14155550100",
                               .status = "requested",
                               .created_ms = 1,
                               .updated_ms = 1 };
    kind.perform = perform;
    struct operation_order order = { .kind = &kind,
                                     .id = row.operation_id,
                                     .object = row.id,
                                     .request = STR("{}"),
                                     .insert = insert,
                                     .arg = &row };
    CHECK_INT(operation_place(&h->t.ctx, &order, end), OK);
    return row.operation_id;
}

static void check_states(struct house *h, const char *operation, const char *message,
                         const char *jobs) {
    CHECK_TEXT(temp_sql(&h->t, "SELECT state FROM operations"), operation);
    CHECK_TEXT(temp_sql(&h->t, "SELECT status FROM messages"), message);
    CHECK_TEXT(temp_sql(&h->t, "SELECT count(*) FROM jobs"), jobs);
}

/* --- told by the provider --------------------------------------------------------------------- */

TEST(a_callback_settles_what_nobody_knew) {
    struct house h;
    struct operation_end end;
    bool confirmed;
    open_all(&h);
    const char *id = place(&h, breaks, &end);
    CHECK(end.is_accepted);
    check_states(&h, "unknown", "unknown", "1");
    CHECK_INT(operation_confirm(&h.t.ctx, id, &FACTS, &confirmed), OK);
    CHECK(confirmed);
    check_states(&h, "succeeded", "sent", "0");
    CHECK_TEXT(temp_sql(&h.t, "SELECT provider_id FROM messages"), "SM1");
    CHECK_INT(operation_replay(&h.t.ctx, id, &end), OK);
    CHECK(!end.is_accepted && str_find(end.shown, STR("\"body\":\"Hello\"")) > 0);
    house_close(&h);
}

TEST(a_second_callback_changes_nothing) {
    static const struct message_facts OTHERS = { .provider_id = "SM2", .status = "queued" };
    struct house h;
    struct operation_end end;
    bool confirmed;
    open_all(&h);
    const char *id = place(&h, breaks, &end);
    CHECK_INT(operation_confirm(&h.t.ctx, id, &FACTS, &confirmed), OK);
    CHECK_INT(operation_confirm(&h.t.ctx, id, &OTHERS, &confirmed), OK);
    CHECK(!confirmed);
    check_states(&h, "succeeded", "sent", "0");
    CHECK_TEXT(temp_sql(&h.t, "SELECT provider_id FROM messages"), "SM1");
    house_close(&h);
}

TEST(a_callback_of_another_workspace_or_of_nothing_is_passed_over) {
    struct house h;
    struct operation_end end;
    bool confirmed;
    open_all(&h);
    const char *id = place(&h, breaks, &end);
    CHECK_INT(operation_confirm(&h.t.ctx, "op_nothing", &FACTS, &confirmed), OK);
    CHECK(!confirmed);
    str_copy(h.t.ctx.who.workspace_id, sizeof h.t.ctx.who.workspace_id, str_of("ws_b"));
    CHECK_INT(operation_confirm(&h.t.ctx, id, &FACTS, &confirmed), OK);
    CHECK(!confirmed);
    check_states(&h, "unknown", "unknown", "1");
    house_close(&h);
}

TEST(a_callback_that_is_quicker_than_the_answer_stays) {
    struct house h;
    struct operation_end end;
    open_all(&h);
    const char *id = place(&h, calls_back_and_breaks, &end);
    CHECK(!end.is_accepted);
    CHECK(str_find(end.shown, STR("\"provider_id\":\"SM1\"")) > 0);
    check_states(&h, "succeeded", "sent", "0");
    CHECK_TEXT(temp_sql(&h.t, "SELECT attempts FROM operations"), "1");
    CHECK_INT(operation_replay(&h.t.ctx, id, &end), OK);
    house_close(&h);
}

/* --- taken up by somebody else ------------------------------------------------------------------ */

static enum err take(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct operation_row row;
    return operation_row_take(ctx, tx, arg, 1, &row);
}

static int sent;

/* Another run has it before the first byte. */
static enum err is_taken_first(struct ctx *ctx, const struct operation *op,
                               const struct upstream_watch *watch, const void **result) {
    CHECK_INT(db_write(ctx, take, (void *)op->id), OK);
    enum err e = watch->sending(ctx, &REQUEST, watch->arg);
    sent += e == OK;
    return e;
}

/* It waits between two attempts meanwhile. */
static enum err is_taken_while_it_waits(struct ctx *ctx, const struct operation *op,
                                        const struct upstream_watch *watch, const void **result) {
    TRY(watch->sending(ctx, &REQUEST, watch->arg));
    sent++;
    CHECK_INT(db_write(ctx, take, (void *)op->id), OK);
    watch->waiting(ctx, 1, 10, watch->arg);
    enum err e = watch->sending(ctx, &REQUEST, watch->arg);
    sent += e == OK;
    return e;
}

static enum err is_taken_and_refused(struct ctx *ctx, const struct operation *op,
                                     const struct upstream_watch *watch, const void **result) {
    TRY(watch->sending(ctx, &REQUEST, watch->arg));
    CHECK_INT(db_write(ctx, take, (void *)op->id), OK);
    return ctx_fail(ctx, ERR_INVALID, "They do not want it.");
}

static enum err is_taken_and_done(struct ctx *ctx, const struct operation *op,
                                  const struct upstream_watch *watch, const void **result) {
    TRY(watch->sending(ctx, &REQUEST, watch->arg));
    CHECK_INT(db_write(ctx, take, (void *)op->id), OK);
    *result = &FACTS;
    return OK;
}

TEST(who_has_lost_it_sends_nothing_and_has_no_say_but_for_a_success) {
    static const struct {
        performing *perform;
        int sent;
        const char *operation, *message, *jobs;
    } CASES[] = {
        { is_taken_first, 0, "prepared", "requested", "1" },
        { is_taken_while_it_waits, 1, "unknown", "requested", "1" },
        { is_taken_and_refused, 0, "unknown", "requested", "1" },
        { is_taken_and_done, 0, "succeeded", "sent", "0" },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct house h;
        struct operation_end end;
        open_all(&h);
        sent = 0;
        place(&h, CASES[i].perform, &end);
        CHECK_INT(sent, CASES[i].sent);
        CHECK(end.is_accepted == (strcmp(CASES[i].operation, "succeeded") != 0));
        check_states(&h, CASES[i].operation, CASES[i].message, CASES[i].jobs);
        CHECK_TEXT(temp_sql(&h.t, "SELECT epoch FROM operations"), "1");
        house_close(&h);
    }
}

static enum err lease(struct ctx *ctx, struct db_conn *tx, void *arg) {
    int64_t now_ms = ava_steady_ms();
    TRY(job_rows_reclaim(ctx, tx, now_ms + 24 * 3600 * 1000, NULL));
    return job_row_lease(ctx, tx,
                         &(struct job_bid){ .owner = ctx->parts->run_id,
                                            .now_ms = now_ms + 1000,
                                            .lease_until_ms = now_ms + 1000 },
                         arg);
}

TEST(a_job_that_somebody_else_has_leased_is_not_worked_on) {
    struct house h;
    struct operation_end end;
    struct job_row first, second;
    open_all(&h);
    place(&h, is_taken_first, &end);
    CHECK_INT(db_write(&h.t.ctx, lease, &first), OK);
    CHECK_INT(db_write(&h.t.ctx, lease, &second), OK);
    CHECK(first.id && second.id && second.attempts == first.attempts + 1);
    CHECK_INT(operation_work(&h.t.ctx, &first), OK);
    CHECK_TEXT(temp_sql(&h.t, "SELECT epoch FROM operations"), "1"); /* not taken */
    house_close(&h);
}
