#include "service/numbers/number_routes.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/tree.h"
#include "config/config.h"
#include "providers/twilio_number.h"
#include "service/connections/endpoints.h"
#include "vault/vault.h"

/* The fields of each way, its address first, and the kind of Ava's own; of a fallback there is none. */
static const struct {
    const char *name, *kind;
    const char *url, *method, *app, *trunk;
} WAYS[NUMBER_WAYS] = {
    { "calls", "voice", "voice_url", "voice_method", "voice_application_sid", "trunk_sid" },
    { "texts", "message", "sms_url", "sms_method", "sms_application_sid", NULL },
    { "status", "status", "status_callback", "status_callback_method", NULL, NULL },
    { "calls_fallback", NULL, "voice_fallback_url", "voice_fallback_method", NULL, NULL },
    { "texts_fallback", NULL, "sms_fallback_url", "sms_fallback_method", NULL, NULL },
};

const char *number_way_name(enum number_way way) {
    return WAYS[way].name;
}

const char *number_party_name(enum number_party party) {
    static const char *const NAMES[] = { "nobody", "ava", "vapi", "other" };
    return NAMES[party];
}

/* --- whose it is ----------------------------------------------------------------------------- */

const char *number_host(struct ctx *ctx, const char *url) {
    struct str rest, all = str_of(url);
    ptrdiff_t at = str_find(all, STR("://"));
    if (at < 0)
        return NULL;
    struct str host = str_cut((struct str){ url + at + 3, all.len - (size_t)at - 3 }, '/', &rest);
    host = str_cut(host, '?', &rest);
    host = str_cut(host, '#', &rest);
    str_cut(host, '@', &rest); /* a name and a password in front of it are nobody's business */
    return str_dup(ctx->arena, rest.ptr ? rest : host);
}

static bool is_vapi(struct ctx *ctx, const char *url) {
    const char *host = number_host(ctx, url);
    return host && strncmp(url, "https://", 8) == 0 && str_ends(str_of(host), STR(".vapi.ai"));
}

/* An address of this Ava, of whatever workspace; *token: NULL ptr when it is none. */
static struct str own_token(struct ctx *ctx, const char *url) {
    struct str rest;
    const char *own = arena_join(ctx->arena, ctx->parts->config->public_url, "/webhooks/twilio/");
    if (strncmp(url, own, strlen(own)) != 0)
        return (struct str){ NULL, 0 };
    return str_cut(str_of(url + strlen(own)), '/', &rest);
}

enum err number_party_of(struct ctx *ctx, struct db_conn *c, const char *url, bool has_app,
                         enum number_party *out) {
    unsigned char hash[32];
    struct endpoint_row row;
    if (has_app || !url || !url[0]) {
        *out = has_app ? NUMBER_OTHER : NUMBER_NOBODY;
        return OK;
    }
    struct str token = own_token(ctx, url);
    if (!token.ptr) {
        *out = is_vapi(ctx, url) ? NUMBER_VAPI : NUMBER_OTHER;
        return OK;
    }
    vault_token_hash(token, hash);
    TRY(endpoint_row_find(ctx, c, hash, &row));
    bool is_foreign = row.id && strcmp(row.workspace_id, ctx->who.workspace_id) != 0;
    *out = is_foreign ? NUMBER_OTHER : NUMBER_AVA;
    return OK;
}

const char *number_url_shown(struct ctx *ctx, const char *url) {
    struct str token = url ? own_token(ctx, url) : (struct str){ NULL, 0 };
    if (!token.ptr)
        return url;
    return arena_printf(ctx->arena, "%.*s***%s", (int)(token.ptr - url), url,
                        token.ptr + token.len);
}

static const char *text_of(const json_t *routes, const char *field) {
    const char *text = field ? json_text(routes, field) : NULL;
    return text && text[0] ? text : NULL;
}

enum err number_leads_to(struct ctx *ctx, struct db_conn *c, const json_t *routes,
                         enum number_way way, enum number_party *out) {
    bool has_app = text_of(routes, WAYS[way].app) || text_of(routes, WAYS[way].trunk);
    return number_party_of(ctx, c, text_of(routes, WAYS[way].url), has_app, out);
}

const char *number_who(struct ctx *ctx, const json_t *routes, enum number_way way) {
    if (text_of(routes, WAYS[way].trunk))
        return "a trunk";
    if (text_of(routes, WAYS[way].app))
        return "an application of Twilio's";
    const char *url = text_of(routes, WAYS[way].url);
    const char *host = url ? number_host(ctx, url) : NULL;
    return host ? host : "another system";
}

/* --- what must change ------------------------------------------------------------------------ */

bool number_way_is_ours(const struct number_wish *wish, enum number_way way) {
    bool is_of_calls = way == NUMBER_CALLS || way == NUMBER_CALLS_FALLBACK;
    bool is_of_texts = way == NUMBER_TEXTS || way == NUMBER_TEXTS_FALLBACK;
    return !(wish->vapi && is_of_calls) && !(wish->texts_to_vapi && is_of_texts);
}

