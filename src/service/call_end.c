/* Ending calls: each provider in its own way, one answer for both. */
#include <string.h>

#include "providers/twilio_calls.h"
#include "providers/vapi_calls.h"
#include "service/call_status.h"
#include "service/calls.h"
#include "service/lending.h"

/* *facts: how it stands after that. */
static enum err hang_up(struct ctx *ctx, const struct call_row *row, struct str *facts) {
    struct lent lent;
    bool ended;
    enum provider p = provider_parse(str_of(row->provider));
    TRY(lending_find(ctx, p, &lent));
    if (p == PROVIDER_TWILIO)
        return twilio_call_end(ctx, &lent.ref, lent.account_sid, row->provider_id, facts);
    TRY(vapi_call_end(ctx, &lent.ref, row->provider_id, &ended));
    return call_ask(ctx, row, facts);
}

/* One that still waits for a free line never goes out. */
static enum err withdraw(struct ctx *ctx, struct call_view *out, bool *done) {
    *done = false;
    if (strcmp(out->row.status, "waiting") != 0)
        return OK;
    TRY(operation_cancel(ctx, out->row.operation_id, done));
    return call_read(ctx, out->row.id, out);
}

enum err call_end(struct ctx *ctx, const char *id, struct call_view *out) {
    struct str facts;
    bool done;
    TRY(call_read(ctx, id, out));
    TRY(withdraw(ctx, out, &done));
    if (done || call_row_is_over(&out->row))
        return OK;
    if (!out->row.provider_id) {
        ctx->problem.service = out->row.provider;
        ctx->problem.operation_id = out->row.operation_id;
        return ctx_fail(ctx, ERR_OUTCOME_UNKNOWN,
                        "Nobody knows yet whether this call goes out, so it cannot be ended; its "
                        "operation tells.");
    }
    enum err e = hang_up(ctx, &out->row, &facts);
    if (e == OK) {
        out->is_stale = false;
        call_take(ctx, facts, out);
        return OK;
    }
    /* Refused, because it ended meanwhile? */
    struct problem problem = ctx->problem;
    if (call_ask(ctx, &out->row, &facts) == OK)
        call_take(ctx, facts, out);
    ctx->problem = problem;
    if (!call_row_is_over(&out->row))
        return e;
    ctx->problem = (struct problem){ .err = OK };
    return OK;
}
