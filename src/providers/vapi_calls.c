#include "providers/vapi_calls.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/fiber.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "config/config.h"
#include "providers/refusal.h"
#include "providers/vapi_find.h"

enum { PAGE = 50, PAGE_OF_ALL = 100, CONTROL_MS = 2000, CONTROL_LOOK_MS = 250 };

const struct dialect_rank VAPI_CALL_RANKS[] = {
    { "scheduled", 1 },
    { "queued", 2 },
    { "ringing", 3 },
    { "in-progress", 4 },
    { "forwarding", 5 },
    { "ended", DIALECT_RANK_LAST },
    { "not-found", DIALECT_RANK_LAST },
    { "deletion-failed", DIALECT_RANK_LAST },
    { NULL, 0 },
};

static bool is_over(const char *status) {
    return dialect_rank(VAPI_CALL_RANKS, status) >= DIALECT_RANK_LAST;
}

const char *vapi_ended_reason(const char *status) {
    return status && strcmp(status, "ended") != 0 ? status : NULL;
}

/* --- reading --------------------------------------------------------------------------------- */

/* What facts_of looks at, of one and of each of a list. */
#define CALL_FACTS(IN)                                                                    \
    IN "id", IN "createdAt", IN "status", IN "endedReason", IN "startedAt", IN "endedAt", \
        IN "cost", IN "assistantOverrides.metadata.ava_op"

static const char *const CALL_PATHS[] = { CALL_FACTS(""), "subscriptionLimits", NULL };
static const char *const LIST_PATHS[] = { CALL_FACTS("[]."), NULL };

int64_t vapi_cost_micros(const json_t *cost) {
    double dollars = json_number_value(cost);
    return json_is_number(cost) && dollars >= 0 && dollars < 1e6 ? (int64_t)llround(dollars * 1e6)
                                                                 : -1;
}

static bool is_call(const json_t *call) {
    const char *id = json_text(call, "id"), *created = json_text(call, "createdAt");
    int64_t created_ms;
    return id && id[0] && created && clock_parse_rfc3339(created, strlen(created), &created_ms);
}

static const char *operation_of(const json_t *call) {
    const json_t *overrides = json_object_get(call, "assistantOverrides");
    return json_text(json_object_get(overrides, "metadata"), "ava_op");
}

/* How many calls the account may have at once is told beside a call that was just made. */
static void read_room(const json_t *call, struct call_facts *out) {
    const json_t *limits = json_object_get(call, "subscriptionLimits");
    out->account_calls = json_is_number(json_object_get(limits, "concurrencyLimit"))
                             ? json_i64_or(limits, "concurrencyLimit", 0)
                             : -1;
    /* "call.start.error-subscription-concurrency-limit-reached": made, and ended for want of a line. */
    out->is_refused = strcmp(out->status, "ended") == 0 && refusal_says_full(out->ended_reason);
    out->is_blocked =
        out->is_refused || json_is_true(json_object_get(limits, "concurrencyBlocked"));
}

static void facts_of(const json_t *call, struct call_facts *out) {
    const char *status = json_text(call, "status");
    int64_t micros =
        json_text(call, "endedAt") ? vapi_cost_micros(json_object_get(call, "cost")) : -1;
    *out = (struct call_facts){ .provider_id = json_text(call, "id"),
                                .operation_id = operation_of(call),
                                .status = status ? status : "queued",
                                .ended_reason = json_text(call, "endedReason"),
                                .started_ms = vapi_read_time(call, "startedAt"),
                                .ended_ms = vapi_read_time(call, "endedAt"),
                                .has_exact_times = true,
                                .has_cost = micros >= 0,
                                .cost_micros = micros >= 0 ? micros : 0 };
    if (is_over(out->status) && !out->ended_reason)
        out->ended_reason = vapi_ended_reason(out->status);
    read_room(call, out);
}

static bool read_call(struct ctx *ctx, const json_t *call, void *into) {
    if (!is_call(call))
        return false;
    facts_of(call, into);
    return true;
}

/* --- asking ---------------------------------------------------------------------------------- */

static struct str order_body(struct ctx *ctx, const struct vapi_call_order *o) {
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    const char *name;
    json_t *value;
    jsonw_object(&w);
    jsonw_text_at(&w, "assistantId", o->assistant_id);
    jsonw_text_at(&w, "phoneNumberId", o->number_id);
    jsonw_key(&w, "customer");
    jsonw_object(&w);
    jsonw_text_at(&w, "number", o->to);
    jsonw_object_end(&w);
    jsonw_key(&w, "assistantOverrides");
    jsonw_object(&w);
    jsonw_key(&w, "metadata");
    jsonw_object(&w);
    json_object_foreach((json_t *)o->metadata, name, value) {
        jsonw_key_str(&w, str_of(name));
        jsonw_tree(&w, value);
    }
    jsonw_text_at(&w, "ava_op", o->operation_id);
    jsonw_object_end(&w);
    if (o->seconds_max)
        jsonw_i64_at(&w, "maxDurationSeconds", o->seconds_max);
    jsonw_object_end(&w);
    jsonw_object_end(&w);
    return buf_view(out);
}