/* Into to, unless it is like that already; value NULL: nothing shall be there. */
static void want(json_t *to, const json_t *now, const char *field, const char *value) {
    const char *is = text_of(now, field);
    if (!field || (is && value && strcmp(is, value) == 0) || (!is && !value))
        return;
    json_object_set_new(to, field, value ? json_string(value) : json_null());
}

/* A fallback goes, unless it leads to who has the way itself. */
static enum err want_no_fallback(struct ctx *ctx, const struct number_wish *wish, const json_t *now,
                                 enum number_way way, json_t *routes) {
    enum number_party party;
    TRY(number_leads_to(ctx, db_reader(ctx), now, way, &party));
    if (party != (number_way_is_ours(wish, way) ? NUMBER_AVA : NUMBER_VAPI))
        want(routes, now, WAYS[way].url, NULL);
    return OK;
}

enum err number_routes_wanted(struct ctx *ctx, const struct number_wish *wish, const json_t *now,
                              json_t **out) {
    struct endpoint e;
    TRY(endpoint_current(ctx, PROVIDER_TWILIO, &e));
    json_t *routes = tree_in(ctx->arena, json_object());
    for (enum number_way way = 0; way < NUMBER_WAYS; way++) {
        if (!WAYS[way].kind)
            TRY(want_no_fallback(ctx, wish, now, way, routes));
        if (!WAYS[way].kind || !number_way_is_ours(wish, way))
            continue;
        want(routes, now, WAYS[way].url, endpoint_url(ctx, &e, WAYS[way].kind));
        want(routes, now, WAYS[way].method, "POST");
        want(routes, now, WAYS[way].app, NULL);
        want(routes, now, WAYS[way].trunk, NULL);
    }
    *out = routes;
    return OK;
}

/* With and without what tells Twilio how to try again, an address is the same. */
static bool is_same(const char *a, const char *b) {
    struct str rest;
    if (!a || !b)
        return a == b;
    return str_eq(str_cut(str_of(a), '#', &rest), str_cut(str_of(b), '#', &rest));
}

/* POST is Twilio's own where none is said. */
static bool is_same_method(const char *a, const char *b) {
    return strcasecmp(a ? a : "POST", b ? b : "POST") == 0;
}

static bool is_as_it_was(const json_t *now, const json_t *was, enum number_way way) {
    const char *const fields[] = { WAYS[way].url, WAYS[way].app, WAYS[way].trunk };
    if (!WAYS[way].kind && !json_object_get(was, WAYS[way].url))
        return true; /* remembered before Ava knew of fallbacks, and so never changed */
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (!is_same(text_of(now, fields[i]), text_of(was, fields[i])))
            return false;
    const char *const method = WAYS[way].method;
    return !text_of(now, WAYS[way].url) ||
           is_same_method(text_of(now, method), text_of(was, method));
}

unsigned number_ways_emptied(const json_t *routes) {
    unsigned emptied = 0;
    for (enum number_way way = 0; way < NUMBER_WAYS; way++)
        if (WAYS[way].kind && !text_of(routes, WAYS[way].url) && !text_of(routes, WAYS[way].app) &&
            !text_of(routes, WAYS[way].trunk))
            emptied |= 1u << way;
    return emptied;
}

enum err number_routes_back(struct ctx *ctx, const json_t *now, const json_t *was, unsigned emptied,
                            json_t **out, unsigned *restored, unsigned *left) {
    json_t *routes = tree_in(ctx->arena, json_object());
    *restored = *left = 0;
    for (enum number_way way = 0; way < NUMBER_WAYS; way++) {
        enum number_party party;
        TRY(number_leads_to(ctx, db_reader(ctx), now, way, &party));
        if (is_as_it_was(now, was, way))
            continue;
        if (party == NUMBER_OTHER || (party == NUMBER_NOBODY && emptied & 1u << way)) {
            *left |= 1u << way;
            continue;
        }
        want(routes, now, WAYS[way].url, text_of(was, WAYS[way].url));
        want(routes, now, WAYS[way].method, text_of(was, WAYS[way].method));
        want(routes, now, WAYS[way].app, text_of(was, WAYS[way].app));
        want(routes, now, WAYS[way].trunk, text_of(was, WAYS[way].trunk));
        *restored |= 1u << way;
    }
    *out = routes;
    return OK;
}

bool number_way_is_remembered(enum number_way way, enum number_party party, bool is_vapi_ours,
                              bool is_held) {
    bool is_emptied = !WAYS[way].kind && party == NUMBER_NOBODY && is_held;
    return party == NUMBER_AVA || (party == NUMBER_VAPI && is_vapi_ours) || is_emptied;
}

void number_way_copy(json_t *to, const json_t *from, enum number_way way) {
    const char *const fields[] = { WAYS[way].url, WAYS[way].method, WAYS[way].app,
                                   WAYS[way].trunk };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const char *value = text_of(from, fields[i]);
        if (fields[i])
            json_object_set_new(to, fields[i], value ? json_string(value) : json_null());
    }
}
