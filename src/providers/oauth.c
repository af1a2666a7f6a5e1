#include "providers/oauth.h"

#include <string.h>

#include "base/encode.h"
#include "base/json.h"
#include "config/config.h"
#include "crypto/pkce.h"

enum {
    TOKEN_MAX_BYTES = SECRET_MAX_BYTES - 64,
    LIFE_DEFAULT_S = 600, /* of a token that does not say how long it is good */
    LIFE_MAX_S = 24 * 3600,
};

const char *oauth_access_name(enum oauth_access a) {
    return a == OAUTH_WRITE ? "write" : "read";
}

enum oauth_access oauth_access_parse(const char *name) {
    return name && strcmp(name, "write") == 0 ? OAUTH_WRITE : OAUTH_READ;
}

/* --- scopes ----------------------------------------------------------------------------------- */

/* Names are compared without case; Microsoft says in its answers "Calendars.Read" for what was asked for as
 * "https://graph.microsoft.com/Calendars.Read". */
static bool is_scope(struct str granted, const char *wanted) {
    const char *slash = strrchr(wanted, '/');
    return str_eq_nocase(granted, str_of(wanted)) ||
           (slash && str_eq_nocase(granted, str_of(slash + 1)));
}

static bool holds_one(struct str granted, const char *wanted) {
    for (struct str rest = granted, one; rest.ptr && rest.len;) {
        one = str_trim(str_cut(rest, ' ', &rest));
        if (one.len && is_scope(one, wanted))
            return true;
    }
    return false;
}

bool oauth_holds(const struct oauth_provider *p, struct str granted, enum oauth_access access) {
    for (const char *const *s = p->needed[access]; *s; s++)
        if (holds_one(granted, *s))
            return true;
    return false;
}

static bool is_silent(const struct oauth_provider *p, const char *scope) {
    for (const char *const *s = p->silent; s && *s; s++)
        if (strcmp(*s, scope) == 0)
            return true;
    return false;
}

bool oauth_lacks(const struct oauth_provider *p, struct str granted, enum oauth_access access) {
    for (const char *const *s = p->scopes[access]; *s; s++)
        if (!is_silent(p, *s) && !holds_one(granted, *s))
            return true;
    return false;
}

/* --- the way there ---------------------------------------------------------------------------- */

static void add(struct buf *b, const char *name, struct str value) {
    buf_char(b, '&');
    buf_text(b, name);
    buf_char(b, '=');
    percent_encode(b, value);
}

const char *oauth_authorize_url(struct ctx *ctx, const struct oauth_provider *p,
                                const char *client_id, const char *redirect_uri, const char *state,
                                struct str verifier, enum oauth_access access) {
    struct buf *url = buf_in(ctx->arena), *scopes = buf_in(ctx->arena);
    const char *base = p->authorize_url(ctx->parts->config);
    for (const char *const *s = p->scopes[access]; *s; s++)
        buf_printf(scopes, "%s%s", scopes->len ? " " : "", *s);
    buf_printf(url, "%s%cresponse_type=code", base, strchr(base, '?') ? '&' : '?');
    add(url, "client_id", str_of(client_id));
    add(url, "redirect_uri", str_of(redirect_uri));
    add(url, "scope", buf_view(scopes));
    add(url, "state", str_of(state));
    add(url, "code_challenge", str_of(pkce_challenge(ctx->arena, verifier)));
    add(url, "code_challenge_method", STR("S256"));
    buf_text(url, p->extra);
    return str_dup(ctx->arena, buf_view(url));
}

/* --- the token endpoint ----------------------------------------------------------------------- */

void oauth_tokens_wipe(struct oauth_tokens *t) {
    secret_wipe(&t->access);
    secret_wipe(&t->refresh);
}

/* What goes into the body beside the client's own fields. */
struct asking {
    const struct oauth_client *client;
    const char *grant_type; /* NULL: it is a revocation */
    struct str code, verifier;
    const struct secret *token;
};

