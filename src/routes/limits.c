#include "routes/limits.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/people.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/memory.h"
#include "config/config.h"
#include "obs/metrics.h"
#include "resilience/login_limit.h"
#include "resilience/ratelimit.h"

enum {
    MINUTE_MS = 60000,
    NOISE_PART = 5, /* noise may use one of so many parts */
    KEYS_LOOKED_AT = 50,
    ROUTE_KEY_MAX = 256
};

static enum err refused(struct ctx *ctx, int64_t retry_after_s) {
    ctx->problem.retry_after_s = retry_after_s > 0 ? retry_after_s : 1;
    return ctx_fail(ctx, ERR_RATE_LIMITED, "Too many requests. Try again in %lld s.",
                    (long long)ctx->problem.retry_after_s);
}

/* An IPv6 caller owns a /64: limits count those, not single addresses. */
static struct str address_key(struct ctx *ctx) {
    struct in6_addr v6;
    char text[INET6_ADDRSTRLEN];
    if (!ctx->peer_ip || inet_pton(AF_INET6, ctx->peer_ip, &v6) != 1)
        return str_of(ctx->peer_ip ? ctx->peer_ip : "");
    if (IN6_IS_ADDR_V4MAPPED(&v6)) { /* some proxies write ::ffff:192.0.2.1: all IPv4 is no /64 */
        inet_ntop(AF_INET, v6.s6_addr + 12, text, sizeof text);
        return str_of(arena_strdup(ctx->arena, text));
    }
    memset(v6.s6_addr + 8, 0, 8);
    inet_ntop(AF_INET6, &v6, text, sizeof text);
    return str_of(arena_strdup(ctx->arena, text));
}

enum err limit_unknown(struct ctx *ctx, struct entry *e) {
    const struct config *c = e->parts.config;
    if (!c->rate_limiting)
        return OK;
    struct ratelimit_rule rule = { "ip", RATELIMIT_GCRA, c->rate_ip_per_second, 1000,
                                   2 * c->rate_ip_per_second };
    struct ratelimit_result r = ratelimit_take(e->limits, &rule, address_key(ctx), ava_now_ms());
    return r.is_allowed ? OK : refused(ctx, r.retry_after_s);
}

enum err limit_page(struct ctx *ctx, struct entry *e) {
    const struct config *c = e->parts.config;
    if (!c->rate_limiting)
        return OK;
    struct ratelimit_rule rule = { "user-page", RATELIMIT_GCRA, 2 * c->rate_ip_per_second, 1000,
                                   10 * c->rate_ip_per_second };
    struct ratelimit_result r =
        ratelimit_take(e->limits, &rule, str_of(ctx->who.user_id), ava_now_ms());
    return r.is_allowed ? OK : refused(ctx, r.retry_after_s);
}

static void put_headers(struct http_reply *reply, const struct ratelimit_result *r) {
    char text[96];
    snprintf(text, sizeof text, "\"user-route\";q=%lld;w=60", (long long)r->limit);
    http_reply_header_text(reply, "RateLimit-Policy", text);
    snprintf(text, sizeof text, "\"user-route\";r=%lld;t=%lld", (long long)r->remaining,
             (long long)r->reset_s);
    http_reply_header_text(reply, "RateLimit", text);
}

/* How often the asker may come, and what counts it together with others. */
struct share {
    int64_t per_minute;
    const char *mine, *all; /* of the asker; of the workspace, NULL for strangers */
};

/* A key with a rate of its own counts for itself. Renewing a session is asked by people not known
 * yet: one stranger must not use up what all of them have. */
static struct share share_of(struct ctx *ctx, const struct config *c, const struct route *route) {
    const struct principal *who = &ctx->who;
    int64_t per_minute =
        route->limit == BY_SETTINGS ? c->rate_per_minute : c->rate_default_per_minute;
    if (who->key_id[0] && who->key_rate_per_minute > 0) {
        int64_t max = c->rate_key_max_per_minute, own = who->key_rate_per_minute;
        return (struct share){ own < max ? own : max, who->key_id,
                               arena_join(ctx->arena, who->workspace_id, " by keys") };
    }
    if (!who->user_id[0])
        return (struct share){ per_minute, str_dup(ctx->arena, address_key(ctx)), NULL };
    return (struct share){ per_minute, who->user_id, who->workspace_id };
}

