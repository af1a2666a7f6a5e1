#include "service/calls/budgets.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/jsonw.h"
#include "config/config.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "service/calls/call_status.h"
#include "store/audit.h"
#include "tasks/happened.h"

enum { DAY_MS = 24 * 3600 * 1000, MICROS_PER_CENT = 10000, NEAR_PERCENT = 80 };

int64_t budget_worst_micros(int64_t seconds, int64_t cents_per_minute) {
    return (seconds + 59) / 60 * cents_per_minute * MICROS_PER_CENT;
}

/* "" is the workspace as a whole; the other is the number of ours that a call goes over. */
struct scopes {
    const char *numbers[2];
    size_t count;
};

/* The scopes a call counts in: the workspace, and our number if it has one. */
static struct scopes scopes_of(const char *line) {
    return (struct scopes){ { "", line }, line[0] ? 2 : 1 };
}

/* Does the workspace, or the number of ours, have a daily budget? */
static enum err budget_applies(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                               const char *line, bool *applies) {
    struct scopes s = scopes_of(line);
    *applies = false;
    for (size_t i = 0; i < s.count; i++) {
        struct call_limits_row l;
        TRY(call_limits_row_find(ctx, c, workspace_id, s.numbers[i], &l));
        *applies |= call_limits_row_is_daily(&l);
    }
    return OK;
}

/* --- telling that little is left --------------------------------------------------------------- */

static bool is_near(int64_t taken, int64_t limit) {
    return taken >= (limit * NEAR_PERCENT + 99) / 100;
}

int64_t budget_near(const struct call_limits_row *l, const struct call_day *d) {
    int64_t bits = 0;
    if (l->daily_minutes != CALL_NO_LIMIT &&
        is_near(d->seconds + d->reserved_seconds, l->daily_minutes * 60))
        bits |= CALL_ALERT_MINUTES;
    if (l->daily_cost_cents != CALL_NO_LIMIT &&
        is_near(d->cost_micros + d->reserved_micros, l->daily_cost_cents * MICROS_PER_CENT))
        bits |= CALL_ALERT_COST;
    return bits;
}

/* A limit of nothing is a switch, and switches are not told of. */
static int64_t switches(const struct call_limits_row *l) {
    return (l->daily_minutes == 0 ? CALL_ALERT_MINUTES : 0) |
           (l->daily_cost_cents == 0 ? CALL_ALERT_COST : 0);
}

/* Tells the workspace's rules. */
static enum err tell_rules(struct ctx *ctx, struct db_conn *tx, const struct call_row *row,
                           const char *number, int64_t bits) {
    const char *what = bits & CALL_ALERT_MINUTES ? "minutes" : "money";
    struct happening h = {
        .event = "budget.80",
        .cause = arena_printf(ctx->arena, "budget:%lld:%s:%s",
                              (long long)call_day_of(row->created_ms), number, what),
        .said = arena_printf(ctx->arena, "%d %% of today's %s%s%s are used or reserved.",
                             NEAR_PERCENT, what, number[0] ? " of the number " : "", number)
    };
    return happened(ctx, tx, row->workspace_id, &h);
}

/* Warns once: audit log, metric and log line. */
static enum err tell(struct ctx *ctx, struct db_conn *tx, const char *number, int64_t bits) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_bool_at(&w, "minutes", bits & CALL_ALERT_MINUTES);
    jsonw_bool_at(&w, "cost", bits & CALL_ALERT_COST);
    jsonw_i64_at(&w, "percent", NEAR_PERCENT);
    jsonw_object_end(&w);
    metric_add(METRIC_BUDGET_ALERTS, 1, bits & CALL_ALERT_MINUTES ? "minutes" : "cost");
    log_warn(ctx, "budget nearly used up",
             L("kind", bits & CALL_ALERT_MINUTES ? "minutes" : "cost"));
    return audit_write(ctx, tx,
                       (struct audit_entry){ .action = "budget.alert",
                                             .object = number[0] ? number : "workspace",
                                             .detail = str_dup(ctx->arena, buf_view(b)) });
}

/* Warns when NEAR_PERCENT of a budget is taken, once a day for each kind of limit. */
static enum err look_out(struct ctx *ctx, struct db_conn *tx, const struct call_row *row,
                         const char *number) {
    struct call_limits_row l;
    struct call_day d;
    int64_t day = call_day_of(row->created_ms);
    TRY(call_limits_row_find(ctx, tx, row->workspace_id, number, &l));
    if (!call_limits_row_is_daily(&l))
        return OK;
    TRY(call_day_read(ctx, tx, row->workspace_id, number, day, &d));
    int64_t fresh = budget_near(&l, &d) & ~switches(&l) & ~d.alerted;
    for (int64_t bit = CALL_ALERT_MINUTES; bit <= CALL_ALERT_COST; bit <<= 1)
        if (fresh & bit) {
            TRY(tell(ctx, tx, number, bit));
            TRY(tell_rules(ctx, tx, row, number, bit));
        }
    return fresh ? call_day_alert(ctx, tx, row->workspace_id, number, day, d.alerted | fresh) : OK;
}

static enum err look_out_all(struct ctx *ctx, struct db_conn *tx, const struct call_row *row,
                             const char *line) {
    struct scopes s = scopes_of(line);
    for (size_t i = 0; i < s.count; i++)
        TRY(look_out(ctx, tx, row, s.numbers[i]));
    return OK;
}

/* --- reserving ------------------------------------------------------------------------------- */

