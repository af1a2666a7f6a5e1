#include "service/calls/lines.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "config/config.h"
#include "obs/metrics.h"
#include "providers/call_facts.h"
#include "service/calls/budgets.h"
#include "service/connections/lending.h"
#include "store/steps.h"

enum {
    LATER_MS = 5 * 60 * 1000,     /* however long the provider asks us to wait */
    WAITING_MAX = 10000,          /* of one workspace */
    LEARNED_MS = 60 * 60 * 1000,  /* a limit that the provider named */
    MEAN_CALL_MS = 2 * 60 * 1000, /* where no call has ended yet */
    COLLECT_MS = 5000,
};

const char LINES_JOB_NAME[] = "lines";

int64_t lines_check_interval_ms(const struct ctx *ctx) {
    return ctx->parts->config->call_check_s * 1000;
}

const char *lines_account(struct ctx *ctx, enum provider p, const struct upstream_credential *c) {
    return arena_join(ctx->arena, provider_name(p), ":", c->id);
}

/* --- in and out ------------------------------------------------------------------------------ */

enum err lines_want_check(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                          int64_t at_ms) {
    struct job_row job = job_of(ctx, LINES_JOB_NAME, workspace_id, workspace_id, at_ms);
    return job_row_want(ctx, tx, &job);
}

/* The step "line" for the timeline of the call that is let in. */
static enum err step_line(struct ctx *ctx, struct db_conn *tx, const struct line_row *next) {
    struct step_row step = { .workspace_id = next->workspace_id,
                             .subject = next->operation_id,
                             .what = "line" };
    return step_row_add(ctx, tx, &step);
}

/* Do workspaces share accounts? Those of the platform, which all hosts are set to. */
static bool are_shared(const struct ctx *ctx) {
    return lending_has_platform(ctx->parts->lending);
}

enum err lines_lock(struct ctx *ctx, struct db_conn *tx) {
    return are_shared(ctx) ? db_lock(ctx, tx, "lines") : OK;
}

/* Gives a line to each that waits and may go, in turn; where accounts are shared, of all workspaces. newcomer: the call that has not waited, so
 * that its timeline does not say so; NULL: none. */
