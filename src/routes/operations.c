#include "routes/operations.h"

#include "routes/reply.h"
#include "routes/resources.h"

enum operation_patience input_patience(const struct call *call) {
    for (size_t i = 0; i < call->req->field_count; i++) {
        struct str rest = call->req->fields[i].value;
        if (!str_eq_nocase(call->req->fields[i].name, STR("prefer")))
            continue;
        while (rest.ptr && rest.len) {
            struct str one = str_trim(str_cut(rest, ',', &rest));
            if (str_eq_nocase(one, STR("respond-async")))
                return PATIENCE_NONE;
            if (str_eq_nocase(one, STR("respond-sync")))
                return PATIENCE_ALL;
        }
    }
    return PATIENCE_NORMAL;
}

static const char *address_of(struct ctx *ctx, const char *id) {
    return arena_printf(ctx->arena, "/api/v1/operations/%s", id);
}

/* 202 with the operation, and where to read it. */
static enum err accepted(struct ctx *ctx, struct call *call, const char *id) {
    reply_json(call, 202);
    http_reply_header_text(call->reply, "Location", address_of(ctx, id));
    return operation_read(ctx, id, &call->reply->body);
}

/* 201 with the object that was made. */
static enum err made(struct call *call, const struct operation_end *end) {
    reply_json(call, 201);
    buf_put(&call->reply->body, end->shown.ptr, end->shown.len);
    if (end->attempts > 1)
        http_reply_header_i64(call->reply, "Ava-Attempts", end->attempts);
    return OK;
}

enum err reply_operation(struct ctx *ctx, struct call *call, enum err placed,
                         const struct operation_end *end) {
    call->claim_has_operation = end->id && !end->was_abandoned;
    if (placed != OK)
        return placed;
    if (!end->is_accepted)
        return made(call, end);
    if (input_patience(call) == PATIENCE_NONE)
        http_reply_header_text(call->reply, "Preference-Applied", "respond-async");
    return accepted(ctx, call, end->id);
}

enum err reply_operation_again(struct ctx *ctx, struct call *call, const char *id) {
    struct operation_end end;
    enum err e = operation_replay(ctx, id, &end);
    if (e != ERR_IDEMPOTENCY_IN_PROGRESS)
        http_reply_header_text(call->reply, "Idempotent-Replayed", "true");
    TRY(e);
    return end.is_accepted ? accepted(ctx, call, id) : made(call, &end);
}

enum err get_operation(struct ctx *ctx, struct call *call) {
    const char *id = input_param(ctx, call, 0);
    reply_json(call, 200);
    return operation_read(ctx, id, &call->reply->body);
}
