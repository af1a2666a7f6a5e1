#include "cli/play.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "sandbox/sandbox.h"
#include "service/assistants/assistant_change.h"
#include "service/assistants/assistants.h"
#include "service/connections/credentials.h"
#include "service/connections/endpoints.h"
#include "service/connections/lending.h"
#include "store/people.h"

enum { PAGE = 100 };

/* The page of consent is on our own port: the browser need not reach the others. */
static void pretend_google(struct arena *a, const struct sandbox *s, struct config *c) {
    if (c->origins[SETTING_GOOGLE_API_BASE_URL] != ORIGIN_DEFAULT)
        return;
    c->google_api_base_url = arena_join(a, sandbox_google_url(s), "/calendar/v3");
    c->google_oauth_authorize_url = "/sandbox/oauth/google";
    c->google_oauth_token_url = arena_join(a, sandbox_google_url(s), "/token");
    c->google_oauth_revoke_url = arena_join(a, sandbox_google_url(s), "/revoke");
}

static void pretend_microsoft(struct arena *a, const struct sandbox *s, struct config *c) {
    if (c->origins[SETTING_MICROSOFT_API_BASE_URL] != ORIGIN_DEFAULT)
        return;
    c->microsoft_api_base_url = arena_join(a, sandbox_microsoft_url(s), "/v1.0");
    c->microsoft_oauth_authorize_url = "/sandbox/oauth/microsoft";
    c->microsoft_oauth_token_url =
        arena_join(a, sandbox_microsoft_url(s), "/common/oauth2/v2.0/token");
}

struct sandbox *play_start(struct cli *cli, struct config *c) {
    const char *why = "";
    struct sandbox *s = sandbox_start(cli->arena, &why);
    if (!s) {
        cli_fail(EXIT_FAILED, "the sandbox does not start: %s", why);
        return NULL;
    }
    if (c->origins[SETTING_VAPI_BASE_URL] == ORIGIN_DEFAULT)
        c->vapi_base_url = sandbox_vapi_url(s);
    if (c->origins[SETTING_TWILIO_BASE_URL] == ORIGIN_DEFAULT)
        c->twilio_base_url = sandbox_twilio_url(s);
    if (c->origins[SETTING_RESEND_BASE_URL] == ORIGIN_DEFAULT)
        c->resend_base_url = sandbox_resend_url(s);
    pretend_google(cli->arena, s, c);
    pretend_microsoft(cli->arena, s, c);
    if (c->origins[SETTING_AVA_OUTBOUND_ALLOW] == ORIGIN_DEFAULT)
        c->outbound_allow = "127.0.0.0/8,::1"; /* so that a developer can receive on this machine */
    return s;
}

void play_lend_platform(struct lending *lending, const struct config *c) {
    struct config *own = memory_take(sizeof *own);
    memcpy(own, c, sizeof *own);
    if (!secret_is_set(&own->platform_vapi_api_key)) {
        secret_set(&own->platform_vapi_api_key, str_of(SANDBOX_VAPI_API_KEY));
        own->platform_vapi_assistant_id = SANDBOX_VAPI_ASSISTANT_ID;
        own->platform_vapi_number_id = SANDBOX_VAPI_NUMBER_ID;
    }
    if (!own->platform_twilio_account_sid[0]) {
        own->platform_twilio_account_sid = SANDBOX_TWILIO_ACCOUNT_SID;
        secret_set(&own->platform_twilio_auth_token, str_of(SANDBOX_TWILIO_AUTH_TOKEN));
    }
    if (!own->platform_resend_from[0]) {
        own->platform_resend_from = SANDBOX_RESEND_FROM;
        secret_set(&own->platform_resend_api_key, str_of(SANDBOX_RESEND_API_KEY));
    }
    if (!own->google_client_id[0]) {
        own->google_client_id = SANDBOX_GOOGLE_CLIENT_ID;
        secret_set(&own->google_client_secret, str_of(SANDBOX_CLIENT_SECRET));
    }
    if (!own->microsoft_client_id[0]) {
        own->microsoft_client_id = SANDBOX_MICROSOFT_CLIENT_ID;
        secret_set(&own->microsoft_client_secret, str_of(SANDBOX_CLIENT_SECRET));
    }
    lending_set_platform(lending, own);
    explicit_bzero(own, sizeof *own);
    free(own);
}

void play_serve(void *sandbox, struct ctx *ctx, const struct http_req *req,
                struct http_reply *reply) {
    sandbox_serve(sandbox, ctx, req, reply);
}

/* --- workspaces ------------------------------------------------------------------------------- */

/* The settings may lead to another Vapi. */
static bool is_own_vapi(const struct sandbox *s, const struct ctx *ctx) {
    return strcmp(ctx->parts->config->vapi_base_url, sandbox_vapi_url(s)) == 0;
}