static struct str route_key(char text[ROUTE_KEY_MAX], const struct route *route,
                            const char *whose) {
    snprintf(text, ROUTE_KEY_MAX, "%s %d %s", whose, (int)route->at.method, route->at.path);
    return str_of(text);
}

static bool is_of_user(const struct route *route) {
    return route->limit == BY_SETTINGS || route->limit == BY_DEFAULT;
}

static struct ratelimit_rule rule_of_asker(int64_t per_minute) {
    return (struct ratelimit_rule){ "user-route", RATELIMIT_SLIDING, per_minute, MINUTE_MS, 0 };
}

static struct ratelimit_rule rule_of_all(int64_t per_minute) {
    return (struct ratelimit_rule){ "workspace", RATELIMIT_GCRA, 60 * per_minute, MINUTE_MS, 0 };
}

enum err limit_user(struct ctx *ctx, struct entry *e, const struct route *route,
                    struct http_reply *reply) {
    const struct config *c = e->parts.config;
    char key[ROUTE_KEY_MAX], all[ROUTE_KEY_MAX];
    if (!c->rate_limiting || !is_of_user(route))
        return OK;
    struct share share = share_of(ctx, c, route);
    struct ratelimit_ask asks[2] = { { .rule = rule_of_asker(share.per_minute),
                                       .key = route_key(key, route, share.mine) } };
    size_t count = 1;
    if (share.all)
        asks[count++] = (struct ratelimit_ask){ .rule = rule_of_all(share.per_minute),
                                                .key = route_key(all, route, share.all) };
    size_t at = ratelimit_take_all(e->limits, asks, count, ava_now_ms());
    put_headers(reply, &asks[0].result);
    return at == count ? OK : refused(ctx, asks[at].result.retry_after_s);
}

/* A refusal is 503: providers send again what they were told to send later, and drop what is 429. */
static enum err busy(struct ctx *ctx, int64_t retry_after_s) {
    ctx->problem.retry_after_s = retry_after_s > 0 ? retry_after_s : 1;
    return ctx_fail(
        ctx, ERR_OVERLOADED,
        "This workspace's webhooks come faster than Ava takes them. Try again in %lld s.",
        (long long)ctx->problem.retry_after_s);
}

static struct ratelimit_rule rule_of_webhooks(int64_t per_second) {
    return (struct ratelimit_rule){ "webhook", RATELIMIT_GCRA, per_second, 1000, 5 * per_second };
}

enum err limit_webhook(struct ctx *ctx, struct entry *e, bool is_noise) {
    const struct config *c = e->parts.config;
    int64_t per_second = c->rate_webhooks_per_second;
    struct str key = str_of(ctx->who.workspace_id);
    if (!c->rate_limiting)
        return OK;
    int64_t noise = per_second > NOISE_PART ? per_second / NOISE_PART : 1;
    struct ratelimit_ask asks[2] = {
        { .rule = { "webhook-noise", RATELIMIT_GCRA, noise, 1000, 5 * noise }, .key = key },
        { .rule = rule_of_webhooks(per_second), .key = key }
    };
    struct ratelimit_ask *first = is_noise ? asks : asks + 1;
    size_t count = is_noise ? 2 : 1;
    size_t at = ratelimit_take_all(e->limits, first, count, ava_now_ms());
    return at == count ? OK : busy(ctx, first[at].result.retry_after_s);
}

/* --- how near --------------------------------------------------------------------------------- */

struct near_search {
    struct ratelimit *limits;
    int64_t now_ms;
    struct limit_near *out;
    size_t count;
};

