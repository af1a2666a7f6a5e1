#include "routes/entry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "auth/identity.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/json.h"
#include "base/memory.h"
#include "config/config.h"
#include "config/flags.h"
#include "http/cookie.h"
#include "http/server.h"
#include "http/status.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "obs/provider.h"
#include "obs/spans.h"
#include "obs/tracer.h"
#include "resilience/known.h"
#include "resilience/login_limit.h"
#include "resilience/ratelimit.h"
#include "resilience/shed.h"
#include "routes/asker.h"
#include "routes/changes.h"
#include "routes/idempotency.h"
#include "routes/limits.h"
#include "routes/origin.h"
#include "routes/pages.h"
#include "routes/reply.h"
#include "service/email/attachments.h"
#include "tasks/book.h"
#include "tasks/hosts.h"

enum {
    HOLD_MS = 500,       /* what is asked sooner after a refusal waits */
    PATIENCE_LAGS = 10,  /* of MAX_LOOP_LAG_MS */
    OVERLOADS_PER_S = 1, /* lines in the log; of other refusals: */
    REFUSALS_PER_S = 50,
    REQUEST_MS = 10000,
    WEBHOOK_MS = 2000,
    TIMEOUT_MIN_MS = 100,
    TIMEOUT_MAX_MS = 30000,
    JSON_MAX_BYTES = 1 << 20,
    AUTH_MAX_BYTES = 16 << 10,
    WEBHOOK_MAX_BYTES = 8 << 20,
    MAIL_MAX_BYTES = (14 << 20) + (1 << 19), /* 10 MiB of files in base64, and 1 MiB of the rest */
    SLOW_BYTES = 64 << 10,                   /* to read beside the loop */
};

/* The rules of a configuration that config/ has checked; entry_rules_free frees them. */
static struct entry_rules *rules_new(const struct config *c) {
    const char *why;
    struct entry_rules *r = memory_zeroed(1, sizeof *r);
    r->cors_origins = memory_copy(c->cors_origins);
    r->proxies = proxies_new(c->trusted_proxies, &why);
    if (!r->proxies) /* cli/ has said why before */
        r->proxies = proxies_new("", &why);
    return r;
}

void entry_rules_free(struct entry_rules *r) {
    if (!r)
        return;
    proxies_free(r->proxies);
    free(r->cors_origins);
    free(r);
}

struct entry_rules *entry_swap_rules(struct entry *e, const struct config *c) {
    return atomic_exchange(&e->rules, rules_new(c));
}

static size_t count_hosts(const void *hosts) {
    return hosts_alive(hosts);
}

struct entry *entry_new(const struct parts *parts, const char *profile) {
    struct entry *e = memory_zeroed(1, sizeof *e);
    e->parts = *parts;
    e->profile = profile;
    e->table = routes;
    e->table_count = routes_count;
    e->router = router_new(&routes[0].at, sizeof routes[0], routes_count);
    e->limits = ratelimit_new();
    ratelimit_share(e->limits, parts->kv, count_hosts, parts->hosts);
    e->login_limit = login_limit_new();
    e->shed = shed_new();
    e->senders = calloc(1, sizeof *e->senders);
    if (!e->senders)
        abort();
    atomic_init(&e->rules, rules_new(parts->config));
    return e;
}

void entry_free(struct entry *e) {
    if (!e)
        return;
    router_free(e->router);
    ratelimit_free(e->limits);
    login_limit_free(e->login_limit);
    shed_free(e->shed);
    free(e->senders);
    entry_rules_free(atomic_load(&e->rules));
    free(e);
}

/* The route of a request, or NULL; match says what the path holds, and which methods it has. */
static const struct route *route_of(const struct entry *e, const struct http_req *req,
                                    struct router_match *match) {
    router_find(e->router, req->method, req->path, match);
    return match->index == ROUTER_NONE ? NULL : &routes[match->index];
}