static bool is_own_resend(const struct sandbox *s, const struct ctx *ctx) {
    return strcmp(ctx->parts->config->resend_base_url, sandbox_resend_url(s)) == 0;
}

static struct ctx ctx_within(const struct ctx *ctx, const char *workspace_id) {
    struct ctx as = *ctx;
    str_copy(as.who.workspace_id, sizeof as.who.workspace_id, str_of(workspace_id));
    return as;
}

static enum err address_of(struct ctx *as, enum provider p, const char **url) {
    struct endpoint e;
    TRY(endpoint_current(as, p, &e));
    *url = endpoint_url(as, &e, NULL);
    return OK;
}

static enum err save_vapi(struct ctx *as, const char *api_key) {
    struct connection c;
    struct connection_check check;
    json_t *vapi =
        json_pack("{s:s,s:s,s:s}", "api_key", api_key, "assistant_id", SANDBOX_VAPI_ASSISTANT_ID,
                  "default_number_id", SANDBOX_VAPI_NUMBER_ID);
    enum err e = credentials_save(as, PROVIDER_VAPI, vapi, false, &c, &check);
    json_decref(vapi);
    return e;
}

static enum err save_twilio(struct ctx *as) {
    struct connection c;
    struct connection_check check;
    json_t *twilio = json_pack("{s:s,s:s}", "account_sid", SANDBOX_TWILIO_ACCOUNT_SID, "auth_token",
                               SANDBOX_TWILIO_AUTH_TOKEN);
    enum err e = credentials_save(as, PROVIDER_TWILIO, twilio, false, &c, &check);
    json_decref(twilio);
    return e;
}

/* Where the settings let nothing reach this machine, there is no mail server to connect. */
static enum err save_smtp(const struct sandbox *s, struct ctx *as) {
    struct connection c;
    struct connection_check check;
    struct address here;
    if (!address_parse(str_of(SANDBOX_SMTP_HOST), &here) ||
        !address_ranges_hold(upstream_allowed(as->parts->upstream), &here))
        return OK;
    json_t *smtp =
        json_pack("{s:s,s:i,s:s,s:s,s:s,s:s}", "host", SANDBOX_SMTP_HOST, "port",
                  sandbox_smtp_port(s), "security", "none", "username", SANDBOX_SMTP_USERNAME,
                  "password", SANDBOX_SMTP_PASSWORD, "from", SANDBOX_SMTP_FROM);
    enum err e = credentials_save(as, PROVIDER_SMTP, smtp, false, &c, &check);
    json_decref(smtp);
    return e;
}

/* Connects the workspace to a Vapi account that tells it how calls go: the demo account, or one of
 * its own when that one tells another workspace. */
static enum err connect_vapi(struct sandbox *s, struct ctx *as) {
    SCOPED(secret_wipe) struct secret secret = { 0 };
    const char *key = SANDBOX_VAPI_API_KEY, *url = NULL;
    if (!is_own_vapi(s, as))
        return save_vapi(as, key);
    if (as->parts->config->public_url[0]) /* else no port is open yet, and play_resume follows */
        TRY(address_of(as, PROVIDER_VAPI, &url));
    if (url && !sandbox_tell_to(s, "vapi", key, url, ""))
        key = arena_join(as->arena, key, "-", as->who.workspace_id);
    TRY(save_vapi(as, key));
    TRY(credentials_make_webhook_secret(as, PROVIDER_VAPI, &secret));
    if (url)
        sandbox_tell_to(s, "vapi", key, url, secret_reveal(&secret).ptr);
    return OK;
}

static const char *signing_secret(struct ctx *as) {
    unsigned char raw[24];
    ava_rand(raw, sizeof raw);
    return arena_join(as->arena, "whsec_", base64_encode(as->arena, raw, sizeof raw));
}

/* Likewise an account at Resend that tells it what becomes of mails. */
static enum err connect_resend(struct sandbox *s, struct ctx *as) {
    const char *key = SANDBOX_RESEND_API_KEY, *secret = signing_secret(as), *url = NULL;
    struct connection c;
    struct connection_check check;
    if (is_own_resend(s, as) && as->parts->config->public_url[0])
        TRY(address_of(as, PROVIDER_RESEND, &url));
    if (url && !sandbox_tell_to(s, "resend", key, url, secret)) {
        key = arena_join(as->arena, key, "-", as->who.workspace_id);
        sandbox_tell_to(s, "resend", key, url, secret);
    }
    json_t *resend = json_pack("{s:s,s:s,s:s}", "api_key", key, "from", SANDBOX_RESEND_FROM,
                               "webhook_secret", secret);
    enum err e = credentials_save(as, PROVIDER_RESEND, resend, false, &c, &check);
    json_decref(resend);
    return e;
}

