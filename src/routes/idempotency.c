#include "routes/idempotency.h"

#include <string.h>

#include "obs/log.h"
#include "obs/metrics.h"
#include "routes/operations.h"
#include "routes/reply.h"
#include "tasks/idempotency.h"

/* The key of the request; NULL ptr when it has none. */
static enum err read_key(struct ctx *ctx, const struct call *call, struct str *key) {
    *key = (struct str){ NULL, 0 };
    struct str header = http_field(call->req, "idempotency-key");
    if (!header.ptr)
        return OK;
    if (http_field_count(call->req, "idempotency-key") > 1 || !idempotency_key_parse(header, key))
        return ctx_fail(ctx, ERR_MALFORMED,
                        "An Idempotency-Key has 1 to 255 visible ASCII characters, and stands "
                        "once.");
    return OK;
}

/* Repeats a stored answer, marked with Idempotent-Replayed. */
static enum err say_again(struct call *call, const struct idempotency_answer *a) {
    struct http_reply *reply = call->reply;
    reply->status = a->status;
    reply->content_type = a->content_type;
    buf_put(&reply->head, a->head.ptr, a->head.len);
    buf_put(&reply->body, a->body.ptr, a->body.len);
    http_reply_header_text(reply, "Idempotent-Replayed", "true");
    return OK;
}

/* Ends the claim: keeps what the route answered, without the headers of this request (before
 * head_from), or frees the key after an error, and when nothing was done. An operation was linked to the key when it was
 * placed. */
static void settle(struct ctx *ctx, struct call *call, enum err e, size_t head_from) {
    if (call->claim_has_operation || (e == OK && reply_is_kept(call)))
        return;
    enum err kept = OK;
    if (e != OK || call->only_looks) {
        kept = idempotency_give_back(ctx, call->claim);
    } else {
        struct idempotency_answer answer = reply_kept(call, head_from);
        kept = idempotency_keep(ctx, call->claim, &answer);
    }
    if (kept != OK) /* asked again, it is done again: what may not happen twice is kept already */
        log_warn(ctx, "idempotency key not settled", L("code", err_info(kept)->code));
}

static void count(const char *result) {
    metric_add(METRIC_IDEMPOTENCY, 1, result);
}

/* The route; what it planned to answer is not said when it failed. */
static enum err run(struct ctx *ctx, const struct route *route, struct call *call) {
    enum err e = route->run(ctx, call);
    ctx->answering = (struct answering){ .fn = NULL };
    if (e != OK)
        reply_unsay(call);
    return e;
}

enum err idempotent_run(struct ctx *ctx, const struct route *route, struct call *call) {
    struct str key;
    struct idempotency_claim *claim = arena_alloc(ctx->arena, sizeof *claim);
    if (route->at.method != METHOD_POST || route->limit == BY_WEBHOOK)
        return run(ctx, route, call);
    TRY(read_key(ctx, call, &key));
    if (!key.ptr || route->access == ANYONE) /* signing in: its answer is not for keeping */
        return run(ctx, route, call);
    enum err e = idempotency_claim(ctx, key, arena_printf(ctx->arena, "POST %s", route->at.path),
                                   call->req->path, call->body, claim);
    if (e != OK) {
        count(e == ERR_IDEMPOTENCY_REUSED ? "reused" : "in_progress");
        return e;
    }
    switch (claim->found) {
    case IDEMPOTENCY_ANSWERED:
        count("replayed");
        return say_again(call, &claim->answer);
    case IDEMPOTENCY_OPERATION:
        e = reply_operation_again(ctx, call, claim->operation_id);
        count(e == ERR_IDEMPOTENCY_IN_PROGRESS ? "in_progress" : "operation");
        return e;
    default:
        count("first");
    }
    size_t head_from = call->reply->head.len;
    call->claim = &claim->id;
    e = run(ctx, route, call);
    settle(ctx, call, e, head_from);
    idempotency_over(claim);
    return e;
}
