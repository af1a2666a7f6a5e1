#include "sandbox/control.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/form.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "sandbox/sandbox.h"

static struct jsonw answer(struct http_reply *reply) {
    reply->status = 200;
    reply->content_type = "application/json";
    http_reply_header_text(reply, "Cache-Control", "no-store");
    return jsonw_to(&reply->body);
}

/* --- reading what is asked ------------------------------------------------------------------- */

/* A form or a script of another site can not send this type without a preflight, which is never
 * answered here. */
static enum err body_of(struct ctx *ctx, const struct http_req *req, json_t **out) {
    struct str rest, site = http_field(req, "Sec-Fetch-Site"), type;
    const char *why = NULL;
    if (site.ptr && !str_is(site, "same-origin") && !str_is(site, "none"))
        return ctx_fail(ctx, ERR_CSRF_FAILED, "Another site asked the sandbox to do this.");
    type = str_trim(str_cut(http_field(req, "Content-Type"), ';', &rest));
    if (!str_eq_nocase(type, STR("application/json")))
        return ctx_fail(ctx, ERR_UNSUPPORTED_MEDIA_TYPE, "Send Content-Type: application/json.");
    json_t *body = json_parse(ctx->arena, req->body, &why);
    if (!json_is_object(body))
        return ctx_fail(ctx, ERR_MALFORMED, "The body must be a JSON object: %s.",
                        why ? why : "it is another value");
    *out = body;
    return OK;
}

void control_refuse_unknown(struct ctx *ctx, json_t *body, const char *const *known, size_t count) {
    const char *name;
    json_t *value;
    json_object_foreach(body, name, value) {
        size_t i = 0;
        while (i < count && strcmp(known[i], name) != 0)
            i++;
        if (i == count)
            ctx_field(ctx, arena_strdup(ctx->arena, name), "unknown", "There is no such field.");
    }
}

/* A text that may be left out or null; `to` keeps its zeros then. */
static const char *text_of(struct ctx *ctx, const json_t *body, const char *name,
                           size_t bytes_max) {
    const json_t *v = json_object_get(body, name);
    if (!v || json_is_null(v))
        return "";
    if (!json_is_string(v)) {
        ctx_field(ctx, name, "wrong_type", "This must be a text.");
        return "";
    }
    if (json_string_length(v) > bytes_max) {
        ctx_field_range(ctx, name, "out_of_range", 0, (double)bytes_max, "This is too long.");
        return "";
    }
    return json_string_value(v);
}

static int64_t number_of(struct ctx *ctx, const json_t *body, const char *name, int64_t min,
                         int64_t max, int64_t fallback) {
    const json_t *v = json_object_get(body, name);
    if (!v || json_is_null(v))
        return fallback;
    if (!json_is_integer(v)) {
        ctx_field(ctx, name, "wrong_type", "This must be a whole number.");
        return fallback;
    }
    if (json_integer_value(v) < min || json_integer_value(v) > max) {
        ctx_field_range(ctx, name, "out_of_range", (double)min, (double)max,
                        "This is outside its range.");
        return fallback;
    }
    return json_integer_value(v);
}

static bool is_provider(const char *name) {
    static const char *const NAMES[] = {
        "vapi", "twilio", "resend", "smtp", "google", "microsoft"
    };
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
        if (strcmp(NAMES[i], name) == 0)
            return true;
    return false;
}

/* --- faults ---------------------------------------------------------------------------------- */

