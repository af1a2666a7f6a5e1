/* The installation itself, for who runs it: its settings, and where each comes from. */
#include "routes/reply.h"
#include "routes/resources.h"

enum err get_settings_in_force(struct ctx *ctx, struct call *call) {
    const struct entry *e = call->entry;
    if (!e->settings)
        return ctx_fail(ctx, ERR_NOT_FOUND, "This server does not know its settings.");
    struct buf *list = buf_in(ctx->arena);
    e->settings(e->settings_arg, list);
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_key(&w, "settings");
    jsonw_raw(&w, buf_view(list));
    jsonw_object_end(&w);
    return OK;
}
