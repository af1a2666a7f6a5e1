#include "sandbox/pretend_oauth.h"

#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/form.h"
#include "base/json.h"
#include "crypto/pkce.h"

enum { CODE_MS = 60 * 1000, CODES_MAX = 10000, LIFE_S = 3600, TOKEN_PARTS = 5 };

/* --- what is remembered ----------------------------------------------------------------------- */

static json_t *part(struct pretend_world *world, const char *name) {
    if (!world->accounts)
        world->accounts = json_object();
    json_t *found = json_object_get(world->accounts, name);
    if (!found) {
        found = json_object();
        json_object_set_new(world->accounts, name, found);
    }
    return found;
}

json_t *pretend_oauth_settings(struct pretend_world *world) {
    return part(world, "settings");
}

static const char *random_text(struct arena *a) {
    unsigned char raw[16];
    ava_rand(raw, sizeof raw);
    return base64url_encode(a, raw, sizeof raw);
}

/* The grant of that name: {"account","ended","last"}; of an earlier start, as its token tells. */
static json_t *grant_of(struct pretend_world *world, const char *name, const char *account) {
    json_t *all = part(world, "grants"), *grant = json_object_get(all, name);
    if (!grant && json_object_size(all) < PRETEND_ACCOUNTS_MAX) {
        grant = json_pack("{s:s, s:b, s:i, s:I}", "account", account, "ended",
                          json_is_true(json_object_get(part(world, "ended"), account)), "last", 0,
                          "last_used", (json_int_t)0);
        json_object_set_new(all, name, grant);
    }
    return grant;
}

void pretend_oauth_end(struct pretend_world *world, const char *account) {
    const char *name;
    json_t *grant;
    if (account)
        json_object_set_new(part(world, "ended"), account, json_true());
    json_object_foreach(part(world, "grants"), name, grant) {
        if (!account || strcmp(json_text(grant, "account"), account) == 0)
            json_object_set_new(grant, "ended", json_true());
    }
}

/* --- tokens ----------------------------------------------------------------------------------- */

/* prefix account ~ "read" or "write" ~ grant ~ number, or end in ms ~ random */
struct token {
    const char *account, *access, *grant;
    int64_t number;
};

static const char *token_text(struct arena *a, const char *prefix, const struct token *t) {
    return arena_printf(a, "%s%s~%s~%s~%lld~%s", prefix, t->account, t->access, t->grant,
                        (long long)t->number, random_text(a));
}

static bool token_read(struct arena *a, const char *prefix, struct str text, struct token *out) {
    struct str parts[TOKEN_PARTS], rest = text;
    if (!str_starts(text, str_of(prefix)))
        return false;
    rest.ptr += strlen(prefix);
    rest.len -= strlen(prefix);
    for (size_t i = 0; i < TOKEN_PARTS; i++) {
        if (!rest.ptr)
            return false;
        parts[i] = str_cut(rest, '~', &rest);
    }
    *out = (struct token){ str_dup(a, parts[0]), str_dup(a, parts[1]), str_dup(a, parts[2]), 0 };
    return str_to_i64(parts[3], 0, INT64_MAX, &out->number);
}

struct str pretend_oauth_bearer(const struct http_req *req) {
    struct str value = http_field(req, "Authorization");
    if (value.len < 7 || !str_eq_nocase((struct str){ value.ptr, 7 }, STR("Bearer ")))
        return (struct str){ NULL, 0 };
    return str_trim((struct str){ value.ptr + 7, value.len - 7 });
}

bool pretend_oauth_let_in(const struct pretend_oauth *o, struct pretend_world *world,
                          const struct http_req *req, struct pretend_asker *out) {
    struct token t;
    if (!token_read(req->arena, o->access, pretend_oauth_bearer(req), &t))
        return false;
    const json_t *grant = grant_of(world, t.grant, t.account);
    int64_t void_until_ms = json_i64_or(part(world, "void"), "until_ms", 0);
    *out = (struct pretend_asker){ t.account, strcmp(t.access, "write") == 0 };
    return grant && !json_is_true(json_object_get(grant, "ended")) && t.number > ava_steady_ms() &&
           t.number > void_until_ms;
}

void pretend_oauth_expire(struct pretend_world *world) {
    int64_t life_s = json_i64_or(pretend_oauth_settings(world), "life_s", LIFE_S);
    json_object_set_new(part(world, "void"), "until_ms",
                        json_integer((json_int_t)(ava_steady_ms() + life_s * 1000 - 1)));
}