enum err vapi_call_create(struct ctx *ctx, const struct upstream_credential *c,
                          const struct vapi_call_order *order, const struct upstream_watch *watch,
                          struct call_facts *out) {
    struct upstream_request req = vapi_request(c, "POST", "call.create", "/call");
    struct upstream_answer answer;
    req.body = order_body(ctx, order);
    req.content_type = "application/json";
    req.paths = CALL_PATHS;
    req.read = read_call;
    req.into = out;
    req.watch = watch;
    return upstream_call(ctx, &req, &answer);
}

static const char *call_path(struct ctx *ctx, const char *provider_id) {
    struct buf *path = buf_in(ctx->arena);
    buf_text(path, "/call/");
    percent_encode(path, str_of(provider_id));
    return str_dup(ctx->arena, buf_view(path));
}

enum err vapi_call_read(struct ctx *ctx, const struct upstream_credential *c,
                        const char *provider_id, struct call_facts *out) {
    struct upstream_answer answer;
    struct upstream_request req = vapi_request(c, "GET", "call.get", call_path(ctx, provider_id));
    req.paths = CALL_PATHS;
    req.read = read_call;
    req.into = out;
    return upstream_call(ctx, &req, &answer);
}

/* --- ending ---------------------------------------------------------------------------------- */

/* Letters, digits, '-', '.' and a port: no user, no escapes, nothing that two readers could take
 * for different hosts. */
static bool host_of(const char *url, size_t scheme_len, struct str *host) {
    struct str rest, all = str_of(url + scheme_len);
    *host = str_cut(all, '/', &rest);
    for (size_t i = 0; i < host->len; i++) {
        char c = host->ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':'))
            return false;
    }
    for (size_t i = 0; i < rest.len; i++)
        if (rest.ptr[i] <= ' ' || rest.ptr[i] == 0x7f)
            return false;
    return host->len > 0 && rest.ptr;
}

bool vapi_is_control_url(const char *base_url, const char *url) {
    bool is_https = strncmp(url, "https://", 8) == 0, base_is_https;
    struct str host, base_host, port;
    base_is_https = strncmp(base_url, "https://", 8) == 0;
    if (!is_https && strncmp(url, "http://", 7) != 0)
        return false;
    if (!host_of(url, is_https ? 8 : 7, &host))
        return false;
    struct str base = str_of(base_url + (base_is_https ? 8 : 7));
    base_host = str_cut(base, '/', &port);
    if (is_https == base_is_https && str_eq(host, base_host))
        return true;
    str_cut(host, ':', &port);
    return is_https && !port.ptr && str_ends(host, STR(".vapi.ai"));
}

/* Where a call can be ended, and whether that is over already. */
struct control {
    const char *status, *url;
};

static bool read_control(struct ctx *ctx, const json_t *call, void *into) {
    *(struct control *)into =
        (struct control){ .status = json_text(call, "status"),
                          .url = json_text(json_object_get(call, "monitor"), "controlUrl") };
    return json_text(call, "id") != NULL;
}

static void no_key(struct ctx *ctx, const struct upstream_request *req, const struct secret *fields,
                   struct upstream_headers *out) {}

static enum err look_for_control(struct ctx *ctx, const struct upstream_credential *c,
                                 const char *provider_id, bool *ended, const char **url) {
    struct upstream_answer answer;
    struct control control;
    static const char *const PATHS[] = { "id", "status", "monitor.controlUrl", NULL };
    struct upstream_request req = vapi_request(c, "GET", "call.get", call_path(ctx, provider_id));
    req.paths = PATHS;
    req.read = read_control;
    req.into = &control;
    TRY(upstream_call(ctx, &req, &answer));
    *url = control.url;
    *ended = is_over(control.status);
    return OK;
}

