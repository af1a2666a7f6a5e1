/* webhook send: plays the provider that calls a workspace, with that workspace's own secret, so that
 * what it sends is true. The whole URL is kept and signed, query and all. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/jsonw.h"
#include "cli/errand.h"
#include "net/client.h"
#include "net/loop.h"
#include "providers/upstream.h"
#include "sandbox/caller.h"
#include "service/connections/endpoints.h"
#include "service/connections/lending.h"

enum { TIMEOUT_MS = 15 * 1000, ANSWER_MAX_BYTES = 64 * 1024 };

static const char CALLER[] = "+14155550142", LINE[] = "+12125550118";

struct sending {
    struct ctx *ctx;
    struct cli *cli;
    struct loop *loop;
    const char *url;
    struct caller_letter letter;
    struct client_call call;
};

/* --- what ------------------------------------------------------------------------------------- */

static const char *or_usual(const char *text, const char *usual) {
    return text ? text : usual;
}

static enum err compose_twilio(struct sending *s, const char *kind, const struct secret *fields) {
    struct lent lent;
    struct caller_webhook what = { .kind = caller_kind_parse(str_of(kind)),
                                   .url = s->url,
                                   .signed_url = s->url };
    if (what.kind == CALLER_KINDS)
        return ctx_fail(s->ctx, ERR_INVALID,
                        "after twilio. comes voice, status, message or message-status");
    TRY(lending_find(s->ctx, PROVIDER_TWILIO, &lent));
    json_t *params = json_object();
    if (cli_flag(s->cli, "from"))
        json_object_set_new(params, "From", json_string(cli_flag(s->cli, "from")));
    if (cli_flag(s->cli, "text"))
        json_object_set_new(params, "Body", json_string(cli_flag(s->cli, "text")));
    what.params = params;
    what.auth_token = str_dup(s->ctx->arena, secret_field(fields, "auth_token"));
    what.account_sid = lent.account.account_sid;
    caller_compose(s->ctx->arena, &what, &s->letter);
    json_decref(params);
    return OK;
}

static struct str vapi_body(struct sending *s, const char *type) {
    struct buf *b = buf_in(s->ctx->arena);
    struct jsonw w = jsonw_to(b);
    char id[64];
    snprintf(id, sizeof id, "sent-by-hand-%lld", (long long)ava_wall_ms());
    jsonw_object(&w);
    jsonw_key(&w, "message");
    jsonw_object(&w);
    jsonw_text_at(&w, "type", type);
    jsonw_i64_at(&w, "timestamp", ava_wall_ms());
    if (strcmp(type, "status-update") == 0)
        jsonw_text_at(&w, "status", or_usual(cli_flag(s->cli, "text"), "ringing"));
    jsonw_key(&w, "call");
    jsonw_object(&w);
    jsonw_text_at(&w, "id", id);
    jsonw_text_at(&w, "type", "inboundPhoneCall");
    jsonw_key(&w, "customer");
    jsonw_object(&w);
    jsonw_text_at(&w, "number", or_usual(cli_flag(s->cli, "from"), CALLER));
    jsonw_object_end(&w);
    jsonw_object_end(&w);
    jsonw_key(&w, "phoneNumber");
    jsonw_object(&w);
    jsonw_text_at(&w, "number", LINE);
    jsonw_object_end(&w);
    jsonw_object_end(&w);
    jsonw_object_end(&w);
    return buf_view(b);
}

/* By the secret of the legacy header, which the one-click set-up uses too. */
static enum err compose_vapi(struct sending *s, const char *type, const struct secret *fields) {
    struct str secret = secret_field(fields, "webhook_secret");
    if (!secret.len)
        return ctx_fail(s->ctx, ERR_INVALID,
                        "this workspace has no webhook_secret for Vapi; only that way of proof can "
                        "be played from here");
    s->letter = (struct caller_letter){ .body = vapi_body(s, type), .resource = type };
    s->letter.headers[s->letter.header_count++] = "Content-Type: application/json";
    s->letter.headers[s->letter.header_count++] =
        arena_printf(s->ctx->arena, "X-Vapi-Secret: %.*s", STR_FMT(secret));
    return OK;
}