void entry_body(void *arg, const struct http_req *req, struct http_body *out) {
    const struct entry *e = arg;
    struct router_match match;
    const struct route *route = route_of(e, req, &match);
    enum body_kind kind = route ? route->body : NO_BODY;
    out->takes_part = kind == REPORT_BODY;
    out->is_proven = route && route->limit == BY_WEBHOOK && known_has(e->senders, req->path);
    switch (kind) {
    case JSON_BODY: /* long ones are not taken in for strangers */
        out->limit_bytes = http_field(req, "authorization").ptr || http_field(req, "cookie").ptr
                               ? JSON_MAX_BYTES
                               : AUTH_MAX_BYTES;
        return;
    case MAIL_BODY:
        out->limit_bytes = http_field(req, "authorization").ptr || http_field(req, "cookie").ptr
                               ? MAIL_MAX_BYTES
                               : AUTH_MAX_BYTES;
        return;
    case WEBHOOK_BODY:
    case REPORT_BODY:
        out->limit_bytes = WEBHOOK_MAX_BYTES;
        return;
    default:
        out->limit_bytes = AUTH_MAX_BYTES;
    }
}

/* --- one step each --------------------------------------------------------------------------- */

/* The time of the request: 10 s, a webhook 2 s, or less where X-Request-Timeout-Ms asks for
 * less. */
static enum err set_deadline(struct ctx *ctx, const struct route *route,
                             const struct http_req *req) {
    int64_t ms = route && route->limit == BY_WEBHOOK ? WEBHOOK_MS : REQUEST_MS;
    struct str asked = http_field(req, "x-request-timeout-ms");
    int64_t wanted;
    if (asked.ptr) {
        if (!str_to_i64(asked, TIMEOUT_MIN_MS, TIMEOUT_MAX_MS, &wanted)) {
            ctx_field_range(ctx, "X-Request-Timeout-Ms", "out_of_range", TIMEOUT_MIN_MS,
                            TIMEOUT_MAX_MS, "X-Request-Timeout-Ms must be 100 to 30000.");
            return ctx_fields_ok(ctx);
        }
        ms = wanted < ms ? wanted : ms;
    }
    ctx->deadline_ms = ava_now_ms() + ms;
    return OK;
}

/* Fills ctx->who from API key or session; strangers are limited by address, others here where nothing
 * else limits them. */
static enum err identify(struct ctx *ctx, struct entry *e, const struct http_req *req,
                         bool is_page) {
    bool found;
    TRY(asker_identify(ctx, req, &found));
    if (!found)
        return limit_unknown(ctx, e);
    return is_page ? limit_page(ctx, e) : OK;
}

/* Refuses who may not use this route. */
static enum err check_access(struct ctx *ctx, const struct route *route) {
    if (route->access == ANYONE)
        return OK;
    if (!ctx->who.user_id[0])
        return ctx_fail(ctx, ERR_SESSION_REQUIRED,
                        "Sign in first, or send a valid API key as Authorization: Bearer.");
    if (route->access == INSTALLER && !ctx->who.is_admin)
        return ctx_fail(ctx, ERR_FORBIDDEN, "Only an administrator can do this.");
    if (route->access == MANAGER && ctx->who.role < ROLE_ADMIN)
        return ctx_fail(ctx, ERR_FORBIDDEN,
                        "Only an owner or administrator of the workspace can do this.");
    return OK;
}

static bool is_write(enum http_method m) {
    return m != METHOD_GET && m != METHOD_HEAD && m != METHOD_OPTIONS;
}

/* For writes by cookie: the origin must be ours, and a session sends its CSRF token. */
static enum err check_origin(struct ctx *ctx, struct entry *e, const struct route *route,
                             const struct http_req *req) {
    if (!is_write(req->method) || route->limit == BY_WEBHOOK || ctx->who.key_id[0])
        return OK;
    TRY(origin_check(ctx, e, req));
    return ctx->who.csrf[0] && !route->no_csrf ? origin_check_token(ctx, req) : OK;
}

struct reading {
    struct ctx *ctx;
    struct call *call;
    const char *why;
};

static void parse(void *arg) {
    struct reading *r = arg;
    r->call->body = json_parse(r->ctx->arena, r->call->req->body, &r->why);
}

