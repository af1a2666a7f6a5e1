#include "service/assistants/webhook_setup.h"

#include "base/buf.h"
#include "base/jsonw.h"
#include "providers/vapi_server.h"
#include "service/assistants/assistant_change.h"
#include "service/assistants/assistants.h"
#include "service/connections/credentials.h"
#include "service/connections/endpoints.h"

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
    return credentials_make_webhook_secret(ctx, PROVIDER_VAPI, out);
}

enum err webhook_setup_server(struct ctx *ctx, struct lent *lent, struct secret *secret,
                              const char **url) {
    struct endpoint endpoint;
    TRY(endpoint_current(ctx, PROVIDER_VAPI, &endpoint));
    TRY(secret_of(ctx, secret));
    TRY(lending_find(ctx, PROVIDER_VAPI, lent)); /* its version may be another one by now */
    *url = endpoint_url(ctx, &endpoint, NULL);
    return OK;
}

struct setting_up {
    struct assistant_change change;
    struct vapi_server server;
    bool overwrite;
    struct webhook_setup *out;
};

static const char *detail_of(struct ctx *ctx, const struct webhook_setup *s) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_text_at(&w, "assistant_id", s->assistant_id);
    jsonw_text_at(&w, "was_url", s->was_url);
    jsonw_object_end(&w);
    return str_dup(ctx->arena, buf_view(b));
}

static enum err make(struct ctx *ctx, const struct assistant_moment *now, void *arg,
                     struct str *patch) {
    struct setting_up *s = arg;
    TRY(vapi_server_patch(ctx, now->whole, &s->server, s->overwrite, &s->out->was_url, patch));
    s->change.audit.detail = detail_of(ctx, s->out);
    return OK;
}

static enum err set_up_vapi(struct ctx *ctx, bool overwrite, struct webhook_setup *out) {
    SCOPED(secret_wipe) struct secret secret = { 0 };
    struct lent lent;
    struct assistant_moment now;
    struct upstream_answer answer;
    struct setting_up s = { .change = { .note = { .what = "webhooks", .is_ours = true },
                                        .audit = { .action = "webhook.setup", .object = "vapi" },
                                        .make = make,
                                        .arg = &s },
                            .server = { .secret = &secret },
                            .overwrite = overwrite,
                            .out = out };
    TRY(assistant_lend(ctx, &lent));
    TRY(webhook_setup_server(ctx, &lent, &secret, &s.server.url));
    *out = (struct webhook_setup){ .url = s.server.url, .assistant_id = lent.account.assistant_id };
    return assistant_change(ctx, &lent, lent.account.assistant_id, &s.change, &now, &answer);
}

static enum err (*const SETUPS[PROVIDER_COUNT])(struct ctx *ctx, bool overwrite,
                                                struct webhook_setup *out) = {
    [PROVIDER_VAPI] = set_up_vapi,
};

enum err webhook_setup(struct ctx *ctx, enum provider p, bool overwrite,
                       struct webhook_setup *out) {
    if (p == PROVIDER_COUNT || !SETUPS[p])
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such provider here.");
    return SETUPS[p](ctx, overwrite, out);
}