json_t *pretend_oauth_grants(struct pretend_world *world) {
    return part(world, "grants");
}

/* --- the page of consent ---------------------------------------------------------------------- */

static void add_html(struct buf *out, struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\'')
            buf_printf(out, "&#%d;", c);
        else
            buf_char(out, c);
    }
}

/* What is asked, and by whom. */
struct asked {
    struct form query;
    struct str redirect, scopes, state, challenge, client, prompt;
};

/* Registered is the callback of Ava's own, under the name that the browser uses or another one of this machine. */
static bool is_registered(const struct pretend_oauth *o, const struct http_req *req,
                          struct str redirect) {
    struct str rest = redirect, host, path = STR("");
    ptrdiff_t at = str_find(rest, STR("://"));
    if (at < 0)
        return false;
    rest = (struct str){ rest.ptr + at + 3, rest.len - (size_t)at - 3 };
    host = str_cut(rest, '/', &path);
    bool is_here = str_eq_nocase(host, req->authority) || str_starts(host, STR("127.")) ||
                   str_starts(host, STR("localhost")) || str_starts(host, STR("[::1]"));
    return is_here && path.ptr &&
           str_is(path, arena_join(req->arena, "oauth/", o->provider, "/callback"));
}

static void error_page(const struct pretend_oauth *o, const char *error, const char *words,
                       struct http_reply *reply) {
    reply->status = 400;
    reply->content_type = "text/html; charset=utf-8";
    buf_printf(
        &reply->body,
        "<!doctype html><html lang=\"en\"><title>Error - pretend %s</title><h1>Access blocked</h1>"
        "<p>%s</p><p>Error 400: %s</p>",
        o->title, words, error);
}

/* Nothing is ever sent to an address that is not the client's own. */
static bool read_asked(const struct pretend_oauth *o, const struct http_req *req, struct asked *out,
                       struct http_reply *reply) {
    if (!form_parse(req->arena, req->query, &out->query)) {
        error_page(o, "invalid_request", "The request cannot be read.", reply);
        return false;
    }
    out->redirect = form_find(&out->query, "redirect_uri");
    out->scopes = form_find(&out->query, "scope");
    out->state = form_find(&out->query, "state");
    out->challenge = form_find(&out->query, "code_challenge");
    out->client = form_find(&out->query, "client_id");
    out->prompt = form_find(&out->query, "prompt");
    if (!is_registered(o, req, out->redirect)) {
        error_page(o, "redirect_uri_mismatch",
                   "The address to return to is none that this client has.", reply);
        return false;
    }
    if (!out->client.len || pretend_refuses(out->client)) {
        error_page(o, "invalid_client", "The OAuth client was not found.", reply);
        return false;
    }
    if (!str_is(form_find(&out->query, "response_type"), "code") || !out->scopes.len ||
        !out->challenge.len || !str_is(form_find(&out->query, "code_challenge_method"), "S256")) {
        error_page(o, "invalid_request", "Required: response_type=code, scope, S256.", reply);
        return false;
    }
    return true;
}

static const char STYLE[] =
    ":root{color-scheme:light dark}body{font:16px/1.5 "
    "system-ui,sans-serif;margin:0;display:grid;min-height:100vh;"
    "place-items:center}main{max-width:28rem;margin:1rem;padding:1.5rem 2rem;border:1px solid "
    "#8886;"
    "border-radius:12px}h1{font-size:1.3rem;margin:.2rem 0 "
    "1rem}fieldset{border:0;padding:0;margin:0 0 1rem}"
    "legend{font-weight:600}label{display:block;padding:.3rem "
    "0;overflow-wrap:anywhere}small{opacity:.75}"
    "button{font:inherit;padding:.5rem 1.2rem;border-radius:8px;border:1px solid "
    "#8888;cursor:pointer}"
    "button.main{background:#1f5fd0;color:#fff;border-color:#1f5fd0;margin-right:.5rem}";

