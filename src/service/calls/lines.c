#include "service/calls/lines.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "config/config.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "service/calls/budgets.h"
#include "service/calls/calls.h"
#include "store/steps.h"
#include "tasks/jobs.h"

enum {
    LATER_MS = 5 * 60 * 1000,     /* however long the provider asks us to wait */
    WAITING_MAX = 10000,          /* of one workspace */
    LEARNED_MS = 60 * 60 * 1000,  /* a limit that the provider named */
    FULL_MS = 15 * 1000,          /* a refusal: others use the account too, and may leave */
    MEAN_CALL_MS = 2 * 60 * 1000, /* where no call has ended yet */
    ASK_MAX = 20,
    LAST_CALL_MS = 20 * 1000,
    COLLECT_MS = 5000,
};

static int64_t interval_ms(const struct ctx *ctx) {
    return ctx->parts->config->call_check_s * 1000;
}

const char *lines_account(struct ctx *ctx, enum provider p, const struct upstream_credential *c) {
    return arena_join(ctx->arena, provider_name(p), ":", c->id);
}

/* --- in and out ------------------------------------------------------------------------------ */

static enum err want_look(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                          int64_t at_ms) {
    struct job_row job = job_of(ctx, &LINES_JOB, workspace_id, workspace_id, at_ms);
    return job_row_want(ctx, tx, &job);
}

static enum err step_line(struct ctx *ctx, struct db_conn *tx, const struct line_row *next) {
    struct step_row step = { .workspace_id = next->workspace_id,
                             .subject = next->operation_id,
                             .what = "line" };
    return step_row_add(ctx, tx, &step);
}

/* newcomer: has not waited at all; NULL: nobody is new. */
static enum err admit(struct ctx *ctx, struct db_conn *tx, const char *newcomer) {
    int64_t now_ms = ava_wall_ms();
    for (;;) {
        struct line_row next;
        TRY(line_row_next(ctx, tx, now_ms, &next));
        if (!next.call_id)
            return OK;
        TRY(line_row_move(ctx, tx, next.call_id, "held"));
        TRY(line_row_asked(ctx, tx, next.call_id, now_ms));
        if (!newcomer || strcmp(newcomer, next.call_id) != 0)
            TRY(step_line(ctx, tx, &next));
        TRY(operation_begin(ctx, tx, next.workspace_id, next.operation_id));
    }
}

enum err lines_admit(struct ctx *ctx, struct db_conn *tx) {
    return admit(ctx, tx, NULL);
}

enum err lines_enter(struct ctx *ctx, struct db_conn *tx, const struct line_row *row, bool *waits) {
    struct line_counts counts;
    bool is_held = false;
    TRY(line_rows_count(ctx, tx, row->workspace_id, "", &counts));
    if (counts.waiting >= WAITING_MAX) {
        ctx->problem.retry_after_s = MEAN_CALL_MS / 1000;
        return ctx_fail(ctx, ERR_PROVIDER_BUSY,
                        "%d calls of this workspace wait for a free line already.", WAITING_MAX);
    }
    TRY(line_row_put(ctx, tx, row, "waiting"));
    TRY(want_look(ctx, tx, row->workspace_id, ava_wall_ms() + interval_ms(ctx)));
    TRY(admit(ctx, tx, row->call_id)); /* whoever came first goes first */
    struct line_row now;
    TRY(line_row_find(ctx, tx, row->call_id, &now, &is_held));
    *waits = !is_held;
    return OK;
}

enum err lines_take_inbound(struct ctx *ctx, struct db_conn *tx, const struct line_row *row,
                            bool *has_place) {
    bool is_held = false;
    struct line_row now;
    TRY(line_row_find(ctx, tx, row->call_id, &now, &is_held));
    *has_place = is_held;
    if (is_held)
        return OK; /* asked again: the same answer */
    TRY(line_row_has_room(ctx, tx, row, ava_wall_ms(), has_place));
    return *has_place ? lines_note_inbound(ctx, tx, row) : OK;
}

