#include "routes/reply.h"
#include "routes/resources.h"
#include "service/calls/fallbacks.h"

static enum err answer(struct ctx *ctx, struct call *call, const struct fallback *f) {
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_text_at(&w, "kind", fallback_kind_name(f->kind));
    jsonw_text_at(&w, "text", f->text);
    jsonw_text_at(&w, "to", f->to);
    jsonw_text_at(&w, "assistant_id", f->assistant_id);
    jsonw_time_at(&w, "updated_at", f->updated_ms);
    jsonw_object_end(&w);
    reply_etag(call, fallback_etag(ctx, f));
    return OK;
}

enum err get_fallback(struct ctx *ctx, struct call *call) {
    struct fallback f;
    fallback_of(ctx, ctx->who.workspace_id, &f);
    return answer(ctx, call, &f);
}

enum err put_fallback(struct ctx *ctx, struct call *call) {
    struct fallback f;
    TRY(fallback_save(ctx, call->body, input_if_match(ctx, call), &f));
    return answer(ctx, call, &f);
}