/* Keeps it if it is among the nearest so far. */
static void consider(struct near_search *s, const struct ratelimit_rule *rule, struct str key,
                     struct limit_near one) {
    struct ratelimit_use use = ratelimit_look(s->limits, rule, key, s->now_ms);
    size_t at = s->count;
    if (!use.used)
        return;
    while (at && use.used * s->out[at - 1].limit > s->out[at - 1].used * use.limit)
        at--;
    if (at == LIMITS_NEAR_MAX)
        return;
    if (s->count < LIMITS_NEAR_MAX)
        s->count++;
    memmove(&s->out[at + 1], &s->out[at], (s->count - at - 1) * sizeof *s->out);
    one.used = use.used;
    one.limit = use.limit;
    one.reset_s = use.reset_s;
    s->out[at] = one;
}

static void consider_route(struct near_search *s, struct ctx *ctx, const struct route *route,
                           const struct owned_key *keys, size_t key_count) {
    const struct config *c = ctx->parts->config;
    int64_t most = c->rate_key_max_per_minute;
    char key[ROUTE_KEY_MAX];
    int64_t usual = route->limit == BY_SETTINGS ? c->rate_per_minute : c->rate_default_per_minute;
    struct ratelimit_rule mine = rule_of_asker(usual), all = rule_of_all(usual);
    consider(s, &all, route_key(key, route, ctx->who.workspace_id),
             (struct limit_near){ .of = "workspace", .route = route });
    consider(s, &mine, route_key(key, route, ctx->who.user_id),
             (struct limit_near){ .of = "self", .route = route });
    for (size_t i = 0; i < key_count; i++) {
        const struct api_key *k = &keys[i].key;
        struct ratelimit_rule own =
            rule_of_asker(k->rate_per_minute < most ? k->rate_per_minute : most);
        if (k->rate_per_minute)
            consider(s, &own, route_key(key, route, k->id),
                     (struct limit_near){ "key", k->id, k->name, route, 0, 0, 0 });
    }
}

enum err limits_near(struct ctx *ctx, struct entry *e, struct limit_near out[LIMITS_NEAR_MAX],
                     size_t *count) {
    const struct config *c = ctx->parts->config;
    struct owned_key *keys = arena_alloc(ctx->arena, KEYS_LOOKED_AT * sizeof *keys);
    struct near_search s = { e->limits, ava_now_ms(), out, 0 };
    size_t key_count;
    if (!c->rate_limiting) {
        *count = 0;
        return OK;
    }
    TRY(workspace_keys(ctx, ctx->who.workspace_id, ROLE_OWNER, NULL, KEYS_LOOKED_AT, keys,
                       &key_count));
    for (size_t i = 0; i < e->table_count; i++)
        if (is_of_user(&e->table[i]))
            consider_route(&s, ctx, &e->table[i], keys, key_count);
    struct ratelimit_rule hooks = rule_of_webhooks(c->rate_webhooks_per_second);
    consider(&s, &hooks, str_of(ctx->who.workspace_id), (struct limit_near){ .of = "webhooks" });
    *count = s.count;
    return OK;
}

enum err limit_unproven(struct ctx *ctx, struct entry *e, struct str token) {
    static const struct ratelimit_rule RULE = { "webhook-proof", RATELIMIT_GCRA, 20, 1000, 100 };
    struct str address = address_key(ctx);
    char key[256];
    int len = snprintf(key, sizeof key, "%.*s %.*s", STR_FMT(address), STR_FMT(token));
    if (!e->parts.config->rate_limiting)
        return OK;
    struct str name = { key, (size_t)len < sizeof key ? (size_t)len : sizeof key - 1 };
    struct ratelimit_result r = ratelimit_take(e->limits, &RULE, name, ava_now_ms());
    return r.is_allowed ? OK : refused(ctx, r.retry_after_s);
}

