/* Ending calls: each provider in its own way, one answer for both. */
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/jsonw.h"
#include "service/calls/call_gone.h"
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

/* A step with who asked, and what came of it. */
struct step_wish {
    const struct call_row *row;
    const char *what, *did;
    int64_t ending_ms; /* of the row from now on; -1: as it is */
};

static enum err step_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct step_wish *wish = arg;
    struct call_row now;
    struct user user;
    TRY(user_find(ctx, tx, ctx->who.user_id, &user));
    const char *who = !user.id ? "Somebody" : user.name && user.name[0] ? user.name : user.email;
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_text_at(&w, "text", arena_join(ctx->arena, who, wish->did));
    jsonw_object_end(&w);
    TRY(call_row_find(ctx, tx, wish->row->workspace_id, wish->row->id, &now));
    if (now.id && wish->ending_ms >= 0) {
        now.ending_ms = wish->ending_ms;
        TRY(call_row_update(ctx, tx, &now));
    }
    return step_row_add(ctx, tx,
                        &(struct step_row){ .workspace_id = wish->row->workspace_id,
                                            .subject = wish->row->id,
                                            .what = wish->what,
                                            .detail = str_dup(ctx->arena, buf_view(b)) });
}

static enum err note_asked(struct ctx *ctx, const struct call_row *row) {
    struct step_wish wish = { row, "hangup_asked", " asked to end the call.", -1 };
    return db_write(ctx, step_write, &wish);
}

/* What cannot be written down has happened all the same. */
static void note_ended(struct ctx *ctx, const struct call_row *row) {
    SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx);
    struct step_wish wish = { row, "hangup", " ended the call.", 0 };
    db_write(ctx, step_write, &wish);
}

/* The wish outlives the request: whoever hears next of the call ends it. */
static enum err note_ending(struct ctx *ctx, struct call_row *row) {
    struct step_wish wish = { row, "hangup_waits", " wants it ended as soon as it can be.",
                              ava_wall_ms() };
    row->ending_ms = wish.ending_ms;
    return db_write(ctx, step_write, &wish);
}

/* *done: the call still waited for a line, and never goes out. */
static enum err withdraw(struct ctx *ctx, struct call_view *out, bool *done) {
    *done = false;
    if (strcmp(out->row.status, "waiting") != 0)
        return OK;
    TRY(operation_cancel(ctx, out->row.operation_id, done));
    return call_read(ctx, out->row.id, out);
}

/* Asks the provider to end it. A refusal may only say that it has ended meanwhile; that the provider
 * knows it neither for ending nor for reading proves that it is over. */
enum err call_end_now(struct ctx *ctx, struct call_view *v) {
    struct call_facts facts;
    enum err e = hang_up(ctx, &v->row, &facts);
    if (e == OK) {
        v->is_stale = false;
        call_take(ctx, &facts, v);
        note_ended(ctx, &v->row);
        return OK;
    }
    if (e == ERR_NOT_READY)
        return e;
    struct ctx_aside refused = ctx_aside(ctx);
    enum err read = call_ask(ctx, &v->row, &facts);
    if (read == OK)
        call_take(ctx, &facts, v);
    else if (e == ERR_PROVIDER_RESOURCE_NOT_FOUND && read == e)
        TRY(call_missed(ctx, v, true));
    ctx_back(&refused);
    if (!call_is_over(&v->row))
        return e;
    ctx_clear(ctx);
    return OK;
}

enum err call_end(struct ctx *ctx, const char *id, struct call_view *out, bool *is_ending) {
    bool done;
    *is_ending = false;
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
    TRY(note_asked(ctx, &out->row));
    enum err e = call_end_now(ctx, out);
    if (e != ERR_NOT_READY)
        return e;
    ctx_clear(ctx);
    *is_ending = true;
    return note_ending(ctx, &out->row);
}