/* Without the files, which would be several times their size as a tree. */
static void parse_mail(void *arg) {
    struct reading *r = arg;
    struct lift *files = arena_alloc(r->ctx->arena, sizeof *files);
    struct str rest = attachments_lift(r->ctx->arena, r->call->req->body, files);
    if (rest.len > JSON_MAX_BYTES)
        r->why = "without its attachments it is longer than 1 MiB";
    else
        r->call->body = json_parse(r->ctx->arena, rest, &r->why);
    r->call->files = files;
}

/* Decodes the query; for routes with a JSON body, reads it as an object. */
static enum err read_body(struct ctx *ctx, const struct route *route, struct call *call) {
    const struct http_req *req = call->req;
    struct reading r = { .ctx = ctx, .call = call };
    if (!form_parse(ctx->arena, req->query, &call->query))
        return ctx_fail(ctx, ERR_MALFORMED, "The query string has a broken escape.");
    if (route->body != JSON_BODY && route->body != MAIL_BODY && route->body != AUTH_BODY)
        return OK;
    struct str params, type = str_cut(http_field(req, "content-type"), ';', &params);
    if (!str_eq_nocase(str_trim(type), STR("application/json")))
        return ctx_fail(ctx, ERR_UNSUPPORTED_MEDIA_TYPE,
                        "Send the body as JSON, with Content-Type: application/json.");
    if (route->body != MAIL_BODY)
        parse(&r);
    else if (req->body.len > SLOW_BYTES)
        fiber_offload(parse_mail, &r);
    else
        parse_mail(&r);
    if (!call->body)
        return ctx_fail(ctx, ERR_MALFORMED, "The body cannot be read: %s.", r.why);
    if (!json_is_object(call->body))
        return ctx_fail(ctx, ERR_MALFORMED, "The body must be a JSON object.");
    return OK;
}

/* The checks of a request that has a route, in the order that counts, then the route itself. */
static enum err walk(struct ctx *ctx, const struct route *route, struct call *call) {
    struct entry *e = call->entry;
    TRY(set_deadline(ctx, route, call->req));
    if (route->limit != UNLIMITED && route->limit != BY_WEBHOOK)
        TRY(identify(ctx, e, call->req, route->limit == BY_IP));
    TRY(check_access(ctx, route));
    TRY(check_origin(ctx, e, route, call->req));
    TRY(limit_user(ctx, e, route, call->reply));
    TRY(read_body(ctx, route, call));
    return idempotent_run(ctx, route, call);
}

/* No route: a page of the dashboard, a preflight, or nothing. */
static enum err walk_unrouted(struct ctx *ctx, struct call *call) {
    const struct http_req *req = call->req;
    if (call->entry->sandbox && str_starts(req->path, STR("/sandbox")) &&
        !origin_names_us(ctx, req))
        return ctx_fail(ctx, ERR_FORBIDDEN,
                        "The sandbox answers to localhost, to addresses and to the host of "
                        "AVA_PUBLIC_URL; open it by one of them.");
    if (call->entry->sandbox && str_is(req->path, "/sandbox"))
        return pages_asset(ctx, call, "/sandbox.html");
    if (call->entry->sandbox && str_starts(req->path, STR("/sandbox/"))) {
        call->entry->sandbox(call->entry->sandbox_arg, ctx, req, call->reply);
        return ctx->problem.err;
    }
    TRY(identify(ctx, call->entry, req, true));
    if (call->match->path_exists) {
        const char *allow = router_allow(ctx->arena, call->match->allowed);
        if (req->method == METHOD_OPTIONS && origin_allow(call->entry, req, call->reply)) {
            http_reply_header_text(call->reply, "Access-Control-Allow-Methods", allow);
            http_reply_header_text(
                call->reply, "Access-Control-Allow-Headers",
                "Authorization, Content-Type, If-Match, Idempotency-Key, Prefer, "
                "X-CSRF-Token, X-Correlation-ID, X-Request-Timeout-Ms");
            http_reply_header_text(call->reply, "Access-Control-Max-Age", "600");
            call->reply->status = 204;
            return OK;
        }
        http_reply_header_text(call->reply, "Allow", allow);
        return ctx_fail(ctx, ERR_METHOD_NOT_ALLOWED, "This address answers %s only.", allow);
    }
    return pages_serve(ctx, call);
}