/* Takes the demo assistant under Ava's care, so that calls can name it. One that cannot be read now is
 * taken when it is. */
static void hold_assistant(struct ctx *as) {
    SCOPED(turn_give) struct turn turn = { .is_mine = false };
    struct lent lent;
    struct assistant_moment now;
    enum err e = assistant_lend(as, &lent);
    if (e == OK)
        e = assistant_turn(as, SANDBOX_VAPI_ASSISTANT_ID, false, &turn);
    if (e == OK)
        e = assistant_look(as, &lent, SANDBOX_VAPI_ASSISTANT_ID, &turn, &now);
    if (e != OK)
        ctx_clear(as);
}

enum err play_connect(struct sandbox *sandbox, struct ctx *ctx, const char *workspace_id) {
    struct ctx as = ctx_within(ctx, workspace_id);
    enum err e = connect_vapi(sandbox, &as);
    if (e == OK)
        e = save_twilio(&as);
    if (e == OK)
        e = connect_resend(sandbox, &as);
    ctx->problem = as.problem;
    return e;
}

enum err play_welcome(void *sandbox, struct ctx *ctx, const char *workspace_id) {
    TRY(play_connect(sandbox, ctx, workspace_id));
    struct ctx as = ctx_within(ctx, workspace_id);
    if (is_own_vapi(sandbox, &as))
        hold_assistant(&as);
    return OK;
}

/* The pretend mail server has another port at each start: who was connected to it is again. */
static enum err resume_smtp(struct sandbox *s, struct ctx *as) {
    struct lent lent;
    enum err e = lending_find(as, PROVIDER_SMTP, &lent);
    if (e == ERR_NOT_CONNECTED) {
        ctx_clear(as);
        return OK;
    }
    TRY(e);
    bool is_ours = lent.account.from && strcmp(lent.account.from, SANDBOX_SMTP_FROM) == 0;
    return is_ours && lent.account.port != sandbox_smtp_port(s) ? save_smtp(s, as) : OK;
}

static enum err resume_mail(struct sandbox *s, struct ctx *ctx) {
    struct workspace rows[PAGE];
    size_t count = PAGE;
    for (const char *before = NULL; count == PAGE; before = rows[PAGE - 1].id) {
        TRY(workspaces_list(ctx, db_reader(ctx), NULL, "", before, PAGE, rows, &count));
        for (size_t i = 0; i < count; i++) {
            struct ctx as = ctx_within(ctx, rows[i].id);
            enum err e = resume_smtp(s, &as);
            ctx->problem = as.problem;
            TRY(e);
        }
    }
    return OK;
}

/* A workspace that is not connected, or has no proof, is not told. */
static enum err resume_one(struct sandbox *s, struct ctx *as, enum provider p) {
    SCOPED(secret_wipe) struct secret fields = { 0 };
    const char *url;
    enum err e = lending_reveal(as, as->who.workspace_id, p, &fields);
    struct str key = secret_field(&fields, "api_key");
    struct str secret = secret_field(&fields, "webhook_secret");
    if (e == ERR_NOT_CONNECTED || (e == OK && (!key.len || !secret.len))) {
        ctx_clear(as);
        return OK;
    }
    TRY(e);
    TRY(address_of(as, p, &url));
    char *proof = str_dup(as->arena, secret), *whose = str_dup(as->arena, key);
    sandbox_tell_to(s, provider_name(p), whose, url, proof);
    explicit_bzero(proof, secret.len);
    explicit_bzero(whose, key.len);
    return OK;
}

static enum err resume_all(struct sandbox *sandbox, struct ctx *ctx, enum provider p) {
    struct workspace rows[PAGE];
    size_t count = PAGE;
    for (const char *before = NULL; count == PAGE; before = rows[PAGE - 1].id) {
        TRY(workspaces_list(ctx, db_reader(ctx), NULL, "", before, PAGE, rows, &count));
        for (size_t i = 0; i < count; i++) {
            struct ctx as = ctx_within(ctx, rows[i].id);
            enum err e = resume_one(sandbox, &as, p);
            ctx->problem = as.problem;
            TRY(e);
        }
    }
    return OK;
}

enum err play_resume(struct sandbox *sandbox, struct ctx *ctx) {
    TRY(resume_mail(sandbox, ctx));
    if (is_own_vapi(sandbox, ctx))
        TRY(resume_all(sandbox, ctx, PROVIDER_VAPI));
    return is_own_resend(sandbox, ctx) ? resume_all(sandbox, ctx, PROVIDER_RESEND) : OK;
}