static void show_page(const struct pretend_oauth *o, const struct http_req *req,
                      const struct asked *asked, struct http_reply *reply) {
    struct buf *b = &reply->body;
    reply->status = 200;
    reply->content_type = "text/html; charset=utf-8";
    buf_printf(b,
               "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
               "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
               "<title>Allow access - pretend %s</title><style>%s</style></head><body><main>"
               "<small>Pretend %s. No real account is asked for.</small>"
               "<h1>Ava wants to use your calendar</h1><form method=\"post\" action=\"?",
               o->title, STYLE, o->title);
    add_html(b, req->query);
    buf_text(b, "\"><fieldset><legend>Account</legend>");
    for (size_t i = 0; i < ARRAY_LEN(o->accounts); i++)
        buf_printf(b, "<label><input type=\"radio\" name=\"account\" value=\"%s\"%s> %s</label>",
                   o->accounts[i], i == 0 ? " checked" : "", o->accounts[i]);
    buf_text(b, "</fieldset><fieldset><legend>What it may do</legend>");
    for (struct str rest = asked->scopes, one; rest.ptr && rest.len;) {
        one = str_cut(rest, ' ', &rest);
        if (!one.len)
            continue;
        buf_text(b, "<label><input type=\"checkbox\" name=\"scope\" checked value=\"");
        add_html(b, one);
        buf_text(b, "\"> ");
        add_html(b, one);
        buf_text(b, "</label>");
    }
    buf_text(
        b, "</fieldset><button class=\"main\" name=\"answer\" value=\"allow\">Allow</button>"
           "<button name=\"answer\" value=\"cancel\">Cancel</button></form></main></body></html>");
}

static void add_param(struct buf *url, const char *name, struct str value) {
    if (!value.ptr)
        return;
    buf_printf(url, "%c%s=", memchr(url->ptr, '?', url->len) ? '&' : '?', name);
    percent_encode(url, value);
}

/* What was ticked, of what was asked for. */
static const char *granted(struct arena *a, const struct asked *asked, const struct form *form) {
    struct buf *b = buf_in(a);
    buf_text(b, "");
    for (struct str rest = asked->scopes, one; rest.ptr && rest.len;) {
        one = str_cut(rest, ' ', &rest);
        for (size_t i = 0; one.len && i < form->count; i++) {
            if (!str_is(form->pairs[i].name, "scope") || !str_eq(form->pairs[i].value, one))
                continue;
            buf_printf(b, "%s%.*s", b->len ? " " : "", STR_FMT(one));
            break;
        }
    }
    return str_dup(a, buf_view(b));
}

static bool is_account(const struct pretend_oauth *o, struct str name) {
    return str_is(name, o->accounts[0]) || str_is(name, o->accounts[1]);
}

static const char *code_new(const struct pretend_oauth *o, struct pretend_world *world,
                            const struct http_req *req, const struct asked *asked,
                            const struct form *form) {
    struct arena *a = req->arena;
    const char *code = arena_join(a, o->code, random_text(a), random_text(a));
    const char *account = str_dup(a, form_find(form, "account"));
    json_t *codes = part(world, "codes");
    if (json_object_size(codes) >= CODES_MAX)
        json_object_clear(codes);
    bool is_first = !json_object_get(part(world, "consented"), account);
    bool lasts = is_first || !o->asks_prompt || str_find(asked->prompt, STR("consent")) >= 0;
    json_object_set_new(part(world, "consented"), account, json_true());
    json_object_del(part(world, "ended"), account);
    json_object_set_new(
        codes, code,
        json_pack("{s:s, s:s, s:s%, s:s%, s:s%, s:s, s:b, s:I}", "account", account, "scopes",
                  granted(a, asked, form), "challenge", asked->challenge.ptr, asked->challenge.len,
                  "client", asked->client.ptr, asked->client.len, "redirect", asked->redirect.ptr,
                  asked->redirect.len, "grant", random_text(a), "lasts", lasts, "until",
                  (json_int_t)(ava_steady_ms() + CODE_MS)));
    return code;
}

/* From the page itself; a form of another site is not the person's answer. */
static bool is_own_form(const struct http_req *req) {
    struct str site = http_field(req, "Sec-Fetch-Site");
    return !site.ptr || str_is(site, "same-origin");
}

static void take_answer(const struct pretend_oauth *o, struct pretend_world *world,
                        const struct http_req *req, const struct asked *asked,
                        struct http_reply *reply) {
    struct form form = { 0 };
    struct buf *url = buf_in(req->arena);
    if (!is_own_form(req) || !form_parse(req->arena, req->body, &form) ||
        !is_account(o, form_find(&form, "account"))) {
        error_page(o, "invalid_request", "The answer cannot be read.", reply);
        return;
    }
    buf_str(url, asked->redirect);
    if (str_is(form_find(&form, "answer"), "allow") && granted(req->arena, asked, &form)[0]) {
        add_param(url, "code", str_of(code_new(o, world, req, asked, &form)));
        add_param(url, "scope", str_of(granted(req->arena, asked, &form)));
    } else {
        add_param(url, "error", STR("access_denied"));
    }
    add_param(url, "state", asked->state);
    reply->status = 303;
    http_reply_header(reply, "Location", buf_view(url));
}