/* --- sending it -------------------------------------------------------------------------------- */

static void run(void *arg) {
    struct sending *s = arg;
    s->call = (struct client_call){ .method = "POST",
                                    .url = s->url,
                                    .headers = s->letter.headers,
                                    .header_count = s->letter.header_count,
                                    .body = s->letter.body,
                                    .timeout_ms = TIMEOUT_MS,
                                    .first_byte_ms = TIMEOUT_MS,
                                    .body_max_bytes = ANSWER_MAX_BYTES,
                                    .arena = s->ctx->arena };
    client_fetch(client_self(), &s->call);
    loop_stop(s->loop);
}

static enum err post(struct sending *s) {
    client_global_init(); /* it plays the provider, who comes by itself */
    s->loop = loop_new(0);
    struct client *client = client_new(s->loop);
    if (!fiber_run(run, s))
        return ctx_fail(s->ctx, ERR_OVERLOADED, "there is no room for a fiber");
    loop_run(s->loop);
    client_free(client);
    loop_free(s->loop);
    if (s->call.result != CLIENT_DONE)
        return ctx_fail(s->ctx, ERR_PROVIDER_ERROR, "nobody answered at %s", s->url);
    printf("%d %s\n", s->call.status,
           cli_printable(s->ctx->arena, str_dup(s->ctx->arena, s->call.answer)));
    return s->call.status < 300 ? OK
                                : ctx_fail(s->ctx, ERR_PROVIDER_REJECTED,
                                           "it was answered with status %d", s->call.status);
}

static enum err find_url(struct sending *s, enum provider p, const char *kind) {
    struct endpoint e;
    s->url = cli_flag(s->cli, "to");
    if (s->url)
        return OK;
    TRY(endpoint_current(s->ctx, p, &e));
    s->url = endpoint_url(s->ctx, &e, endpoint_addresses(p)->kind ? kind : NULL);
    return OK;
}

/* Those who can be played, and what proves them. */
static const struct {
    enum err (*compose)(struct sending *s, const char *kind, const struct secret *fields);
    const char *proof;
} ROLES[PROVIDER_COUNT] = {
    [PROVIDER_TWILIO] = { compose_twilio, "auth_token" },
    [PROVIDER_VAPI] = { compose_vapi, "webhook_secret" },
};

static enum err send_as_provider(struct ctx *ctx, struct cli *cli) {
    SCOPED(secret_wipe) struct secret fields = { 0 };
    struct str kind, provider = str_cut(str_of(cli_arg(cli, 0)), '.', &kind);
    enum provider p = provider_parse(provider);
    struct sending s = { .ctx = ctx, .cli = cli };
    if (p == PROVIDER_COUNT || !ROLES[p].compose || !kind.len)
        return ctx_fail(ctx, ERR_INVALID,
                        "the kind is twilio.voice, twilio.status, twilio.message, "
                        "twilio.message-status or vapi. and the type of a server message");
    TRY(errand_workspace(ctx, cli));
    TRY(lending_reveal(ctx, ctx->who.workspace_id, p, &fields));
    if (cli_has(cli, "print-secret")) {
        printf("%.*s\n", STR_FMT(secret_field(&fields, ROLES[p].proof)));
        return OK;
    }
    TRY(find_url(&s, p, kind.ptr));
    TRY(ROLES[p].compose(&s, kind.ptr, &fields));
    return post(&s);
}

int cmd_webhook_send(struct cli *cli) {
    if (!cli_arg(cli, 0))
        return cli_fail(EXIT_USAGE, "webhook send needs a KIND, like twilio.voice");
    return house_visit(cli, send_as_provider);
}