enum err lines_note_inbound(struct ctx *ctx, struct db_conn *tx, const struct line_row *row) {
    int64_t now_ms = ava_wall_ms();
    TRY(line_row_put(ctx, tx, row, "held"));
    TRY(line_row_asked(ctx, tx, row->call_id, now_ms));
    return want_look(ctx, tx, row->workspace_id, now_ms + interval_ms(ctx));
}

enum err lines_leave(struct ctx *ctx, struct db_conn *tx, const char *call_id) {
    struct line_row was;
    TRY(line_row_find(ctx, tx, call_id, &was, NULL));
    if (!was.call_id)
        return OK;
    TRY(line_row_move(ctx, tx, call_id, NULL));
    return lines_admit(ctx, tx);
}

/* --- as the queue of operations ---------------------------------------------------------------- */

static enum err stands(struct ctx *ctx, struct db_conn *c, const struct operation *op,
                       struct operation_wait *out) {
    struct line_standing s;
    TRY(line_row_stands(ctx, c, op->object, ava_wall_ms(), &s));
    out->position = s.position;
    int64_t mean_ms = s.mean_call_ms > 0 ? s.mean_call_ms : MEAN_CALL_MS;
    int64_t room = s.room > 0 ? s.room : 1;
    out->estimate_s = (s.position * mean_ms / room + 999) / 1000;
    return OK;
}

/* How long nobody else is to be let in. */
static int64_t rest_ms(const struct ctx *ctx) {
    int64_t asked_ms = ctx->problem.retry_after_s * 1000;
    return asked_ms > LATER_MS ? LATER_MS : asked_ms > FULL_MS ? asked_ms : FULL_MS;
}

/* The provider has no room although we thought so, or cannot be asked: it waits again, where it
 * stood, and with it whoever else calls over this account. */
static enum err requeue(struct ctx *ctx, struct db_conn *tx, const struct operation *op) {
    struct line_row was;
    int64_t now_ms = ava_wall_ms(), held;
    TRY(line_row_find(ctx, tx, op->object, &was, NULL));
    if (!was.call_id)
        return OK;
    TRY(line_row_move(ctx, tx, op->object, "waiting"));
    TRY(line_account_held(ctx, tx, was.account, &held));
    TRY(line_account_put(ctx, tx, was.account, held, now_ms + rest_ms(ctx)));
    return want_look(ctx, tx, was.workspace_id, now_ms + rest_ms(ctx));
}

const struct operation_queue LINES_QUEUE = { stands, requeue };

/* --- what accounts can take -------------------------------------------------------------------- */

struct learning {
    const char *account;
    int64_t limit;
    bool is_blocked;
};

static enum err learn_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct learning *l = arg;
    int64_t now_ms = ava_wall_ms(), held;
    if (!l->is_blocked)
        return line_account_put(ctx, tx, l->account, l->limit, now_ms + LEARNED_MS);
    TRY(line_account_held(ctx, tx, l->account, &held));
    TRY(line_account_put(ctx, tx, l->account, held < l->limit ? held : l->limit, now_ms + FULL_MS));
    return want_look(ctx, tx, ctx->who.workspace_id, now_ms + FULL_MS);
}

void lines_learn(struct ctx *ctx, const char *account, int64_t limit, bool is_blocked) {
    struct learning l = { account, limit, is_blocked };
    struct problem before = ctx->problem;
    int64_t known, until_ms, now_ms = ava_wall_ms();
    bool is_news = is_blocked ||
                   line_account_find(ctx, db_reader(ctx->parts->db), account, now_ms, &known,
                                     &until_ms) != OK ||
                   known != limit || until_ms < now_ms + LEARNED_MS / 2;
    if (is_news && limit >= 0)
        db_write(ctx, learn_write, &l); /* said again with the next call */
    ctx->problem = before;
}

/* --- asking about those that are silent -------------------------------------------------------- */