/* How soon the request is turned away when there is too much to do. */
static enum shed_class shed_class_of(const struct route *route, const struct http_req *req) {
    if (route && route->limit == UNLIMITED)
        return SHED_NEVER;
    if (route && route->limit == BY_WEBHOOK)
        return SHED_WEBHOOK;
    return is_write(req->method) ? SHED_WRITE : SHED_READ;
}

/* Who asks, as far as it can be known without asking anybody: by what they prove themselves with. */
static uint64_t asker(const struct http_req *req) {
    struct str proof = http_field(req, "authorization");
    if (!proof.ptr)
        proof = http_field(req, "cookie");
    if (!proof.ptr)
        proof = str_of(req->peer);
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < proof.len; i++)
        hash = (hash ^ (unsigned char)proof.ptr[i]) * 0x100000001B3u;
    return hash;
}

void entry_turn(void *arg, const struct http_req *req, struct http_turn *turn) {
    struct entry *e = arg;
    struct router_match match;
    enum shed_class class = shed_class_of(route_of(e, req, &match), req);
    turn->is_now = class == SHED_NEVER || class == SHED_WEBHOOK || !flag_is_on(FLAG_TURNS);
    if (turn->is_now)
        return;
    turn->whose = asker(req);
    turn->patience_ms = e->parts.config->max_loop_lag_ms * PATIENCE_LAGS;
}

/* Whoever is refused for want of room and asks again at once must not gain by it; a proxy asks for
 * many, who are not to wait for each other. */
static void hold_back(const struct entry *e, const struct http_req *req, enum err err,
                      struct http_reply *reply) {
    if ((err == ERR_OVERLOADED || err == ERR_PROVIDER_BUSY) &&
        !proxies_hold(atomic_load(&e->rules)->proxies, req->peer))
        reply->hold_ms = HOLD_MS;
}

/* Counts the request as in hand while it runs, or refuses it at once when there is no room. */
static enum err admit(struct ctx *ctx, const struct route *route, struct call *call) {
    struct entry *e = call->entry;
    enum shed_class class = shed_class_of(route, call->req);
    if (!shed_enter(e->shed, class, ctx->parts->config->max_requests)) {
        ctx->problem.retry_after_s = 1;
        return ctx_fail(ctx, ERR_OVERLOADED,
                        "Ava has more to do than it can carry; try again in 1 s.");
    }
    enum err err = route ? walk(ctx, route, call) : walk_unrouted(ctx, call);
    shed_leave(e->shed, class);
    return err;
}

/* --- around every answer --------------------------------------------------------------------- */

/* The headers of every answer, also of those to what could not be read. */
static void stamp_always(const struct ctx *ctx, struct http_reply *reply) {
    char traceparent[56];
    trace_header(&ctx->trace, traceparent);
    http_reply_header_text(reply, "X-Correlation-ID", ctx->correlation_id);
    http_reply_header_text(reply, "traceparent", traceparent);
    http_reply_header_text(reply, "X-Content-Type-Options", "nosniff");
    if (str_starts(str_of(ctx->parts->config->public_url), STR("https://")))
        http_reply_header_text(reply, "Strict-Transport-Security", "max-age=31536000");
}

static void stamp(struct ctx *ctx, struct entry *e, const struct http_req *req,
                  struct http_reply *reply) {
    stamp_always(ctx, reply);
    if (req->method != METHOD_OPTIONS)
        origin_allow(e, req, reply);
}

/* Whose webhooks come at "/webhooks/twilio/{token}/voice"; a route of the table names one we
 * know. */
static const char *webhook_provider(const char *template) {
    struct str rest, name = str_cut(str_of(template + strlen("/webhooks/")), '/', &rest);
    enum provider p = provider_parse(name);
    assert(p != PROVIDER_COUNT);
    return provider_name(p);
}

