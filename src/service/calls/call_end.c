/* Ending calls: each provider in its own way, one answer for both. */
#include <string.h>

#include "base/buf.h"
#include "base/jsonw.h"
#include "service/calls/call_status.h"
#include "service/calls/calls.h"
#include "store/people.h"
#include "store/steps.h"

/* Asks the provider to end the call. *facts: how it stands after that. */
static enum err hang_up(struct ctx *ctx, const struct call_row *row, struct call_facts *facts) {
    const struct dialect_calls *calls;
    struct lent lent;
    TRY(call_reach(ctx, row, &calls, &lent));
    return calls->end(ctx, &lent.ref, &lent.account, row->provider_id, facts);
}

/* Writes the step "hangup" with who asked for it, before the provider is asked. */
static enum err hangup_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct call_row *row = arg;
    struct user user;
    TRY(user_find(ctx, tx, ctx->who.user_id, &user));
    const char *who = !user.id ? "Somebody" : user.name && user.name[0] ? user.name : user.email;
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_text_at(&w, "text", arena_join(ctx->arena, who, " ended the call.", ""));
    jsonw_object_end(&w);
    return step_row_add(ctx, tx,
                        &(struct step_row){ .workspace_id = row->workspace_id,
                                            .subject = row->id,
                                            .what = "hangup",
                                            .detail = str_dup(ctx->arena, buf_view(b)) });
}

/* *done: the call still waited for a line, and never goes out. */
static enum err withdraw(struct ctx *ctx, struct call_view *out, bool *done) {
    *done = false;
    if (strcmp(out->row.status, "waiting") != 0)
        return OK;
    TRY(operation_cancel(ctx, out->row.operation_id, done));
    return call_read(ctx, out->row.id, out);
}

enum err call_end(struct ctx *ctx, const char *id, struct call_view *out) {
    struct call_facts facts;
    bool done;
    TRY(call_read(ctx, id, out));
    TRY(withdraw(ctx, out, &done));
    if (done || call_is_over(&out->row))
        return OK;
    if (!out->row.provider_id) {
        ctx->problem.service = out->row.provider;
        ctx->problem.operation_id = out->row.operation_id;
        return ctx_fail(ctx, ERR_OUTCOME_UNKNOWN,
                        "Nobody knows yet whether this call goes out, so it cannot be ended; its "
                        "operation tells.");
    }
    TRY(db_write(ctx, hangup_write, &out->row));
    enum err e = hang_up(ctx, &out->row, &facts);
    if (e == OK) {
        out->is_stale = false;
        call_take(ctx, &facts, out);
        return OK;
    }
    /* Refused, because it ended meanwhile? */
    struct ctx_aside refused = ctx_aside(ctx);
    if (call_ask(ctx, &out->row, &facts) == OK)
        call_take(ctx, &facts, out);
    ctx_back(&refused);
    if (!call_is_over(&out->row))
        return e;
    ctx_clear(ctx);
    return OK;
}
