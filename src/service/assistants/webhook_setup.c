#include "service/assistants/webhook_setup.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
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

/* --- who else is told ------------------------------------------------------------------------ */

/* The host of an address, without the name and password in front of it. */
static const char *host_of(struct ctx *ctx, const char *url) {
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    size_t len = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', len);
    size_t from = at ? (size_t)(at + 1 - host) : 0;
    return str_dup(ctx->arena, (struct str){ host + from, len - from });
}

static void warn(struct ctx *ctx, struct webhook_setup *out, const char *code, const char *before,
                 const struct vapi_told *told) {
    const char *url = told->url;
    if (!url || !url[0] || strcmp(url, out->url) == 0 || out->warning_count == WEBHOOK_WARNINGS_MAX)
        return;
    const char *name = told->name ? arena_printf(ctx->arena, "%.80s", told->name) : NULL;
    out->warnings[out->warning_count++] = (struct webhook_warning){
        code, name, arena_join(ctx->arena, before, host_of(ctx, url), ", and does not come here.")
    };
}

/* A reading that fails costs its warning alone; false when it says nothing of the next ones. */
static bool is_read(struct ctx *ctx, enum err e) {
    if (e != OK)
        ctx_clear(ctx);
    return e == OK || e == ERR_PROVIDER_RESOURCE_NOT_FOUND;
}

static const char NUMBER_TELLS[] = "What Vapi asks for a call to this number before an assistant "
                                   "is chosen goes to a server of its own at ",
                  TOOL_TELLS[] = "What this tool is asked to do goes to a server of its own at ";

/* The tools that the assistant names by their ids. */
static void warn_of_named_tools(struct ctx *ctx, const struct lent *lent, const json_t *ids,
                                struct webhook_setup *out) {
    const json_t *one;
    size_t i;
    json_array_foreach(ids, i, one) {
        struct vapi_told told = { NULL, NULL };
        if (i == WEBHOOK_WARNINGS_MAX || !json_is_string(one))
            return;
        if (!is_read(ctx, vapi_tool_read_told(ctx, &lent->ref, json_string_value(one), &told)))
            return;
        warn(ctx, out, "tool_has_server", TOOL_TELLS, &told);
    }
}

/* Looks for servers beside the assistant's own: of the credential's number, and of tools. */
static void warn_of_others(struct ctx *ctx, const struct lent *lent, const json_t *assistant,
                           struct webhook_setup *out) {
    const json_t *model = json_object_get(assistant, "model"), *one;
    const char *number_id = lent->account.number_id;
    struct vapi_told told = { NULL, NULL };
    size_t i;
    json_array_foreach(json_object_get(model, "tools"), i, one) {
        told = vapi_tool_told(one);
        warn(ctx, out, "tool_has_server", TOOL_TELLS, &told);
    }
    told = (struct vapi_told){ NULL, NULL };
    if (number_id && number_id[0] &&
        !is_read(ctx, vapi_number_told(ctx, &lent->ref, number_id, &told)))
        return;
    warn(ctx, out, "number_has_server", NUMBER_TELLS, &told);
    warn_of_named_tools(ctx, lent, json_object_get(model, "toolIds"), out);
}

/* --- doing it -------------------------------------------------------------------------------- */

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
    TRY(assistant_change(ctx, &lent, lent.account.assistant_id, &s.change, &now, &answer));
    warn_of_others(ctx, &lent, now.whole, out);
    return OK;
}

/* Where the provider's API does it all: at a credential of the workspace's own, so that its secret can be kept. */
static enum err set_up_by_dialect(struct ctx *ctx, enum provider p, struct webhook_setup *out) {
    SCOPED(secret_wipe) struct secret secret = { 0 };
    struct connection c;
    struct endpoint endpoint;
    struct lent lent;
    TRY(credentials_describe(ctx, p, &c));
    if (!c.is_connected)
        return ctx_fail(ctx, ERR_NOT_CONNECTED, "%s is not connected.", provider_title(p));
    if (endpoint_is_out_of_reach(ctx, p))
        return ctx_fail(ctx, ERR_INVALID,
                        "%s cannot reach this address: AVA_PUBLIC_URL is on this machine.",
                        provider_title(p));
    TRY(endpoint_current(ctx, p, &endpoint));
    TRY(lending_find(ctx, p, &lent));
    *out = (struct webhook_setup){ .url = endpoint_url(ctx, &endpoint, NULL) };
    TRY(dialect_of(p)->set_webhook(ctx, &lent.ref, out->url, &secret));
    return credentials_put_webhook_secret(ctx, p, &secret);
}

static enum err (*const SETUPS[PROVIDER_COUNT])(struct ctx *ctx, bool overwrite,
                                                struct webhook_setup *out) = {
    [PROVIDER_VAPI] = set_up_vapi,
};

enum err webhook_setup(struct ctx *ctx, enum provider p, bool overwrite,
                       struct webhook_setup *out) {
    if (p != PROVIDER_COUNT && dialect_of(p)->set_webhook)
        return set_up_by_dialect(ctx, p, out);
    if (p == PROVIDER_COUNT || !SETUPS[p])
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such provider here.");
    return SETUPS[p](ctx, overwrite, out);
}
