#include "service/calls/inbound.h"

#include "base/clock.h"
#include "providers/dialect.h"
#include "service/assistants/call_length.h"
#include "service/calls/budgets.h"
#include "service/calls/call_news.h"
#include "service/calls/call_reports.h"
#include "service/calls/lines.h"
#include "tasks/feed.h"

enum { WRITE_MS = 300 };

struct admission {
    struct call_report report;
    const char *account;
    int64_t seconds_max;
    bool has_place;
    struct str shown; /* the call, when it is new */
};

/* Writes the call as reported, gives it a line and reserves its budget, or says that there is
 * none. */
static enum err admit_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct admission *a = arg;
    struct call_row row;
    struct line_row had;
    const char *workspace_id = ctx->who.workspace_id;
    bool waits; /* never: the direction is known */
    TRY(call_report_apply(ctx, tx, workspace_id, &a->report, &a->shown, &waits));
    TRY(call_row_find_by_provider(ctx, tx, workspace_id, a->report.provider,
                                  a->report.facts.provider_id, &row));
    a->has_place = row.id && !row.ended_ms;
    if (!a->has_place)
        return OK;
    struct line_row line = {
        .call_id = row.id, .workspace_id = workspace_id, .line = row.to, .account = a->account
    };
    TRY(line_row_find(ctx, tx, row.id, &had, NULL));
    TRY(lines_take_inbound(ctx, tx, &line, &a->has_place));
    if (!a->has_place || had.call_id)
        return OK;
    return budget_reserve(ctx, tx, &row, line.line, a->seconds_max);
}

static bool has_limits(struct ctx *ctx, const char *number) {
    struct call_limits_row l;
    struct db_conn *c = db_reader(ctx);
    return call_limits_row_find(ctx, c, ctx->who.workspace_id, number, &l) == OK && l.workspace_id;
}

/* Does anything limit the calls of this workspace, or of our number that is called (NULL: not
 * known)? What cannot be read does not. */
static bool is_limited(struct ctx *ctx, const char *number) {
    return has_limits(ctx, "") || (number && number[0] && has_limits(ctx, number));
}

bool inbound_admit(struct ctx *ctx, enum provider p, const char *type, const json_t *body,
                   const struct lent *lent, bool can_write, int64_t *seconds_max) {
    struct dialect_event event = { .type = type, .body = body, .received_ms = ava_wall_ms() };
    struct dialect_facts facts = { .call = { .provider_id = NULL } };
    struct admission a = { .account = lines_account(ctx, p, &lent->ref) };
    struct ctx own = *ctx;
    own.deadline_ms = ava_now_ms() + WRITE_MS;
    *seconds_max = 0;
    dialect_of(p)->read_event(&own, &event, &facts); /* what it does not tell is not there */
    if (!can_write)
        return !is_limited(&own, facts.call.to);
    call_report_of(&own, provider_name(p), &facts.call, event.received_ms, &a.report);
    bool is_call = facts.call.provider_id;
    enum err e = call_length_known(&own, db_reader(ctx), ctx->who.workspace_id, &a.seconds_max);
    if (e == OK && is_call)
        e = db_write(&own, admit_write, &a);
    if (e == ERR_BUDGET_EXHAUSTED)
        call_news_refused(&own);
    if (e == OK) {
        if (a.shown.ptr)
            feed_publish(ctx->parts->feed, ctx->who.workspace_id, "call", a.shown);
        *seconds_max = a.seconds_max;
    }
    bool may = e == OK ? !is_call || a.has_place
                       : e != ERR_BUDGET_EXHAUSTED && !is_limited(&own, facts.call.to);
    return may;
}