static enum err fill(struct ctx *ctx, const struct upstream_request *req, struct secret *out) {
    const struct asking *a = req->fill_arg;
    SCOPED(secret_wipe) struct secret fields = { 0 };
    SCOPED(buf_wipe) struct buf b = { 0 };
    TRY(req->credential->reveal(ctx, req->credential, &fields));
    buf_reserve(&b, 4 * SECRET_MAX_BYTES); /* it does not grow, which would leave copies */
    if (!a->grant_type) {
        buf_text(&b, "token=");
        percent_encode(&b, secret_reveal(a->token));
    } else {
        buf_printf(&b, "grant_type=%s", a->grant_type);
        add(&b, "client_id", str_of(a->client->id));
        add(&b, "client_secret", secret_field(&fields, "client_secret"));
        if (a->token)
            add(&b, "refresh_token", secret_reveal(a->token));
        if (a->code.ptr) {
            add(&b, "code", a->code);
            add(&b, "code_verifier", a->verifier);
            add(&b, "redirect_uri", str_of(a->client->redirect_uri));
        }
    }
    if (!secret_set(out, buf_view(&b)))
        return ctx_fail(ctx, ERR_INTERNAL, "What is to be sent for a token does not fit.");
    return OK;
}

static void authorize(struct ctx *ctx, const struct upstream_request *req,
                      const struct secret *fields, struct upstream_headers *out) {
    /* The client shows who it is in the body. */
}

static struct str wipeable(const json_t *said, const char *name) {
    return str_of(json_text(said, name));
}

/* False: it is no token. Its text in the tree is wiped. */
static bool take_token(const json_t *said, const char *name, struct secret *out) {
    struct str token = wipeable(said, name);
    bool is_good = token.len && token.len <= TOKEN_MAX_BYTES && str_is_visible(token) &&
                   secret_set(out, token);
    if (token.len)
        explicit_bzero((char *)token.ptr, token.len);
    return is_good;
}

/* Seconds as a number, however large; some servers write them as a text. */
static int64_t life_of(const json_t *said) {
    const json_t *value = json_object_get(said, "expires_in");
    double number = json_number_value(value);
    int64_t seconds = LIFE_DEFAULT_S;
    if (json_is_number(value))
        seconds = number > LIFE_MAX_S ? LIFE_MAX_S : number > 0 ? (int64_t)number : 0;
    else if (json_is_string(value) &&
             !str_to_i64(str_of(json_string_value(value)), 0, INT64_MAX / 1000, &seconds))
        seconds = LIFE_DEFAULT_S;
    return (seconds > LIFE_MAX_S ? LIFE_MAX_S : seconds) * 1000;
}

const char *const OAUTH_TOKEN_PATHS[] = { "access_token", "refresh_token", "expires_in",
                                          "scope",        "token_type",    NULL };

bool oauth_tokens_read(struct ctx *ctx, const json_t *said, void *into) {
    struct oauth_tokens *out = into;
    const char *type = json_text(said, "token_type"), *scopes = json_text(said, "scope");
    oauth_tokens_wipe(out);
    bool has_access = take_token(said, "access_token", &out->access);
    bool had_refresh = json_object_get(said, "refresh_token") != NULL;
    bool has_refresh = take_token(said, "refresh_token", &out->refresh);
    out->life_ms = life_of(said);
    out->scopes = scopes && scopes[0] ? scopes : NULL;
    if (type && !str_eq_nocase(str_of(type), STR("bearer")))
        return false;
    return has_access &&
           (has_refresh || !had_refresh || json_is_null(json_object_get(said, "refresh_token")));
}

static struct upstream_request request(const struct oauth_client *client, const char *url,
                                       const char *operation, const struct asking *a) {
    return (struct upstream_request){ .provider = client->provider,
                                      .operation = operation,
                                      .method = "POST",
                                      .url = url,
                                      .content_type = "application/x-www-form-urlencoded",
                                      .fill = fill,
                                      .fill_arg = a,
                                      .credential = client->credential,
                                      .authorize = authorize,
                                      /* Never a wait behind the calls that wait for this one. */
                                      .scope = "oauth" };
}