/* A call gets its way to be ended a moment after it was made. */
static enum err find_control(struct ctx *ctx, const struct upstream_credential *c,
                             const char *provider_id, bool *ended, const char **url) {
    for (int64_t until_ms = ava_now_ms() + CONTROL_MS;;) {
        TRY(look_for_control(ctx, c, provider_id, ended, url));
        if (*ended || *url || ava_now_ms() + CONTROL_LOOK_MS > until_ms)
            break;
        fiber_sleep(CONTROL_LOOK_MS);
    }
    if (*ended || (*url && vapi_is_control_url(ctx->parts->config->vapi_base_url, *url)))
        return OK;
    ctx->problem.service = provider_name(PROVIDER_VAPI);
    if (*url)
        return ctx_fail(ctx, ERR_PROVIDER_REJECTED, "Vapi names a strange place to end this call.");
    ctx->problem.retry_after_s = 1;
    return ctx_fail(ctx, ERR_NOT_READY,
                    "Vapi gives no way to end this call yet; Ava ends it as soon as there is one.");
}

/* Tells the call at its control URL to do something. */
static enum err tell_control(struct ctx *ctx, const struct upstream_credential *c, const char *url,
                             const char *operation, struct str body) {
    struct upstream_answer answer;
    struct upstream_request req = vapi_request(c, "POST", operation, "/control");
    req.url = url;
    req.body = body;
    req.content_type = "application/json";
    req.authorize = no_key;
    req.is_repeatable = true; /* it ends, or is given to somebody, once */
    return upstream_call(ctx, &req, &answer);
}

enum err vapi_call_end(struct ctx *ctx, const struct upstream_credential *c,
                       const char *provider_id, bool *ended) {
    const char *url;
    TRY(find_control(ctx, c, provider_id, ended, &url));
    return *ended ? OK : tell_control(ctx, c, url, "call.end", STR("{\"type\":\"end-call\"}"));
}

enum err vapi_call_transfer(struct ctx *ctx, const struct upstream_credential *c,
                            const char *provider_id, const char *told_url, const char *number,
                            bool *ended) {
    const char *url = told_url;
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    *ended = false;
    if (!url || !vapi_is_control_url(ctx->parts->config->vapi_base_url, url))
        TRY(find_control(ctx, c, provider_id, ended, &url));
    if (*ended)
        return OK;
    jsonw_object(&w);
    jsonw_text_at(&w, "type", "transfer");
    jsonw_key(&w, "destination");
    jsonw_object(&w);
    jsonw_text_at(&w, "type", "number");
    jsonw_text_at(&w, "number", number);
    jsonw_object_end(&w);
    jsonw_object_end(&w);
    return tell_control(ctx, c, url, "call.transfer", buf_view(b));
}

/* --- looking for them -------------------------------------------------------------------------- */

static struct vapi_search search_of(const char *before, const char *after, int page,
                                    int64_t since_ms) {
    return (struct vapi_search){ .operation = "call.list",
                                 .before = before,
                                 .after = after,
                                 .page = page,
                                 .paths = LIST_PATHS,
                                 .is_one = is_call,
                                 .operation_of = operation_of,
                                 .since_ms = since_ms };
}

static const struct call_facts *facts_in(struct ctx *ctx, const json_t *found) {
    struct call_facts *facts = arena_alloc(ctx->arena, sizeof *facts);
    facts_of(found, facts);
    return facts;
}

enum err vapi_call_find(struct ctx *ctx, const struct upstream_credential *c,
                        const struct vapi_call_order *order, int64_t since_ms,
                        const struct call_facts **out, bool *is_absent) {
    struct vapi_made made = { .operation_id = order->operation_id };
    struct buf *before = buf_in(ctx->arena), *after = buf_in(ctx->arena);
    bool is_whole;
    buf_text(before, "/call?assistantId=");
    percent_encode(before, str_of(order->assistant_id));
    buf_text(before, "&");
    buf_text(after, "&phoneNumberId=");
    percent_encode(after, str_of(order->number_id));
    struct vapi_search search = search_of(before->ptr, after->ptr, PAGE, since_ms);
    TRY(vapi_find(ctx, c, &search, &made, 1, &is_whole));
    *is_absent = is_whole && !made.one;
    if (made.one)
        *out = facts_in(ctx, made.one);
    return OK;
}

enum err vapi_calls_find(struct ctx *ctx, const struct upstream_credential *c, int64_t since_ms,
                         struct vapi_calls_made *calls) {
    struct vapi_made *made = arena_alloc(ctx->arena, calls->count * sizeof *made);
    struct vapi_search search = search_of("/call?", "", PAGE_OF_ALL, since_ms);
    for (size_t i = 0; i < calls->count; i++)
        made[i] = (struct vapi_made){ .operation_id = calls->list[i].operation_id };
    TRY(vapi_find(ctx, c, &search, made, calls->count, &calls->is_whole));
    for (size_t i = 0; i < calls->count; i++)
        calls->list[i].facts = made[i].one ? facts_in(ctx, made[i].one) : NULL;
    return OK;
}
