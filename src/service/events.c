#include "service/events.h"

#include "base/clock.h"
#include "base/id.h"
#include "vault/vault.h"

static enum err take_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct incoming *in = ((void **)arg)[0];
    bool *is_new = ((void **)arg)[1];
    struct id id = id_make("evt");
    struct event_row row = { .id = id.text,
                             .workspace_id = in->workspace_id,
                             .provider = in->provider,
                             .type = in->type,
                             .resource = in->resource,
                             .status = "received",
                             .correlation_id = ctx->correlation_id,
                             .received_ms = ava_wall_ms(),
                             .dedupe = in->dedupe };
    struct vault_place place = { "events", "sealed", in->workspace_id, id.text };
    TRY(vault_seal(ctx, tx, &place, in->content, &row.sealed));
    TRY(event_insert(ctx, tx, &row, is_new));
    if (in->touch_endpoint)
        TRY(endpoint_touch(ctx, tx, in->endpoint_id, row.received_ms));
    return OK;
}

enum err event_take(struct ctx *ctx, const struct incoming *in, bool *is_new) {
    void *args[2] = { (void *)in, is_new };
    return db_write(ctx, take_write, args);
}

enum err event_list(struct ctx *ctx, const struct event_filter *filter, int limit,
                    struct event_row *out, size_t *count) {
    return events_list(ctx, db_reader(ctx->parts->db), ctx->who.workspace_id, filter, limit, out,
                       count);
}

enum err event_read(struct ctx *ctx, const char *id, struct event_row *out, struct str *content) {
    struct db_conn *c = db_reader(ctx->parts->db);
    TRY(event_find(ctx, c, ctx->who.workspace_id, id, out));
    if (!out->id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such event.");
    struct vault_place place = { "events", "sealed", ctx->who.workspace_id, out->id };
    return vault_unseal(ctx, c, &place, out->sealed, content);
}