/* The refusal, with the seconds until the next day (UTC) as retry_after_s. */
static enum err exhausted(struct ctx *ctx, const char *number, const char *what) {
    int64_t now_ms = ava_wall_ms();
    metric_add(METRIC_BUDGET_REFUSALS, 1, strcmp(what, "minutes") == 0 ? "minutes" : "cost");
    ctx->problem.retry_after_s = (DAY_MS - now_ms % DAY_MS + 999) / 1000;
    return ctx_fail(ctx, ERR_BUDGET_EXHAUSTED,
                    "What is left of today's %s%s%s is less than this call may take. Raise the "
                    "limit, or call again tomorrow (UTC).",
                    what, number[0] ? " of the number " : "", number);
}

/* Refuses a call whose worst case does not fit into what is left of the day's budget. */
static enum err check(struct ctx *ctx, struct db_conn *tx, const struct call_row *row,
                      const char *number, int64_t seconds, int64_t micros) {
    struct call_limits_row l;
    struct call_day d;
    TRY(call_limits_row_find(ctx, tx, row->workspace_id, number, &l));
    if (!call_limits_row_is_daily(&l))
        return OK;
    TRY(call_day_read(ctx, tx, row->workspace_id, number, call_day_of(row->created_ms), &d));
    if (l.daily_minutes != CALL_NO_LIMIT &&
        d.seconds + d.reserved_seconds + seconds > l.daily_minutes * 60)
        return exhausted(ctx, number, "minutes");
    if (l.daily_cost_cents != CALL_NO_LIMIT &&
        d.cost_micros + d.reserved_micros + micros > l.daily_cost_cents * MICROS_PER_CENT)
        return exhausted(ctx, number, "money");
    return OK;
}

enum err budget_reserve(struct ctx *ctx, struct db_conn *tx, const struct call_row *row,
                        const char *line, int64_t seconds) {
    struct scopes s = scopes_of(line);
    struct call_book book;
    int64_t micros = budget_worst_micros(seconds, ctx->parts->config->call_cents_per_minute);
    bool applies;
    TRY(budget_applies(ctx, tx, row->workspace_id, line, &applies));
    if (!applies)
        return OK;
    for (size_t i = 0; i < s.count; i++)
        TRY(check(ctx, tx, row, s.numbers[i], seconds, micros));
    TRY(call_book_find(ctx, tx, row->id, &book));
    book.reserved_seconds = seconds;
    book.reserved_micros = micros;
    TRY(call_book_put(ctx, tx, row->id, &book));
    return look_out_all(ctx, tx, row, line);
}

/* --- booking --------------------------------------------------------------------------------- */

/* Replaces what a call has booked; the difference goes into the sums of its day. */
static enum err rebook(struct ctx *ctx, struct db_conn *tx, const struct call_row *row,
                       const struct call_book *was, const struct call_book *is) {
    struct scopes s = scopes_of(was->line);
    int64_t seconds = is->booked_seconds - was->booked_seconds;
    int64_t micros = is->booked_micros - was->booked_micros;
    if (micros > 0)
        metric_add(METRIC_CALLS_COST, micros, NULL);
    for (size_t i = 0; (seconds || micros) && i < s.count; i++)
        TRY(call_day_add(ctx, tx, row->workspace_id, s.numbers[i], call_day_of(row->created_ms),
                         seconds, micros));
    return call_book_put(ctx, tx, row->id, is);
}

/* A call that ended keeps its money reserved until the provider has said what it cost. */
static struct call_book book_of(const struct call_row *row, const struct call_book *was) {
    struct call_book is = *was;
    bool has_talked = row->started_ms && row->ended_ms > row->started_ms;
    if (!call_is_over(row))
        return is;
    is.booked_seconds = has_talked ? (row->ended_ms - row->started_ms + 999) / 1000 : 0;
    is.booked_micros = row->has_cost ? row->cost_micros : 0;
    is.reserved_seconds = 0;
    if (row->has_cost || !has_talked)
        is.reserved_micros = 0;
    return is;
}

enum err budget_book(struct ctx *ctx, struct db_conn *tx, const struct call_row *row) {
    struct call_book was;
    TRY(call_book_find(ctx, tx, row->id, &was));
    struct call_book is = book_of(row, &was);
    if (is.booked_seconds == was.booked_seconds && is.booked_micros == was.booked_micros &&
        is.reserved_seconds == was.reserved_seconds && is.reserved_micros == was.reserved_micros)
        return OK;
    TRY(rebook(ctx, tx, row, &was, &is));
    return look_out_all(ctx, tx, row, was.line);
}

enum err budget_estimate(struct ctx *ctx, struct db_conn *tx, const struct call_row *row) {
    struct call_book was;
    TRY(call_book_find(ctx, tx, row->id, &was));
    struct call_book is = was;
    bool has_talked = row->started_ms && row->ended_ms > row->started_ms;
    int64_t talked_s = has_talked ? (row->ended_ms - row->started_ms + 999) / 1000 : 0;
    is.booked_seconds =
        talked_s && talked_s < was.reserved_seconds ? talked_s : was.reserved_seconds;
    is.booked_micros = row->has_cost ? row->cost_micros : was.reserved_micros;
    is.reserved_seconds = is.reserved_micros = 0;
    TRY(rebook(ctx, tx, row, &was, &is));
    return look_out_all(ctx, tx, row, was.line);
}

enum err budget_forget(struct ctx *ctx, struct db_conn *tx, const struct call_row *row) {
    struct call_book was;
    TRY(call_book_find(ctx, tx, row->id, &was));
    return rebook(ctx, tx, row, &was, &(struct call_book){ .line = was.line });
}