static enum err ask(struct ctx *ctx, const struct asking *a, bool is_repeatable,
                    struct oauth_tokens *out) {
    struct upstream_answer answer;
    struct upstream_request req = request(a->client, a->client->at->token_url(ctx->parts->config),
                                          is_repeatable ? "oauth.refresh" : "oauth.exchange", a);
    req.is_repeatable = req.changes_nothing = is_repeatable;
    req.paths = OAUTH_TOKEN_PATHS;
    req.read = oauth_tokens_read;
    req.into = out;
    return upstream_call(ctx, &req, &answer);
}

enum err oauth_exchange(struct ctx *ctx, const struct oauth_client *client, struct str code,
                        struct str verifier, struct oauth_tokens *out) {
    return ask(ctx, &(struct asking){ client, "authorization_code", code, verifier, NULL }, false,
               out);
}

enum err oauth_refresh(struct ctx *ctx, const struct oauth_client *client,
                       const struct secret *refresh, struct oauth_tokens *out) {
    struct str none = { NULL, 0 };
    return ask(ctx, &(struct asking){ client, "refresh_token", none, none, refresh }, true, out);
}

bool oauth_revoke(struct ctx *ctx, const struct oauth_client *client, const struct secret *token) {
    struct str none = { NULL, 0 };
    const char *url = client->at->revoke_url ? client->at->revoke_url(ctx->parts->config) : "";
    struct asking a = { client, NULL, none, none, token };
    struct upstream_answer answer;
    if (!url[0])
        return false;
    struct upstream_request req = request(client, url, "oauth.revoke", &a);
    req.is_repeatable = true;
    enum err e = upstream_call(ctx, &req, &answer);
    /* A token that is over already: that is what was wanted. Any other refusal leaves it good. */
    bool is_over = ctx->problem.upstream_status == 400 &&
                   (e == ERR_CREDENTIALS_REJECTED || e == ERR_PROVIDER_RESOURCE_NOT_FOUND);
    ctx_clear(ctx);
    return e == OK || is_over;
}

/* --- what its errors mean --------------------------------------------------------------------- */

bool oauth_judge(const json_t *said, struct refusal *out) {
    static const struct {
        const char *code;
        enum refusal_about about;
        const char *words;
    } CODES[] = {
        { "invalid_grant", REFUSAL_GRANT, NULL },
        { "interaction_required", REFUSAL_GRANT, NULL },
        { "consent_required", REFUSAL_GRANT, NULL },
        { "login_required", REFUSAL_GRANT, NULL },
        { "invalid_client", REFUSAL_CLIENT, "its id or secret is not right" },
        { "unauthorized_client", REFUSAL_CLIENT, "it may not be used in this way" },
        { "deleted_client", REFUSAL_CLIENT, "it was deleted there" },
        { "disabled_client", REFUSAL_CLIENT, "it was switched off there" },
        { "invalid_scope", REFUSAL_CLIENT, "it may not ask for these scopes" },
        { "redirect_uri_mismatch", REFUSAL_CLIENT, "it does not list this redirect address" },
        { "unsupported_grant_type", REFUSAL_CLIENT, NULL },
        { "org_internal", REFUSAL_CLIENT, "it is for one organisation only" },
        { "admin_policy_enforced", REFUSAL_REQUEST,
          "the administrator of the account does not allow it." },
        { "temporarily_unavailable", REFUSAL_THROTTLE, NULL },
        { "slow_down", REFUSAL_THROTTLE, NULL },
        { "rate_limit_exceeded", REFUSAL_THROTTLE, NULL },
        { "invalid_token", REFUSAL_ABSENT, NULL }, /* of an address to give tokens back */
    };
    const char *code = json_text(said, "error");
    if (!code)
        return false;
    *out = (struct refusal){ REFUSAL_REQUEST, NULL };
    for (size_t i = 0; i < ARRAY_LEN(CODES); i++)
        if (strcmp(CODES[i].code, code) == 0)
            *out = (struct refusal){ CODES[i].about, CODES[i].words };
    return true;
}