static struct str account_key(struct ctx *ctx, const char *email) {
    char *key = arena_strdup(ctx->arena, email);
    for (char *p = key; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return str_of(key);
}

enum err limit_login(struct ctx *ctx, struct entry *e, const char *email, struct str device) {
    struct ratelimit_result r = device.len
                                    ? login_limit_enter_device(e->login_limit, device, ava_now_ms())
                                    : login_limit_enter(e->login_limit, account_key(ctx, email),
                                                        address_key(ctx), ava_now_ms());
    if (r.is_allowed)
        return OK;
    ctx->problem.retry_after_s = r.retry_after_s > 0 ? r.retry_after_s : 1;
    return ctx_fail(
        ctx, ERR_RATE_LIMITED,
        "Too many tries to sign in. Try again in %lld s, or in a browser or from an "
        "address that you signed in with before; who runs this Ava gets in by 'ava user link'.",
        (long long)ctx->problem.retry_after_s);
}

void limit_login_done(struct ctx *ctx, struct entry *e, const char *email, struct str device,
                      enum err outcome) {
    enum login_verdict v = outcome == OK            ? LOGIN_SUCCEEDED
                           : outcome == ERR_INVALID ? LOGIN_FAILED
                                                    : LOGIN_UNDECIDED;
    if (device.len)
        login_limit_settle_device(e->login_limit, device, v, ava_now_ms());
    else
        login_limit_settle(e->login_limit, account_key(ctx, email), address_key(ctx), v,
                           ava_now_ms());
}

/* --- trusted proxies ------------------------------------------------------------------------- */

struct proxies {
    struct address_ranges ranges;
};

struct proxies *proxies_new(const char *cidrs, const char **why) {
    struct proxies *p = memory_zeroed(1, sizeof *p);
    if (address_ranges_parse(str_of(cidrs), &p->ranges))
        return p;
    *why = "TRUSTED_PROXIES: not a list of addresses or CIDRs such as 10.0.0.0/8, ::1";
    free(p);
    return NULL;
}

void proxies_free(struct proxies *p) {
    free(p);
}

static bool is_trusted(const struct proxies *p, const char *text) {
    struct address a;
    return address_parse(str_of(text), &a) && address_ranges_hold(&p->ranges, &a);
}

bool proxies_hold(const struct proxies *p, const char *peer) {
    return is_trusted(p, peer);
}

/* "1.2.3.4:5678" and "[v6]:5678", as some proxies write a hop, without what is not the address. */
static struct str bare_address(struct str hop) {
    struct str rest;
    if (hop.len && hop.ptr[0] == '[')
        return str_cut((struct str){ hop.ptr + 1, hop.len - 1 }, ']', &rest);
    struct str before = str_cut(hop, ':', &rest);
    return rest.ptr && !memchr(rest.ptr, ':', rest.len) ? before : hop;
}

static const char *address_text(struct arena *arena, const struct address *a) {
    char text[ADDRESS_TEXT_MAX];
    address_write(a, text);
    return arena_strdup(arena, text);
}

const char *proxies_client(const struct proxies *p, struct arena *arena,
                           const struct http_req *req) {
    const char *client = req->peer;
    if (p->ranges.count == 0 || !is_trusted(p, client))
        return client;
    /* All X-Forwarded-For fields read as one list, from its right end. */
    for (size_t i = req->field_count; i > 0; i--) {
        struct str value = req->fields[i - 1].value;
        if (!str_eq_nocase(req->fields[i - 1].name, STR("x-forwarded-for")))
            continue;
        while (value.len) {
            size_t cut = value.len;
            while (cut > 0 && value.ptr[cut - 1] != ',')
                cut--;
            struct str hop = str_trim((struct str){ value.ptr + cut, value.len - cut });
            struct address a;
            if (!address_parse(bare_address(hop), &a))
                return client; /* garbage: the last good hop is what is known */
            a = address_unmapped(a);
            client = address_text(arena, &a);
            if (!address_ranges_hold(&p->ranges, &a))
                return client;
            value.len = cut ? cut - 1 : 0;
        }
    }
    return client;
}
