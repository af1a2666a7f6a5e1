#include "service/calls/twilio_calls.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/sift.h"
#include "obs/fields.h"
#include "providers/twilio_calls.h"
#include "service/calls/call_news.h"
#include "service/calls/calls.h"
#include "service/calls/lines.h"
#include "service/connections/endpoints.h"
#include "service/connections/lending.h"
#include "tasks/matching.h"

/* The longest that Ava's own setting max_call_duration allows. The workspace's own value is a field
 * of its assistant at Vapi; a call that has nothing to do with that assistant does not ask Vapi for
 * it, and what the cache happens to hold would limit one call and not the next. Twilio's default is
 * four hours. */
enum { TWIML_CHARS_MAX = 4000, TIME_LIMIT_S = 3600 };

/* --- what is asked --------------------------------------------------------------------------- */

static bool is_given(const json_t *body, const char *name) {
    const json_t *value = json_object_get(body, name);
    return value && !json_is_null(value);
}

static enum err check_body(struct ctx *ctx, const json_t *body) {
    static const char *const KNOWN[] = { "to", "from", "url", "twiml" };
    bool url = is_given(body, "url"), twiml = is_given(body, "twiml");
    field_phone(ctx, body, "to", "the number to call");
    field_phone(ctx, body, "from", "the number to call from, one of your Twilio account");
    field_https(ctx, "url", json_object_get(body, "url"));
    field_text(ctx, body, "twiml", false, 1, TWIML_CHARS_MAX);
    if (!url && !twiml)
        ctx_field(ctx, "url", "required",
                  "Say what the call shall do: send url, where Twilio asks, or twiml.");
    if (url && twiml)
        ctx_field(ctx, "twiml", "excluded", "Send url or twiml, not both.");
    return fields_known(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
}

/* --- placing one ----------------------------------------------------------------------------- */

static struct str request_of(struct ctx *ctx, const json_t *body) {
    static const char *const NAMES[] = { "to", "from", "url", "twiml" };
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    jsonw_object(&w);
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
        if (json_text(body, NAMES[i]))
            jsonw_text_at(&w, NAMES[i], json_text(body, NAMES[i]));
    jsonw_object_end(&w);
    return buf_view(out);
}

enum err twilio_call_place(struct ctx *ctx, const json_t *body, enum operation_patience patience,
                           const struct id *claim, struct operation_end *out) {
    struct lent lent;
    struct call_placing p = { .metadata = STR("null") };
    *out = (struct operation_end){ .was_abandoned = true };
    TRY(check_body(ctx, body));
    TRY(lending_find(ctx, PROVIDER_TWILIO, &lent));
    TRY(lent_owns_numbers(ctx, &lent));
    call_placing_init(ctx, &p, PROVIDER_TWILIO);
    p.row.to = json_text(body, "to");
    p.row.from = json_text(body, "from");
    p.seconds_max = TIME_LIMIT_S;
    p.account = lines_account(ctx, PROVIDER_TWILIO, &lent.ref);
    struct operation_order order = { .kind = &TWILIO_CALL_CREATE,
                                     .id = p.row.operation_id,
                                     .object = p.row.id,
                                     .request = request_of(ctx, body),
                                     .insert = call_placing_insert,
                                     .arg = &p,
                                     .waits = &p.waits,
                                     .claim = claim,
                                     .patience = patience };
    enum err e = operation_place(ctx, &order, out);
    if (e == ERR_BUDGET_EXHAUSTED)
        call_news_refused(ctx);
    return e;
}

/* --- as an operation ------------------------------------------------------------------------- */

/* The order from the stored request of the operation. */
static enum err order_of(struct ctx *ctx, const struct operation *op,
                         struct twilio_call_order *order) {
    json_t *request = sift_own(ctx->arena, op->request);
    *order = (struct twilio_call_order){ .to = json_text(request, "to"),
                                         .from = json_text(request, "from"),
                                         .url = json_text(request, "url"),
                                         .twiml = json_text(request, "twiml"),
                                         .time_limit_s = TIME_LIMIT_S };
    if (!order->to || !order->from || (!order->url && !order->twiml))
        return ctx_fail(ctx, ERR_INTERNAL, "The stored request cannot be read.");
    return OK;
}

/* Creates the call at Twilio; the callback address carries the operation's id. */
static enum err perform(struct ctx *ctx, const struct operation *op,
                        const struct upstream_watch *watch, const void **result) {
    struct lent lent;
    struct twilio_call_order order;
    struct call_facts *facts = arena_alloc(ctx->arena, sizeof *facts);
    TRY(order_of(ctx, op, &order));
    TRY(lending_find(ctx, PROVIDER_TWILIO, &lent));
    TRY(endpoint_callback(ctx, PROVIDER_TWILIO, "status", op->id, &order.callback));
    TRY(twilio_call_create(ctx, &lent.ref, lent.account.account_sid, &order, watch, facts));
    *result = facts;
    return OK;
}

/* Asks Twilio once for all calls since the first of the operations was sent. *listed: struct
 * twilio_listed. */
static enum err list(struct ctx *ctx, const struct operation *const *ops, size_t count,
                     const void **listed) {
    struct lent lent;
    struct twilio_listed *all = arena_alloc(ctx->arena, sizeof *all);
    TRY(lending_find(ctx, PROVIDER_TWILIO, &lent));
    TRY(twilio_calls_since(ctx, &lent.ref, lent.account.account_sid, operations_oldest(ops, count),
                           all));
    *listed = all;
    return OK;
}

/* Looks for calls with the same numbers at that time, in the list where it is whole, else at Twilio; only
 * a certain match counts. */
static enum err look_up(struct ctx *ctx, const struct operation *op, const void *listed,
                        const void **result, bool *is_absent) {
    struct lent lent;
    struct twilio_call_order order;
    struct twilio_matches matches;
    const struct twilio_listed *all = listed;
    int64_t others;
    TRY(order_of(ctx, op, &order));
    TRY(lending_find(ctx, PROVIDER_TWILIO, &lent));
    struct matching_span run = matching_run(op->sent_ms), rivals = matching_rivals(op->sent_ms);
    struct twilio_search search = {
        .to = order.to,
        .from = order.from,
        .since_ms = run.since_ms,
        .until_ms = run.until_ms,
        .is_unbounded = operation_proves_absence(op),
    };
    struct rival_like like = { .id = op->object,
                               .workspace_id = ctx->who.workspace_id,
                               .to = order.to,
                               .from = order.from,
                               .since_ms = rivals.since_ms,
                               .until_ms = rivals.until_ms };
    TRY(call_rows_unsettled(ctx, db_reader(ctx), &like, &others));
    *is_absent = false;
    if (all && others)
        return OK; /* nothing is certain beside a rival */
    if (all && all->is_whole)
        twilio_choose(ctx, all, &search, &matches);
    else
        TRY(twilio_calls_like(ctx, &lent.ref, lent.account.account_sid, &search, &matches));
    return matching_find(ctx, &matches, op->object, call_row_is_taken, others, result, is_absent);
}

const struct operation_kind TWILIO_CALL_CREATE = { .name = "twilio_call.create",
                                                   .event = "call",
                                                   .provider = PROVIDER_TWILIO,
                                                   .perform = perform,
                                                   .look_up = look_up,
                                                   .settle = call_settle,
                                                   .forget = call_forget,
                                                   .queue = &LINES_QUEUE,
                                                   .list = list };
