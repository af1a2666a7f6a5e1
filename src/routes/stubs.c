#include "routes/stubs.h"

#include "config/config.h"
#include "routes/reply.h"

enum err reply_stub(struct ctx *ctx, struct call *call, const struct stub *s) {
    ctx_clear(ctx);
    if (!ctx->parts->config->stub_mode)
        return ctx_fail(ctx, ERR_STUB_DISABLED,
                        "Stub mode disabled, and this workspace has not connected %s. %s", s->what,
                        s->next_steps[0]);
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_text_at(&w, "status", "stub");
    jsonw_text_at(&w, "detail", s->said);
    jsonw_key(&w, "next_steps");
    jsonw_list(&w);
    for (const char *const *step = s->next_steps; *step; step++)
        jsonw_text(&w, *step);
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    return OK;
}