/* Nobody knows whether it went out. Where the provider answers that it has no such call, that is
 * the proof; what it answers otherwise settles the operation. */
static enum err give_up_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct call_row *row = arg;
    TRY(budget_forget(ctx, tx, row));
    return lines_leave(ctx, tx, row->id);
}

static void ask_lost(struct ctx *ctx, const struct call_row *row) {
    bool is_absent = false;
    if (operation_look(ctx, row->operation_id, &is_absent) != OK || !is_absent)
        return;
    log_warn(ctx, "call never was", L("call", row->id), L("operation", row->operation_id));
    if (db_write(ctx, give_up_write, (void *)row) == OK)
        jobs_wake(ctx->parts->jobs);
}

static enum err asked_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return line_row_asked(ctx, tx, arg, ava_wall_ms());
}

static enum err ask_one(struct ctx *ctx, const char *call_id) {
    struct call_view v = { .metadata = NULL };
    struct call_facts facts;
    struct problem none = { .err = OK };
    TRY(db_write(ctx, asked_write, (void *)call_id));
    TRY(call_row_find(ctx, db_reader(ctx->parts->db), ctx->who.workspace_id, call_id, &v.row));
    if (v.row.id && v.row.provider_id) {
        enum err e = call_ask(ctx, &v.row, &facts);
        if (e == OK)
            call_take(ctx, &facts, &v);
        else if (e == ERR_PROVIDER_RESOURCE_NOT_FOUND) /* erased there: it cannot go on */
            TRY(db_write(ctx, give_up_write, &v.row));
    } else if (v.row.id && v.row.operation_id && strcmp(v.row.status, "unconfirmed") == 0) {
        ask_lost(ctx, &v.row);
    }
    ctx->problem = none;
    return OK;
}

static enum err look_again_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const char *workspace_id = arg;
    int64_t now_ms = ava_wall_ms(), rest_ms = interval_ms(ctx);
    struct line_counts counts;
    bool is_open;
    TRY(lines_admit(ctx, tx));
    TRY(job_row_delete(ctx, tx, LINES_JOB.name, workspace_id));
    TRY(line_rows_are_open(ctx, tx, workspace_id, now_ms, &is_open));
    TRY(line_rows_count(ctx, tx, workspace_id, "", &counts));
    if (counts.waiting && rest_ms > FULL_MS)
        rest_ms = FULL_MS; /* an account that was full may have room again */
    return is_open ? want_look(ctx, tx, workspace_id, now_ms + rest_ms) : OK;
}

static enum err work(struct ctx *ctx, const struct job_row *job) {
    const char **ids = arena_alloc(ctx->arena, ASK_MAX * sizeof *ids);
    struct ctx own = *ctx;
    size_t count;
    str_copy(own.who.workspace_id, sizeof own.who.workspace_id, str_of(job->workspace_id));
    int64_t began_ms = ava_wall_ms();
    do {
        TRY(line_rows_to_ask(&own, db_reader(ctx->parts->db), job->workspace_id, began_ms, ASK_MAX,
                             ids, &count));
        for (size_t i = 0; i < count; i++)
            TRY(ask_one(&own, ids[i]));
    } while (count && ctx_left_ms(&own) > LAST_CALL_MS);
    TRY(db_write(&own, look_again_write, (void *)job->workspace_id));
    jobs_wake(ctx->parts->jobs);
    return OK;
}

const struct job_kind LINES_JOB = { .name = "lines", .work = work, .lasts = true };

void lines_collect(void *arg) {
    const struct parts *parts = arg;
    struct arena *a = arena_new(4096);
    struct ctx ctx;
    struct line_counts counts;
    ctx_init(&ctx, parts, a, COLLECT_MS);
    if (line_rows_count_all(&ctx, db_reader(parts->db), &counts) == OK) {
        metric_set(METRIC_CALLS_LIVE, (double)counts.held, NULL);
        metric_set(METRIC_CALLS_WAITING, (double)counts.waiting, NULL);
    }
    arena_free(a);
}