void pretend_oauth_page(const struct pretend_oauth *o, struct pretend_world *world,
                        const struct http_req *req, struct http_reply *reply) {
    struct asked asked = { .state = { NULL, 0 } };
    http_reply_header_text(reply, "Cache-Control", "no-store");
    http_reply_header_text(reply, "Content-Security-Policy",
                           "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                           "frame-ancestors 'none'");
    if (!read_asked(o, req, &asked, reply))
        return;
    if (req->method == METHOD_POST)
        take_answer(o, world, req, &asked, reply);
    else
        show_page(o, req, &asked, reply);
}

/* --- tokens for codes and for refresh tokens -------------------------------------------------- */

static void fail(struct http_reply *reply, int status, const char *error, const char *words) {
    pretend_reply_new(reply, status,
                      json_pack("{s:s, s:s}", "error", error, "error_description", words));
}

static const char *shown_scopes(const struct pretend_oauth *o, struct arena *a, struct str scopes) {
    struct buf *b = buf_in(a);
    if (!o->is_short)
        return str_dup(a, scopes);
    buf_text(b, "");
    for (struct str rest = scopes, one; rest.ptr && rest.len;) {
        one = str_cut(rest, ' ', &rest);
        size_t from = one.len;
        while (from && one.ptr[from - 1] != '/')
            from--;
        struct str name = { one.ptr + from, one.len - from };
        if (!str_is(name, "offline_access")) /* it is granted, and not told */
            buf_printf(b, "%s%.*s", b->len ? " " : "", STR_FMT(name));
    }
    return str_dup(a, buf_view(b));
}

struct giving {
    struct token of; /* number: of its refresh token */
    const char *scopes;
    bool has_refresh;
};

static void give(const struct pretend_oauth *o, struct pretend_world *world, struct arena *a,
                 const struct giving *g, struct http_reply *reply) {
    int64_t life_s = json_i64_or(pretend_oauth_settings(world), "life_s", LIFE_S);
    struct token access = g->of;
    access.number = ava_steady_ms() + life_s * 1000;
    json_t *said = json_pack("{s:s, s:I, s:s}", "access_token", token_text(a, o->access, &access),
                             "expires_in", (json_int_t)life_s, "token_type", "Bearer");
    if (g->scopes)
        json_object_set_new(said, "scope", json_string(shown_scopes(o, a, str_of(g->scopes))));
    if (g->has_refresh)
        json_object_set_new(said, "refresh_token", json_string(token_text(a, o->refresh, &g->of)));
    http_reply_header_text(reply, "Cache-Control", "no-store");
    pretend_reply_new(reply, 200, said);
}

static bool is_verified(struct arena *a, const json_t *code, struct str verifier) {
    return pkce_is_verifier(verifier) &&
           strcmp(pkce_challenge(a, verifier), json_text(code, "challenge")) == 0;
}

static bool lets_write(const struct pretend_oauth *o, struct str scopes) {
    for (struct str rest = scopes, one; rest.ptr && rest.len;) {
        one = str_cut(rest, ' ', &rest);
        if (str_ends(one, str_of(o->write_scope)))
            return true;
    }
    return false;
}

static void exchange(const struct pretend_oauth *o, struct pretend_world *world,
                     const struct http_req *req, const struct form *form,
                     struct http_reply *reply) {
    struct str named = form_find(form, "code");
    json_t *code = json_object_get(part(world, "codes"), str_dup(req->arena, named));
    const char *refresh = json_text(pretend_oauth_settings(world), "refresh");
    if (!code || ava_steady_ms() > json_i64_or(code, "until", 0) ||
        !str_is(form_find(form, "redirect_uri"), json_text(code, "redirect")) ||
        !str_is(form_find(form, "client_id"), json_text(code, "client"))) {
        fail(reply, 400, "invalid_grant", "Bad Request");
        return;
    }
    json_t *grant = grant_of(world, json_text(code, "grant"), json_text(code, "account"));
    if (json_is_true(json_object_get(code, "used"))) { /* RFC 6749, 4.1.2 */
        json_object_set_new(grant, "ended", json_true());
        fail(reply, 400, "invalid_grant", "Code was already redeemed.");
        return;
    }
    json_object_set_new(code, "used", json_true());
    if (!is_verified(req->arena, code, form_find(form, "code_verifier"))) {
        fail(reply, 400, "invalid_grant", "Invalid code verifier.");
        return;
    }
    const char *scopes = json_text(code, "scopes");
    bool can_write = lets_write(o, str_of(scopes));
    bool lasts =
        json_is_true(json_object_get(code, "lasts")) && !(refresh && strcmp(refresh, "never") == 0);
    struct giving g = { { json_text(code, "account"), can_write ? "write" : "read",
                          json_text(code, "grant"), 1 },
                        scopes,
                        lasts };
    json_object_set_new(grant, "last", json_integer(1));
    json_object_set(grant, "scopes", json_object_get(code, "scopes"));
    give(o, world, req->arena, &g, reply);
}

/* A refresh token that was replaced is good for grace_s after that, so that an answer may be lost. */
static bool is_spent(struct pretend_world *world, const json_t *grant, int64_t number) {
    int64_t last = json_i64_or(grant, "last", 0);
    int64_t grace_s = json_i64_or(pretend_oauth_settings(world), "grace_s", 0);
    int64_t age_ms = ava_steady_ms() - json_i64_or(grant, "last_used", 0);
    return number < last - 1 || (number < last && age_ms > grace_s * 1000);
}

static void refresh(const struct pretend_oauth *o, struct pretend_world *world,
                    const struct http_req *req, const struct form *form, struct http_reply *reply) {
    struct token t;
    const json_t *rotates = json_object_get(pretend_oauth_settings(world), "rotates");
    if (!token_read(req->arena, o->refresh, form_find(form, "refresh_token"), &t)) {
        fail(reply, 400, "invalid_grant", "Bad Request");
        return;
    }
    json_t *grant = grant_of(world, t.grant, t.account);
    if (!grant || json_is_true(json_object_get(grant, "ended")) ||
        is_spent(world, grant, t.number)) {
        fail(reply, 400, "invalid_grant", "Token has been expired or revoked.");
        return;
    }
    struct giving g = { t, json_text(grant, "scopes"),
                        rotates ? json_is_true(rotates) : o->rotates };
    json_object_set_new(grant, "refreshes", json_integer(json_i64_or(grant, "refreshes", 0) + 1));
    if (g.has_refresh) {
        g.of.number = t.number + 1;
        json_object_set_new(grant, "last", json_integer((json_int_t)g.of.number));
        json_object_set_new(grant, "last_used", json_integer((json_int_t)ava_steady_ms()));
    }
    give(o, world, req->arena, &g, reply);
}

void pretend_oauth_token(const struct pretend_oauth *o, struct pretend_world *world,
                         const struct http_req *req, struct http_reply *reply) {
    struct form form = { 0 };
    if (req->method != METHOD_POST || !form_parse(req->arena, req->body, &form)) {
        fail(reply, 400, "invalid_request", "The request cannot be read.");
        return;
    }
    if (pretend_refuses(form_find(&form, "client_secret"))) {
        fail(reply, 401, "invalid_client", "The OAuth client was not found.");
        return;
    }
    struct str type = form_find(&form, "grant_type");
    if (str_is(type, "authorization_code"))
        exchange(o, world, req, &form, reply);
    else if (str_is(type, "refresh_token"))
        refresh(o, world, req, &form, reply);
    else
        fail(reply, 400, "unsupported_grant_type", "Invalid grant_type.");
}

void pretend_oauth_revoke(const struct pretend_oauth *o, struct pretend_world *world,
                          const struct http_req *req, struct http_reply *reply) {
    struct form form = { 0 }, query = { 0 };
    struct token t;
    if (req->method != METHOD_POST || !form_parse(req->arena, req->body, &form) ||
        !form_parse(req->arena, req->query, &query)) {
        fail(reply, 400, "invalid_request", "The request cannot be read.");
        return;
    }
    struct str token = form_find(&form, "token");
    if (!token.ptr) /* as Google's own clients say it */
        token = form_find(&query, "token");
    if (!token_read(req->arena, o->refresh, token, &t) &&
        !token_read(req->arena, o->access, token, &t)) {
        fail(reply, 400, "invalid_token", "Token expired or revoked");
        return;
    }
    json_t *grant = grant_of(world, t.grant, t.account);
    if (grant)
        json_object_set_new(grant, "ended", json_true());
    pretend_reply_new(reply, 200, json_object());
}