static enum err admit(struct ctx *ctx, struct db_conn *tx, const char *newcomer) {
    int64_t now_ms = ava_steady_ms();
    const char *own = are_shared(ctx) ? NULL : ctx->who.workspace_id;
    TRY(lines_lock(ctx, tx));
    for (;;) {
        struct line_row next;
        TRY(line_row_next(ctx, tx, own, now_ms, &next));
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
    TRY(lines_lock(ctx, tx));
    TRY(line_rows_count(ctx, tx, row->workspace_id, "", &counts));
    if (counts.waiting >= WAITING_MAX) {
        ctx->problem.retry_after_s = MEAN_CALL_MS / 1000;
        return ctx_fail(ctx, ERR_PROVIDER_BUSY,
                        "%d calls of this workspace wait for a free line already.", WAITING_MAX);
    }
    TRY(line_row_put(ctx, tx, row, "waiting"));
    TRY(lines_want_check(ctx, tx, row->workspace_id,
                         ava_steady_ms() + lines_check_interval_ms(ctx)));
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
    TRY(lines_lock(ctx, tx));
    TRY(line_row_find(ctx, tx, row->call_id, &now, &is_held));
    *has_place = is_held;
    if (is_held)
        return OK; /* asked again: the same answer */
    TRY(line_row_has_room(ctx, tx, row, ava_steady_ms(), has_place));
    return *has_place ? lines_note_inbound(ctx, tx, row) : OK;
}

enum err lines_note_inbound(struct ctx *ctx, struct db_conn *tx, const struct line_row *row) {
    int64_t now_ms = ava_steady_ms();
    TRY(lines_lock(ctx, tx));
    TRY(line_row_put(ctx, tx, row, "held"));
    TRY(line_row_asked(ctx, tx, row->call_id, now_ms));
    return lines_want_check(ctx, tx, row->workspace_id, now_ms + lines_check_interval_ms(ctx));
}

enum err lines_leave(struct ctx *ctx, struct db_conn *tx, const char *call_id) {
    struct line_row was;
    TRY(lines_lock(ctx, tx));
    TRY(line_row_find(ctx, tx, call_id, &was, NULL));
    if (!was.call_id)
        return OK;
    TRY(line_row_move(ctx, tx, call_id, NULL));
    return lines_admit(ctx, tx);
}

/* --- as the queue of operations ---------------------------------------------------------------- */

/* The position, and an estimate from the mean length of calls and the lines there are. */
static enum err stands(struct ctx *ctx, struct db_conn *c, const struct operation *op,
                       struct operation_wait *out) {
    struct line_standing s;
    TRY(line_row_stands(ctx, c, op->object, ava_steady_ms(), &s));
    out->position = s.position;
    int64_t mean_ms = s.mean_call_ms > 0 ? s.mean_call_ms : MEAN_CALL_MS;
    int64_t room = s.room > 0 ? s.room : 1;
    out->estimate_s = (s.position * mean_ms / room + 999) / 1000;
    return OK;
}

/* For how long nobody else is let in over this account: what the provider asked for, within
 * bounds. */
static int64_t rest_ms(const struct ctx *ctx) {
    int64_t asked_ms = ctx->problem.retry_after_s * 1000;
    return asked_ms > LATER_MS ? LATER_MS : asked_ms > LINES_FULL_MS ? asked_ms : LINES_FULL_MS;
}

/* The provider had no room although we thought so, or cannot be reached: the call waits again,
 * where it stood, and with it all who call over this account; or over this number alone, when the wait
 * is longer than any account's, since the number's day is used up. */
static enum err requeue(struct ctx *ctx, struct db_conn *tx, const struct operation *op) {
    struct line_row was;
    int64_t now_ms = ava_steady_ms(), held;
    TRY(lines_lock(ctx, tx));
    TRY(line_row_find(ctx, tx, op->object, &was, NULL));
    if (!was.call_id)
        return OK;
    TRY(line_row_move(ctx, tx, op->object, "waiting"));
    if (ctx->problem.retry_after_s * 1000 > LATER_MS && was.line[0]) {
        int64_t until_ms = now_ms + ctx->problem.retry_after_s * 1000;
        TRY(line_row_rest(ctx, tx, was.workspace_id, was.line, until_ms));
        return lines_want_check(ctx, tx, was.workspace_id, until_ms);
    }
    TRY(line_account_held(ctx, tx, was.account, &held));
    TRY(line_account_put(ctx, tx, was.account, held, now_ms + rest_ms(ctx)));
    return lines_want_check(ctx, tx, was.workspace_id, now_ms + rest_ms(ctx));
}

const struct operation_queue LINES_QUEUE = { stands, requeue };

/* --- what accounts can take -------------------------------------------------------------------- */

struct learning {
    const char *account;
    int64_t limit; /* -1: it did not say */
    bool is_blocked, is_over;
};

/* Stores the limit of the account; a blocked call means that it has no more room than we hold. */
static enum err learn_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct learning *l = arg;
    int64_t now_ms = ava_steady_ms(), held;
    TRY(lines_lock(ctx, tx));
    if (!l->is_blocked)
        return line_account_put(ctx, tx, l->account, l->limit, now_ms + LEARNED_MS);
    TRY(line_account_held(ctx, tx, l->account, &held));
    held -= l->is_over && held > 0;
    TRY(line_account_put(ctx, tx, l->account, l->limit < 0 || held < l->limit ? held : l->limit,
                         now_ms + LINES_FULL_MS));
    return lines_want_check(ctx, tx, ctx->who.workspace_id, now_ms + LINES_FULL_MS);
}

void lines_learn(struct ctx *ctx, const char *account, const struct call_facts *facts) {
    struct learning l = { account, facts->account_calls, facts->is_blocked, facts->is_refused };
    SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx);
    int64_t known, until_ms, now_ms = ava_steady_ms();
    bool is_news =
        l.is_blocked ||
        line_account_find(ctx, db_reader(ctx), account, now_ms, &known, &until_ms) != OK ||
        known != l.limit || until_ms < now_ms + LEARNED_MS / 2;
    if (is_news && (l.limit >= 0 || l.is_blocked))
        db_write(ctx, learn_write, &l); /* said again with the next call */
}

/* --- seen from outside ------------------------------------------------------------------------ */

void lines_collect(void *arg) {
    const struct parts *parts = arg;
    struct arena *a = arena_new(4096);
    struct ctx ctx;
    struct line_counts counts;
    ctx_init(&ctx, parts, a, COLLECT_MS);
    if (line_rows_count_all(&ctx, db_reader(&ctx), &counts) == OK) {
        metric_set(METRIC_CALLS_LIVE, (double)counts.held, NULL);
        metric_set(METRIC_CALLS_WAITING, (double)counts.waiting, NULL);
    }
    arena_free(a);
}
