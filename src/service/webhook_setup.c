#include "service/webhook_setup.h"

#include "base/buf.h"
#include "base/jsonw.h"
#include "providers/vapi_server.h"
#include "service/credentials.h"
#include "service/endpoints.h"
#include "store/audit.h"

static enum err secret_of(struct ctx *ctx, struct secret *out) {
    SCOPED(secret_wipe) struct secret fields = { 0 };
    TRY(lending_reveal(ctx, ctx->who.workspace_id, PROVIDER_VAPI, &fields));
    if (secret_field(&fields, "webhook_auth.type").len) {
        ctx_field(ctx, "webhook_auth", "unsupported",
                  "The saved webhook_auth is set up at Vapi itself, as a credential of the server; "
                  "paste the address there.");
        return ctx_fields_ok(ctx);
    }
    if (secret_field(&fields, "webhook_secret").len) {
        secret_set(out, secret_field(&fields, "webhook_secret"));
        return OK;
    }
    return credentials_make_webhook_secret(ctx, out);
}

static enum err audit(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct webhook_setup *s = arg;
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_text_at(&w, "assistant_id", s->assistant_id);
    jsonw_text_at(&w, "was_url", s->was_url);
    jsonw_object_end(&w);
    return audit_write(ctx, tx,
                       (struct audit_entry){ .action = "webhook.setup",
                                             .object = "vapi",
                                             .detail = str_dup(ctx->arena, buf_view(b)) });
}

enum err webhook_setup_vapi(struct ctx *ctx, bool overwrite, struct webhook_setup *out) {
    SCOPED(secret_wipe) struct secret secret = { 0 };
    struct lent lent;
    struct endpoint endpoint;
    TRY(lending_find(ctx, PROVIDER_VAPI, &lent));
    if (lent.ref.is_platform)
        return ctx_fail(ctx, ERR_FORBIDDEN,
                        "The operator's Vapi account serves others too; connect your own first.");
    TRY(endpoint_current(ctx, PROVIDER_VAPI, &endpoint));
    TRY(secret_of(ctx, &secret));
    TRY(lending_find(ctx, PROVIDER_VAPI, &lent)); /* its version may be another one by now */
    struct vapi_server server = { endpoint_url(ctx, &endpoint, NULL), &secret };
    *out = (struct webhook_setup){ .url = server.url, .assistant_id = lent.assistant_id };
    TRY(vapi_server_set(ctx, &lent.ref, lent.assistant_id, &server, overwrite, &out->was_url));
    return db_write(ctx, audit, out);
}
