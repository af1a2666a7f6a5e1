#include "cli/play.h"

#include <stdlib.h>
#include <string.h>

#include "sandbox/sandbox.h"
#include "service/connections/credentials.h"
#include "service/connections/lending.h"

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
    if (c->origins[SETTING_AVA_OUTBOUND_ALLOW] == ORIGIN_DEFAULT)
        c->outbound_allow = "127.0.0.0/8,::1"; /* so that a developer can receive on this machine */
    return s;
}

void play_lend_platform(struct lending *lending, const struct config *c) {
    struct config *own = malloc(sizeof *own);
    if (!own)
        abort();
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
    lending_set_platform(lending, own);
    explicit_bzero(own, sizeof *own);
    free(own);
}

void play_serve(void *sandbox, struct ctx *ctx, const struct http_req *req,
                struct http_reply *reply) {
    sandbox_serve(sandbox, ctx, req, reply);
}

enum err play_welcome(struct ctx *ctx, const char *workspace_id) {
    struct connection c;
    struct connection_check check;
    struct ctx as = *ctx;
    json_t *vapi =
        json_pack("{s:s,s:s,s:s}", "api_key", SANDBOX_VAPI_API_KEY, "assistant_id",
                  SANDBOX_VAPI_ASSISTANT_ID, "default_number_id", SANDBOX_VAPI_NUMBER_ID);
    json_t *twilio = json_pack("{s:s,s:s}", "account_sid", SANDBOX_TWILIO_ACCOUNT_SID, "auth_token",
                               SANDBOX_TWILIO_AUTH_TOKEN);
    str_copy(as.who.workspace_id, sizeof as.who.workspace_id, str_of(workspace_id));
    enum err e = credentials_save(&as, PROVIDER_VAPI, vapi, false, &c, &check);
    if (e == OK)
        e = credentials_save(&as, PROVIDER_TWILIO, twilio, false, &c, &check);
    json_decref(vapi);
    json_decref(twilio);
    ctx->problem = as.problem;
    return e;
}
