#include "webhooks/intake.h"

#include <string.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "config/config.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "obs/spans.h"
#include "service/connections/webhook_health.h"

enum { KEEP_MS = 20 * 1000, KEEPING_BYTES = 4 << 20 };

enum err intake_find(struct ctx *ctx, const char *provider, struct str token,
                     struct endpoint_row *out) {
    TRY(endpoint_by_token(ctx, token, out));
    if (!out->id || strcmp(out->provider, provider) != 0) {
        metric_add(METRIC_WEBHOOKS, 1, provider, "unknown_token");
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such webhook address.");
    }
    str_copy(ctx->who.workspace_id, sizeof ctx->who.workspace_id, str_of(out->workspace_id));
    return OK;
}

struct str intake_url(struct ctx *ctx, struct str target) {
    return str_of(
        arena_printf(ctx->arena, "%s%.*s", ctx->parts->config->public_url, STR_FMT(target)));
}

enum err intake_refuse(struct ctx *ctx, const char *provider, const char *why) {
    metric_add(METRIC_WEBHOOKS, 1, provider, "bad_signature");
    return ctx_fail(ctx, ERR_FORBIDDEN, "%s", why);
}

static enum err keep(struct ctx *ctx, const struct endpoint_row *endpoint, struct incoming *in) {
    bool is_new = false;
    in->workspace_id = endpoint->workspace_id;
    enum err e = event_take(ctx, in, &is_new);
    metric_add(METRIC_WEBHOOKS, 1, in->provider,
               e != OK  ? "not_stored"
               : is_new ? "accepted"
                        : "duplicate");
    return e;
}

enum err intake_keep(struct ctx *ctx, const struct endpoint_row *endpoint, struct incoming *in) {
    TRY(keep(ctx, endpoint, in));
    webhook_health_good(ctx, endpoint);
    return OK;
}

/* --- while somebody waits on the phone ------------------------------------------------------- */

/* On a fiber of its own, so that whoever answers can leave it behind. */
struct keeping {
    struct arena *arena;
    struct ctx ctx;
    struct endpoint_row endpoint;
    struct incoming in;
    struct fiber_parking *waiter; /* NULL: nobody waits */
    bool is_over, is_kept;
    unsigned holders;
};

static void keeping_release(struct keeping *k) {
    if (--k->holders == 0)
        arena_free(k->arena); /* k lives in it */
}

static struct keeping *keeping_new(const struct ctx *ctx, const struct endpoint_row *endpoint,
                                   const struct incoming *in) {
    struct arena *a = arena_new(KEEPING_BYTES + 4 * in->content.body.len);
    struct keeping *k = arena_alloc(a, sizeof *k);
    *k = (struct keeping){ .arena = a, .endpoint = *endpoint, .in = *in, .holders = 1 };
    ctx_init(&k->ctx, ctx->parts, a, KEEP_MS);
    ctx_follow(&k->ctx, ctx);
    k->ctx.who = ctx->who;
    k->endpoint.id = arena_strdup(a, endpoint->id);
    k->endpoint.workspace_id = arena_strdup(a, endpoint->workspace_id);
    k->in.type = arena_strdup(a, in->type);
    k->in.resource = arena_strdup(a, in->resource);
    k->in.dedupe.ptr = arena_copy(a, in->dedupe.ptr, in->dedupe.len);
    k->in.content.headers.ptr = arena_copy(a, in->content.headers.ptr, in->content.headers.len);
    k->in.content.body.ptr = arena_copy(a, in->content.body.ptr, in->content.body.len);
    if (in->content.query.ptr)
        k->in.content.query.ptr = arena_copy(a, in->content.query.ptr, in->content.query.len);
    return k;
}

static void end_keeping(struct keeping *k, bool is_kept) {
    k->is_over = true;
    k->is_kept = is_kept;
    if (!is_kept)
        log_error(&k->ctx, "event not kept", L("provider", k->in.provider), L("type", k->in.type),
                  L("resource", k->in.resource));
}

static void keep_alone(void *arg) {
    struct keeping *k = arg;
    spans_begin_below(&k->ctx, SPAN_INTERNAL, "keep", "event");
    end_keeping(k, keep(&k->ctx, &k->endpoint, &k->in) == OK);
    spans_end(&k->ctx, k->is_kept ? NULL : "not_stored");
    if (k->waiter)
        fiber_unpark(k->waiter);
    k->waiter = NULL;
    if (k->is_kept)
        webhook_health_good(&k->ctx, &k->endpoint); /* nobody waits for this */
    keeping_release(k);
}

static void keep_begin(void *arg) {
    struct keeping *k = arg;
    k->holders++;
    if (fiber_run(keep_alone, k))
        return;
    k->holders--;
    end_keeping(k, false);
}

bool intake_keep_soon(struct ctx *ctx, const struct endpoint_row *endpoint,
                      const struct incoming *in) {
    struct keeping *k = keeping_new(ctx, endpoint, in);
    int64_t until_ms = ava_now_ms() + INTAKE_PATIENT_MS;
    fiber_on_loop(keep_begin, k);
    while (!k->is_over && ava_now_ms() < until_ms) {
        struct fiber_parking parking;
        fiber_parking_init(&parking);
        k->waiter = &parking;
        fiber_park(&parking, until_ms, NULL, NULL);
        k->waiter = NULL;
    }
    if (!k->is_over)
        log_warn(ctx, "event late", L("provider", in->provider), L("type", in->type),
                 L("resource", in->resource));
    bool is_kept = k->is_kept;
    keeping_release(k);
    return is_kept;
}

const char *intake_word(struct ctx *ctx, struct str text, size_t max) {
    if (!text.len || text.len > max || !str_is_utf8(text))
        return "";
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20)
            return "";
    return str_dup(ctx->arena, text);
}
