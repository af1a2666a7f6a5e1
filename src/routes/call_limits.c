/* What calls may take, and how today stands. */
#include "service/calls/call_limits.h"

#include "routes/reply.h"
#include "routes/resources.h"
#include "service/numbers/numbers.h"

static enum err answer(struct ctx *ctx, struct call *call, const struct call_limits_view *v) {
    struct jsonw w = reply_json(call, 200);
    call_limits_write(&w, v);
    reply_etag(call, call_limits_etag(ctx, &v->row));
    return OK;
}

enum err get_limits(struct ctx *ctx, struct call *call) {
    struct call_limits_view v;
    TRY(call_limits_read(ctx, "", &v));
    return answer(ctx, call, &v);
}

enum err put_limits(struct ctx *ctx, struct call *call) {
    struct call_limits_view v;
    TRY(call_limits_save(ctx, "", call->body, input_if_match(ctx, call), &v));
    return answer(ctx, call, &v);
}

enum err get_number_limits(struct ctx *ctx, struct call *call) {
    struct number_row row;
    struct call_limits_view v;
    TRY(number_held(ctx, input_param(ctx, call, 0), &row));
    TRY(call_limits_read(ctx, row.phone_number, &v));
    return answer(ctx, call, &v);
}

enum err put_number_limits(struct ctx *ctx, struct call *call) {
    struct number_row row;
    struct call_limits_view v;
    TRY(number_held(ctx, input_param(ctx, call, 0), &row));
    TRY(call_limits_save(ctx, row.phone_number, call->body, input_if_match(ctx, call), &v));
    return answer(ctx, call, &v);
}
