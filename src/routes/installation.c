/* The installation itself, for who runs it: its settings and where each comes from; its backups. */
#include "base/fiber.h"
#include "routes/reply.h"
#include "routes/resources.h"
#include "service/upkeep/backup_asked.h"

enum err get_settings_in_force(struct ctx *ctx, struct call *call) {
    const struct inside *inside = &call->entry->inside;
    if (!inside->settings)
        return ctx_fail(ctx, ERR_NOT_FOUND, "This server does not know its settings.");
    struct buf *list = buf_in(ctx->arena);
    inside->settings(inside->arg, list);
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_key(&w, "settings");
    jsonw_raw(&w, buf_view(list));
    jsonw_object_end(&w);
    return OK;
}

/* Files are read, so not on the loop. */
struct listing {
    const struct inside *inside;
    struct buf out;
};

static void list(void *arg) {
    struct listing *l = arg;
    l->inside->backups(l->inside->arg, &l->out);
}

static enum err say_backups(struct ctx *ctx, struct call *call, int status) {
    struct listing l = { &call->entry->inside, { 0 } };
    if (!l.inside->backups)
        return ctx_fail(ctx, ERR_NOT_FOUND, "This server makes no backups.");
    fiber_offload(list, &l);
    reply_json(call, status);
    buf_put(&call->reply->body, l.out.ptr, l.out.len);
    buf_fini(&l.out);
    return OK;
}

enum err get_backups(struct ctx *ctx, struct call *call) {
    return say_backups(ctx, call, 200);
}

enum err post_backup(struct ctx *ctx, struct call *call) {
    const struct inside *inside = &call->entry->inside;
    call->only_looks = true; /* who asks again meanwhile gets the one that is being made */
    if (!inside->back_up)
        return ctx_fail(ctx, ERR_NOT_FOUND,
                        "There is no folder for backups: set AVA_BACKUP_DIR and start Ava again.");
    TRY(backup_asked(ctx));
    inside->back_up(inside->arg);
    return say_backups(ctx, call, 202);
}