/* Where a slow or failed one can be looked at. Traces that are not sampled lead nowhere. */
static void show_example(const struct ctx *ctx, int64_t took_us, const char *method,
                         const char *template, const char *status) {
    if (strchr("13579bdf", ctx->trace.flags[1]))
        metric_exemplar(METRIC_HTTP_DURATION, took_us, ctx->trace.trace_id, method, template,
                        status);
}

/* Some lines a second for each code of what is refused before anything was done; for the others one that
 * counts them. */
static bool is_to_be_told(struct entry *e, const struct ctx *ctx) {
    unsigned withheld;
    if (!flag_is_on(FLAG_LOG_SHARE))
        return true;
    bool is_due =
        log_share_take(&e->told[ctx->problem.err], REFUSALS_PER_S, ava_now_ms(), &withheld);
    if (withheld)
        log_warn(NULL, "refusals", L("code", err_info(ctx->problem.err)->code),
                 L("not_logged", withheld));
    return is_due;
}

/* One observation for each answer, and one log line unless there are too many of its kind. */
static void account(struct entry *e, struct ctx *ctx, const struct route *route,
                    const struct http_req *req, const struct http_reply *reply) {
    const char *template = route ? route->at.path : reply->status == 404 ? "unmatched" : "pages";
    const char *method = http_method_name(req->method);
    int64_t took_us = ava_now_us() - req->began_us;
    char status[4] = { (char)('0' + reply->status / 100 % 10),
                       (char)('0' + reply->status / 10 % 10), (char)('0' + reply->status % 10) };
    metric_observe_us(METRIC_HTTP_DURATION, took_us, method, template, status);
    show_example(ctx, took_us, method, template, status);
    if (route && route->limit == BY_WEBHOOK)
        metric_observe_us(METRIC_WEBHOOK_ACK, took_us, webhook_provider(template));
    enum log_level level = reply->status >= 500     ? LOG_ERROR
                           : route && !route->limit ? LOG_DEBUG /* health and metrics */
                                                    : LOG_INFO;
    double duration_ms = (double)took_us / 1000;
    if (ctx->problem.err && !ctx->problem.attempts && !is_to_be_told(e, ctx))
        return;
    if (ctx->problem.err)
        LOG_AT(level, ctx, "request", L("method", method), L("route", template),
               L("status", reply->status), L("duration_ms", duration_ms),
               L("code", err_info(ctx->problem.err)->code), L("attempts", ctx->problem.attempts));
    else
        LOG_AT(level, ctx, "request", L("method", method), L("route", template),
               L("status", reply->status), L("duration_ms", duration_ms));
}

/* The caller's ids, where it sends some; ctx has fresh ones already. */
static void take_ids(struct ctx *ctx, const struct http_req *req) {
    struct str correlation = http_field(req, "x-correlation-id");
    struct str parent = http_field(req, "traceparent");
    if (correlation.ptr)
        ctx_correlate(ctx, correlation);
    if (!parent.ptr)
        return;
    trace_start(&ctx->trace, parent);
    trace_take_state(&ctx->trace, ctx->arena, http_field(req, "tracestate"));
}

/* Health and metrics, which are asked every few seconds, are in no trace. */
static void begin_spans(struct ctx *ctx, const struct route *route, const struct http_req *req) {
    struct tracer *tracer = ctx->parts->tracer;
    if (!tracer || !tracer_is_on(tracer) || (route && route->limit == UNLIMITED))
        return;
    tracer_choose(tracer, &ctx->trace, req->began_us / 1000);
    const char *method = http_method_name(req->method), *path = route ? route->at.path : NULL;
    spans_begin_since(ctx, SPAN_SERVER, method, path, req->began_us);
    span_text(spans_root(ctx), "http.request.method", method);
    span_text(spans_root(ctx), "http.route", path);
    span_text(spans_root(ctx), "ava.correlation_id", ctx->correlation_id);
}

