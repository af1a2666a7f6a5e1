#include "service/calls/inbound.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/jsonw.h"
#include "base/sift.h"
#include "providers/dialect.h"
#include "service/assistants/call_length.h"
#include "service/calls/budgets.h"
#include "service/calls/call_news.h"
#include "service/calls/call_reports.h"
#include "service/calls/lines.h"
#include "tasks/feed.h"
#include "tasks/soon.h"

enum { WRITE_MS = 300, ADMITTING_BYTES = 4 << 20 };

/* Begins with what a copy of goes on by itself when nobody waits any more. */
struct admission {
    struct soon soon;
    enum provider provider;
    const char *type, *account;
    struct str body; /* JSON */
    int64_t received_ms, seconds_max;
    struct call_report report;
    bool is_call, has_place;
    struct str shown; /* the call, when it is new */
    enum err result;
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

static void read_facts(struct ctx *ctx, enum provider p, const char *type, const json_t *body,
                       int64_t received_ms, struct dialect_facts *facts) {
    struct dialect_event event = { .type = type, .body = body, .received_ms = received_ms };
    *facts = (struct dialect_facts){ .call = { .provider_id = NULL } };
    dialect_of(p)->read_event(ctx, &event, facts); /* what it does not tell is not there */
}

static void admit_alone(struct soon *soon) {
    struct admission *a = (struct admission *)soon;
    struct ctx *ctx = &soon->ctx;
    struct dialect_facts facts;
    read_facts(ctx, a->provider, a->type, sift_own(soon->arena, a->body), a->received_ms, &facts);
    call_report_of(ctx, provider_name(a->provider), &facts.call, a->received_ms, &a->report);
    a->is_call = facts.call.provider_id;
    a->result = a->is_call ? db_write(ctx, admit_write, a) : OK;
    if (a->result == ERR_BUDGET_EXHAUSTED)
        call_news_refused(ctx);
    if (a->result == OK && a->shown.ptr)
        feed_publish(ctx->parts->feed, ctx->who.workspace_id, "call", a->shown);
}

/* Begins it; all that it needs is its own. */
static struct admission *admission_begin(struct ctx *ctx, enum provider p, const char *type,
                                         const json_t *body, const struct lent *lent,
                                         int64_t seconds_max) {
    struct buf text = { 0 };
    struct jsonw w = jsonw_to(&text);
    jsonw_tree(&w, body);
    struct admission *a =
        soon_new(ctx, sizeof *a, ADMITTING_BYTES + 8 * text.len, WRITE_MS, admit_alone);
    a->provider = p;
    a->type = arena_strdup(a->soon.arena, type);
    a->account = arena_strdup(a->soon.arena, lines_account(ctx, p, &lent->ref));
    a->body = (struct str){ arena_copy(a->soon.arena, text.ptr, text.len), text.len };
    a->received_ms = ava_wall_ms();
    a->seconds_max = seconds_max;
    a->result = ERR_STORAGE_UNAVAILABLE;
    buf_fini(&text);
    soon_begin(&a->soon);
    return a;
}

bool inbound_admit(struct ctx *ctx, enum provider p, const char *type, const json_t *body,
                   const struct lent *lent, int64_t until_ms, int64_t *seconds_max) {
    struct dialect_facts facts;
    struct ctx own = *ctx;
    int64_t length = 0;
    own.deadline_ms = ava_now_ms() + WRITE_MS;
    *seconds_max = 0;
    read_facts(&own, p, type, body, ava_wall_ms(), &facts);
    if (!until_ms || call_length_known(&own, db_reader(&own), ctx->who.workspace_id, &length) != OK)
        return !is_limited(&own, facts.call.to);
    struct admission *a = admission_begin(&own, p, type, body, lent, length);
    bool is_over = soon_wait(&a->soon, until_ms);
    enum err e = is_over ? a->result : ERR_STORAGE_UNAVAILABLE;
    if (e == OK)
        *seconds_max = length;
    bool may = e == OK ? !a->is_call || a->has_place
                       : e != ERR_BUDGET_EXHAUSTED && !is_limited(&own, facts.call.to);
    soon_let_go(&a->soon);
    return may;
}
