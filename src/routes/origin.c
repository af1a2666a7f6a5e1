#include "routes/origin.h"

#include <string.h>

#include "auth/identity.h"
#include "base/address.h"
#include "config/config.h"

static bool is_listed(struct entry *e, struct str origin) {
    const struct entry_rules *rules = atomic_load(&e->rules);
    for (struct str rest = str_of(rules->cors_origins); rest.ptr && rest.len;)
        if (str_eq(str_trim(str_cut(rest, ',', &rest)), origin))
            return true;
    return false;
}

/* scheme://host:port of our own, as configured or as the browser reached us: a page of another
 * site can send neither, and a rebound name has no cookie of ours. */
static bool is_own(const struct ctx *ctx, const struct http_req *req, struct str origin) {
    const char *own = ctx->parts->config->public_url;
    struct str rest, scheme = str_cut(origin, '/', &rest);
    (void)scheme;
    return str_is(origin, own) ||
           (rest.len > 1 && str_eq((struct str){ rest.ptr + 1, rest.len - 1 }, req->authority));
}

enum err origin_check(struct ctx *ctx, struct entry *e, const struct http_req *req) {
    struct str origin = http_field(req, "origin");
    struct str site = http_field(req, "sec-fetch-site");
    bool listed = origin.ptr && is_listed(e, origin);
    if (origin.ptr && !listed && !is_own(ctx, req, origin))
        return ctx_fail(ctx, ERR_CSRF_FAILED, "This request came from another site's page.");
    if (site.ptr && !listed && !str_is(site, "same-origin") && !str_is(site, "none"))
        return ctx_fail(ctx, ERR_CSRF_FAILED, "This request came from another site's page.");
    return OK;
}

/* Without the port. */
static struct str host_of(struct str authority) {
    const char *end = memrchr(authority.ptr, ':', authority.len);
    bool is_v6 = authority.len && authority.ptr[authority.len - 1] == ']';
    return end && !is_v6 ? (struct str){ authority.ptr, (size_t)(end - authority.ptr) } : authority;
}

static bool is_address(struct str host) {
    struct address a;
    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = (struct str){ host.ptr + 1, host.len - 2 };
    return address_parse(host, &a);
}

bool origin_names_us(const struct ctx *ctx, const struct http_req *req) {
    static const struct str LOCAL = { ".localhost", 10 };
    struct str host = host_of(req->authority), rest;
    const char *own = strstr(ctx->parts->config->public_url, "://");
    bool is_local =
        str_eq_nocase(host, STR("localhost")) ||
        (host.len > LOCAL.len &&
         str_eq_nocase((struct str){ host.ptr + host.len - LOCAL.len, LOCAL.len }, LOCAL));
    return !host.len || is_local || is_address(host) ||
           (own && str_eq_nocase(host, host_of(str_cut(str_of(own + 3), '/', &rest))));
}

enum err origin_check_token(struct ctx *ctx, const struct http_req *req) {
    if (!auth_csrf_matches(ctx, http_field(req, "x-csrf-token")))
        return ctx_fail(ctx, ERR_CSRF_FAILED,
                        "The X-CSRF-Token is missing or not of this session; reload the page.");
    return OK;
}

bool origin_allow(struct entry *e, const struct http_req *req, struct http_reply *reply) {
    struct str origin = http_field(req, "origin");
    if (atomic_load(&e->rules)->cors_origins[0]) /* a cache keeps one answer for each of them */
        http_reply_header_text(reply, "Vary", "Origin");
    if (!origin.ptr || !is_listed(e, origin))
        return false;
    http_reply_header(reply, "Access-Control-Allow-Origin", origin);
    http_reply_header_text(reply, "Access-Control-Allow-Credentials", "true");
    http_reply_header_text(reply, "Access-Control-Expose-Headers",
                           "X-Correlation-ID, Retry-After, RateLimit, RateLimit-Policy, ETag, Age, "
                           "Cache-Status");
    return true;
}