static void end_spans(struct ctx *ctx, const struct http_reply *reply) {
    span_number(spans_root(ctx), "http.response.status_code", reply->status);
    spans_end(ctx, reply->status < 500 ? NULL
                   : ctx->problem.err  ? err_info(ctx->problem.err)->code
                                       : "500");
}

/* One request on its fiber: ids, room and checks, the route, then the headers and the log line. */
void entry_handle(void *arg, struct http_req *req, struct http_reply *reply) {
    struct entry *e = arg;
    struct ctx ctx;
    struct router_match match;
    struct call call = { .entry = e, .req = req, .reply = reply, .match = &match };
    ctx_init(&ctx, &e->parts, req->arena, REQUEST_MS);
    take_ids(&ctx, req);
    ctx.peer_ip = proxies_client(atomic_load(&e->rules)->proxies, req->arena, req);

    const struct route *route = route_of(e, req, &match);
    begin_spans(&ctx, route, req);
    enum err err = admit(&ctx, route, &call);
    if (err == OK && arena_is_spent(req->arena))
        err = ctx_fail(&ctx, ERR_PAYLOAD_TOO_LARGE, "This request needs more memory than allowed.");
    if (err != OK) {
        ctx.problem.err = err;
        status_problem(&ctx.problem, ctx.correlation_id, reply);
        hold_back(e, req, err, reply);
    } else {
        ctx.problem.err = OK;
        book_catch_up(&ctx);
        changes_tell(&ctx, route);
    }
    stamp(&ctx, e, req, reply);
    account(e, &ctx, route, req, reply);
    end_spans(&ctx, reply);
}

/* One line a second for all that are turned away: a line for each would cost what they were turned away
 * for. */
static void tell_overload(struct entry *e, const struct ctx *ctx) {
    unsigned withheld;
    if (log_share_take(&e->told_overload, OVERLOADS_PER_S, ava_now_ms(), &withheld))
        log_error(ctx, "overloaded", L("why", "requests wait longer than they may"),
                  L("more", withheld));
}

/* The answer to a whole request whose turn did not come in time. */
static void turn_away(struct entry *e, struct ctx *ctx, const struct http_req *req,
                      struct http_reply *reply) {
    struct router_match match;
    const struct route *route = route_of(e, req, &match);
    ctx->problem.retry_after_s = 1;
    metric_add(METRIC_REQUESTS_SHED, 1, shed_class_name(shed_class_of(route, req)));
    metric_observe_us(METRIC_HTTP_DURATION, ava_now_us() - req->began_us,
                      http_method_name(req->method), route ? route->at.path : "pages", "503");
    hold_back(e, req, ERR_OVERLOADED, reply);
    tell_overload(e, ctx);
}

/* The answer to what the server refuses itself; req is NULL where not even the head could be
 * read. */
void entry_refuse(void *arg, const struct http_req *req, enum err err, const char *detail,
                  struct http_reply *reply) {
    struct entry *e = arg;
    struct arena *a = arena_new(8192);
    struct router_match match;
    struct ctx ctx;
    ctx_init(&ctx, &e->parts, a, REQUEST_MS);
    if (req)
        take_ids(&ctx, req);
    ctx_fail(&ctx, err, "%s", detail);
    if (err == ERR_OVERLOADED && req)
        turn_away(e, &ctx, req, reply);
    else if (err == ERR_OVERLOADED)
        metric_add(METRIC_REQUESTS_SHED, 1, "all");
    if (err == ERR_METHOD_NOT_ALLOWED)
        http_reply_header_text(reply, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    status_problem(&ctx.problem, ctx.correlation_id, reply);
    stamp_always(&ctx, reply);
    if (req && err != ERR_OVERLOADED) {
        account(e, &ctx, route_of(e, req, &match), req, reply);
    } else if (!req) {
        const struct http_req unread = { .method = METHOD_OTHER, .began_us = ava_now_us() };
        static const struct route UNREAD = { .at = { METHOD_OTHER, "unread" }, .limit = BY_IP };
        account(e, &ctx, &UNREAD, &unread, reply);
    }
    arena_free(a);
}