static enum err fault_read(struct ctx *ctx, json_t *body, struct fault *out) {
    static const char *const KNOWN[] = { "provider",   "credential", "operation",
                                         "fault",      "status",     "retry_after",
                                         "latency_ms", "times",      "percent" };
    enum { TEXT_MAX = FAULT_TEXT_BYTES - 1 };
    control_refuse_unknown(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
    const char *provider = text_of(ctx, body, "provider", TEXT_MAX);
    const char *kind = text_of(ctx, body, "fault", TEXT_MAX);
    if (!is_provider(provider))
        ctx_field(ctx, "provider", "unsupported",
                  "The sandbox pretends vapi, twilio, resend, smtp, google and microsoft.");
    else
        str_copy(out->provider, sizeof out->provider, str_of(provider));
    out->kind = fault_kind_parse(str_of(kind));
    if (out->kind == FAULT_KINDS)
        ctx_field(ctx, "fault", "unsupported",
                  "This must be one of none, latency, hang, reset, status, truncated, malformed, "
                  "cut, huge.");
    str_copy(out->credential, sizeof out->credential,
             str_of(text_of(ctx, body, "credential", TEXT_MAX)));
    str_copy(out->operation, sizeof out->operation,
             str_of(text_of(ctx, body, "operation", TEXT_MAX)));
    str_copy(out->retry_after, sizeof out->retry_after,
             str_of(text_of(ctx, body, "retry_after", TEXT_MAX)));
    out->status = (int)number_of(ctx, body, "status", 400, 599, 500);
    out->latency_ms =
        number_of(ctx, body, "latency_ms", 0, 120000, out->kind == FAULT_LATENCY ? 1000 : 0);
    out->percent = (int)number_of(ctx, body, "percent", 1, 100, 100);
    out->times = number_of(ctx, body, "times", 1, 1000000, 0);
    return ctx_fields_ok(ctx);
}

static enum err faults_list(const struct control *c, struct http_reply *reply) {
    struct jsonw w = answer(reply);
    jsonw_object(&w);
    jsonw_key(&w, "faults");
    faults_write(c->faults, &w);
    jsonw_object_end(&w);
    return OK;
}

static enum err get_faults(const struct control *c, struct ctx *ctx, const struct http_req *req,
                           struct http_reply *reply) {
    return faults_list(c, reply);
}

static enum err post_faults(const struct control *c, struct ctx *ctx, const struct http_req *req,
                            struct http_reply *reply) {
    struct fault fault = { .kind = FAULT_NONE };
    json_t *body;
    TRY(body_of(ctx, req, &body));
    TRY(fault_read(ctx, body, &fault));
    if (!faults_set(c->faults, &fault)) {
        ctx_field(ctx, "fault", "out_of_range", "There are 64 faults already; remove some.");
        return ctx_fields_ok(ctx);
    }
    return faults_list(c, reply);
}

/* --- ledger ---------------------------------------------------------------------------------- */

static enum err get_ledger(const struct control *c, struct ctx *ctx, const struct http_req *req,
                           struct http_reply *reply) {
    struct ledger_query q = { .provider = NULL, .since = -1, .limit = 1000 };
    struct form form = { 0 };
    if (!form_parse(ctx->arena, req->query, &form))
        return ctx_fail(ctx, ERR_MALFORMED, "The query holds a broken escape.");
    struct str provider = form_find(&form, "provider"), since = form_find(&form, "since"),
               limit = form_find(&form, "limit");
    if (provider.ptr) {
        q.provider = str_dup(ctx->arena, provider);
        if (!is_provider(q.provider))
            ctx_field(ctx, "provider", "unsupported",
                      "The sandbox pretends vapi, twilio, resend, smtp, google and microsoft.");
    }
    if (since.ptr && !str_to_i64(since, 0, INT64_MAX, &q.since))
        ctx_field(ctx, "since", "wrong_format", "This must be the seq of a hit.");
    if (limit.ptr && !str_to_i64(limit, 1, 1000, &q.limit))
        ctx_field_range(ctx, "limit", "out_of_range", 1, 1000, "Give 1 to 1000.");
    TRY(ctx_fields_ok(ctx));
    struct jsonw w = answer(reply);
    ledger_write(c->ledger, &q, &w);
    return OK;
}

static enum err get_mails(const struct control *c, struct ctx *ctx, const struct http_req *req,
                          struct http_reply *reply) {
    struct jsonw w = answer(reply);
    pretend_smtp_write(c->smtp, &w);
    return OK;
}

/* --- credentials and webhooks ---------------------------------------------------------------- */

static void write_client(struct jsonw *w, const char *provider, const char *url, const char *id) {
    jsonw_key(w, provider);
    jsonw_object(w);
    jsonw_text_at(w, "base_url", url);
    jsonw_text_at(w, "client_id", id);
    jsonw_text_at(w, "client_secret", SANDBOX_CLIENT_SECRET);
    jsonw_object_end(w);
}

static enum err get_credentials(const struct control *c, struct ctx *ctx,
                                const struct http_req *req, struct http_reply *reply) {
    struct jsonw w = answer(reply);
    jsonw_object(&w);
    jsonw_key(&w, "vapi");
    jsonw_object(&w);
    jsonw_text_at(&w, "base_url", c->vapi_url);
    jsonw_text_at(&w, "api_key", SANDBOX_VAPI_API_KEY);
    jsonw_text_at(&w, "assistant_id", SANDBOX_VAPI_ASSISTANT_ID);
    jsonw_text_at(&w, "default_number_id", SANDBOX_VAPI_NUMBER_ID);
    jsonw_object_end(&w);
    jsonw_key(&w, "twilio");
    jsonw_object(&w);
    jsonw_text_at(&w, "base_url", c->twilio_url);
    jsonw_text_at(&w, "account_sid", SANDBOX_TWILIO_ACCOUNT_SID);
    jsonw_text_at(&w, "auth_token", SANDBOX_TWILIO_AUTH_TOKEN);
    jsonw_object_end(&w);
    jsonw_key(&w, "resend");
    jsonw_object(&w);
    jsonw_text_at(&w, "base_url", c->resend_url);
    jsonw_text_at(&w, "api_key", SANDBOX_RESEND_API_KEY);
    jsonw_text_at(&w, "from", SANDBOX_RESEND_FROM);
    jsonw_object_end(&w);
    write_client(&w, "google", c->google_url, SANDBOX_GOOGLE_CLIENT_ID);
    write_client(&w, "microsoft", c->microsoft_url, SANDBOX_MICROSOFT_CLIENT_ID);
    jsonw_key(&w, "smtp");
    jsonw_object(&w);
    jsonw_text_at(&w, "host", SANDBOX_SMTP_HOST);
    jsonw_i64_at(&w, "port", pretend_smtp_port(c->smtp));
    jsonw_text_at(&w, "security", "none");
    jsonw_text_at(&w, "username", SANDBOX_SMTP_USERNAME);
    jsonw_text_at(&w, "password", SANDBOX_SMTP_PASSWORD);
    jsonw_text_at(&w, "from", SANDBOX_SMTP_FROM);
    jsonw_object_end(&w);
    jsonw_object_end(&w);
    return OK;
}

static void params_check(struct ctx *ctx, json_t *params) {
    const char *name;
    json_t *value;
    if (params && !json_is_object(params))
        ctx_field(ctx, "params", "wrong_type", "This must be an object of texts.");
    json_object_foreach(params, name, value) {
        if (!json_is_string(value) && !json_is_null(value))
            ctx_field(ctx, "params", "wrong_type", "Each parameter must be a text or null.");
    }
}

static enum err webhook_read(struct ctx *ctx, json_t *body, struct caller_webhook *out,
                             struct control_sending *sending) {
    static const char *const KNOWN[] = { "kind",        "url",    "signed_url", "auth_token",
                                         "account_sid", "params", "duplicate",  "signature" };
    control_refuse_unknown(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
    const char *signature = text_of(ctx, body, "signature", 16);
    out->kind = caller_kind_parse(str_of(text_of(ctx, body, "kind", 32)));
    out->signature = signature[0] ? caller_signature_parse(str_of(signature)) : CALLER_GOOD;
    out->url = text_of(ctx, body, "url", 2048);
    out->signed_url = text_of(ctx, body, "signed_url", 2048);
    out->auth_token = text_of(ctx, body, "auth_token", 256);
    out->account_sid = text_of(ctx, body, "account_sid", 64);
    out->params = json_object_get(body, "params");
    sending->count = 1 + (int)number_of(ctx, body, "duplicate", 0, CONTROL_SENDS_MAX - 1, 0);
    if (out->kind == CALLER_KINDS)
        ctx_field(ctx, "kind", "unsupported",
                  "This must be one of voice, status, message, message-status.");
    if (out->signature == CALLER_SIGNATURES)
        ctx_field(ctx, "signature", "unsupported", "This must be good, wrong or missing.");
    if (!caller_is_loopback(str_of(out->url)))
        ctx_field(ctx, "url", "unsupported", "The sandbox calls addresses of this machine only.");
    params_check(ctx, json_object_get(body, "params"));
    if (!out->signed_url[0])
        out->signed_url = out->url;
    if (!out->auth_token[0])
        out->auth_token = SANDBOX_TWILIO_AUTH_TOKEN;
    if (!out->account_sid[0])
        out->account_sid = SANDBOX_TWILIO_ACCOUNT_SID;
    return ctx_fields_ok(ctx);
}

static enum err post_webhooks(const struct control *c, struct ctx *ctx, const struct http_req *req,
                              struct http_reply *reply) {
    struct caller_webhook what = { .url = NULL };
    struct control_sending sending = { .what = &what };
    json_t *body;
    TRY(body_of(ctx, req, &body));
    TRY(webhook_read(ctx, body, &what, &sending));
    c->send(c->arg, &sending);
    struct jsonw w = answer(reply);
    jsonw_object(&w);
    jsonw_text_at(&w, "resource", sending.resource[0] ? sending.resource : NULL);
    jsonw_key(&w, "sent");
    jsonw_list(&w);
    for (int i = 0; i < sending.count; i++) {
        jsonw_object(&w);
        jsonw_key(&w, "status");
        if (sending.statuses[i])
            jsonw_i64(&w, sending.statuses[i]);
        else
            jsonw_null(&w);
        jsonw_object_end(&w);
    }
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    return OK;
}

/* --- the clock -------------------------------------------------------------------------------- */

static enum err post_clock(const struct control *c, struct ctx *ctx, const struct http_req *req,
                           struct http_reply *reply) {
    static const char *const KNOWN[] = { "advance_seconds", "jump_seconds" };
    enum { YEAR_S = 365 * 24 * 3600, JUMP_YEARS = 20 };
    json_t *body;
    TRY(body_of(ctx, req, &body));
    control_refuse_unknown(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
    int64_t seconds = number_of(ctx, body, "advance_seconds", 1, YEAR_S, 0);
    int64_t jump = number_of(ctx, body, "jump_seconds", -(int64_t)JUMP_YEARS * YEAR_S,
                             (int64_t)JUMP_YEARS * YEAR_S, 0);
    if (!json_object_get(body, "advance_seconds") && !json_object_get(body, "jump_seconds"))
        ctx_field(ctx, "advance_seconds", "required", "Say how many seconds shall pass.");
    TRY(ctx_fields_ok(ctx));
    clock_advance(seconds * 1000);
    clock_jump(jump * 1000);
    struct jsonw w = answer(reply);
    jsonw_object(&w);
    jsonw_time_at(&w, "now", ava_wall_ms());
    jsonw_object_end(&w);
    return OK;
}

/* --- routes ---------------------------------------------------------------------------------- */

static const struct {
    enum http_method method;
    const char *path, *allow;
    enum err (*run)(const struct control *c, struct ctx *ctx, const struct http_req *req,
                    struct http_reply *reply);
} ROUTES[] = {
    { METHOD_GET, "/sandbox/api/faults", "GET, HEAD, POST", get_faults },
    { METHOD_POST, "/sandbox/api/faults", "GET, HEAD, POST", post_faults },
    { METHOD_POST, "/sandbox/api/clock", "POST", post_clock },
    { METHOD_GET, "/sandbox/api/ledger", "GET, HEAD", get_ledger },
    { METHOD_GET, "/sandbox/api/mails", "GET, HEAD", get_mails },
    { METHOD_GET, "/sandbox/api/credentials", "GET, HEAD", get_credentials },
    { METHOD_POST, "/sandbox/api/webhooks", "POST", post_webhooks },
};

/* What a pretend provider itself shall do: "vapi/course", "calendars/google/revoke". */
static enum err go_on_stage(const struct control *c, struct ctx *ctx, const struct http_req *req,
                            struct str path, struct http_reply *reply) {
    struct str tail, provider = str_cut(path, '/', &tail);
    json_t *body = NULL;
    if (req->method == METHOD_POST)
        TRY(body_of(ctx, req, &body));
    answer(reply);
    return c->stage(c->arg, ctx, provider, req, tail, body, reply);
}

static enum err go_to_consent(const struct control *c, struct ctx *ctx, const struct http_req *req,
                              struct str provider, struct http_reply *reply) {
    bool is_read = req->method == METHOD_GET || req->method == METHOD_HEAD;
    if (is_read || req->method == METHOD_POST)
        return c->consent(c->arg, ctx, provider, req, reply);
    http_reply_header_text(reply, "Allow", "GET, HEAD, POST");
    return ctx_fail(ctx, ERR_METHOD_NOT_ALLOWED, "This address answers GET, HEAD and POST only.");
}

/* True when the path begins so; *rest is what follows. */
static bool is_below(struct str path, struct str with, struct str *rest) {
    if (!str_starts(path, with))
        return false;
    *rest = (struct str){ path.ptr + with.len, path.len - with.len };
    return true;
}

enum err control_serve(const struct control *c, struct ctx *ctx, const struct http_req *req,
                       struct http_reply *reply) {
    struct str rest;
    if (is_below(req->path, STR("/sandbox/oauth/"), &rest))
        return go_to_consent(c, ctx, req, rest, reply);
    if (is_below(req->path, STR("/sandbox/api/calendars/"), &rest))
        return go_on_stage(c, ctx, req, rest, reply);
    if (str_starts(req->path, STR("/sandbox/api/vapi/")))
        return go_on_stage(c, ctx, req, (struct str){ req->path.ptr + 13, req->path.len - 13 },
                           reply);
    enum http_method method = req->method == METHOD_HEAD ? METHOD_GET : req->method;
    const char *allow = NULL;
    for (size_t i = 0; i < ARRAY_LEN(ROUTES); i++) {
        if (!str_is(req->path, ROUTES[i].path))
            continue;
        if (ROUTES[i].method == method)
            return ROUTES[i].run(c, ctx, req, reply);
        allow = ROUTES[i].allow;
    }
    if (!allow)
        return ctx_fail(ctx, ERR_NOT_FOUND, "The sandbox has nothing at this address.");
    http_reply_header_text(reply, "Allow", allow);
    return ctx_fail(ctx, ERR_METHOD_NOT_ALLOWED, "This address answers %s only.", allow);
}
