/* upstream_call: the cache in front of the attempts (RESILIENCE 7). A read is answered from memory,
 * joins one that is under way, or leads; a write raises the generation before and after. */
#include <string.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "obs/metrics.h"
#include "obs/spans.h"
#include "providers/answer.h"
#include "providers/upstream_inner.h"

enum { REFRESH_MS = 10000, REFRESH_ARENA_BYTES = 16 << 20 };

static struct str cache_key(struct ctx *ctx, const struct upstream_request *req) {
    const struct upstream_credential *c = req->credential;
    return str_of(arena_printf(ctx->arena, "%s|%s|%lld|%s|%s", c->workspace_id, c->id,
                               (long long)c->version, provider_name(req->provider), req->path));
}

static struct str cache_resource(struct ctx *ctx, const struct upstream_request *req) {
    return str_of(arena_join(ctx->arena, req->credential->workspace_id, "|",
                             provider_name(req->provider), "|", req->resource));
}

static void release_value(void *value) {
    cache_release(value);
}

static enum err from_cache(struct ctx *ctx, const struct cache_value *v, int64_t age_ms,
                           bool is_stale, const struct upstream_request *req,
                           struct upstream_answer *out) {
    arena_defer(ctx->arena, release_value, (void *)v);
    if (v->is_absent)
        return answer_error(ctx, req,
                            &(struct answer_failure){ .outcome = OUTCOME_OK,
                                                      .status = 404,
                                                      .refusal = refusal_by_status(404) });
    *out = (struct upstream_answer){ .status = v->status,
                                     .body = v->body,
                                     .age_ms = age_ms,
                                     .is_cached = true,
                                     .is_stale = is_stale };
    return OK;
}

/* What stands in when the provider can not be asked; the error when nothing does. */
static enum err or_stale(struct ctx *ctx, const struct upstream_request *req, struct str key,
                         enum err e, struct upstream_answer *out) {
    if (!answer_may_be_stale(e))
        return e;
    const struct cache_value *v =
        cache_stale(ctx->parts->upstream->cache, key, cache_resource(ctx, req));
    if (!v)
        return e;
    int64_t retry_after_s = ctx->problem.retry_after_s;
    ctx_clear(ctx);
    enum err found = from_cache(ctx, v, ava_now_ms() - v->stored_at_ms, true, req, out);
    out->retry_after_s = retry_after_s;
    return found;
}

static enum err lead(struct ctx *ctx, const struct upstream_request *req, struct cache_flight *f,
                     struct upstream_answer *out) {
    struct cache *cache = ctx->parts->upstream->cache;
    enum err e = upstream_through(ctx, req, out);
    if (e == OK) {
        cache_fill(cache, f, CACHE_PRESENT, out->status, out->body);
    } else if (e == ERR_PROVIDER_RESOURCE_NOT_FOUND) {
        cache_fill(cache, f, CACHE_ABSENT, 404, (struct str){ NULL, 0 });
    } else {
        cache_fail(cache, f, (int)e, answer_pack(ctx), answer_may_be_stale(e));
    }
    return e;
}

/* --- early refresh --------------------------------------------------------------------------- */

/* A read of its own, which outlives the request that found the value ageing. */
struct refresh {
    struct arena *arena;
    struct ctx ctx;
    struct upstream_credential credential;
    struct upstream_request req;
    struct cache_flight *flight;
};

static void refresh_run(void *arg) {
    struct refresh *r = arg;
    struct upstream_answer answer;
    spans_begin_below(&r->ctx, SPAN_INTERNAL, "refresh", r->req.operation);
    enum err e = lead(&r->ctx, &r->req, r->flight, &answer);
    spans_end(&r->ctx, e == OK ? NULL : err_info(e)->code);
    arena_free(r->arena); /* r lives in it */
}

static void refresh_start(void *arg) {
    struct refresh *r = arg;
    if (fiber_run(refresh_run, r))
        return;
    cache_give_up(r->ctx.parts->upstream->cache, r->flight);
    arena_free(r->arena);
}

/* The caller has its answer already; this asks the provider meanwhile. */
static void refresh_beside(const struct ctx *ctx, const struct upstream_request *req,
                           struct cache_flight *flight) {
    struct arena *a = arena_new(REFRESH_ARENA_BYTES);
    struct refresh *r = arena_alloc(a, sizeof *r);
    *r = (struct refresh){
        .arena = a, .req = *req, .credential = *req->credential, .flight = flight
    };
    ctx_init(&r->ctx, ctx->parts, a, REFRESH_MS);
    ctx_follow(&r->ctx, ctx);
    r->ctx.who = ctx->who;
    r->credential.id = arena_strdup(a, req->credential->id);
    r->credential.workspace_id = arena_strdup(a, req->credential->workspace_id);
    r->credential.source.ptr =
        arena_copy(a, req->credential->source.ptr, req->credential->source.len);
    r->req.credential = &r->credential;
    r->req.path = arena_strdup(a, req->path);
    r->req.resource = arena_strdup(a, req->resource);
    fiber_on_loop(refresh_start, r);
}

static enum err read_cached(struct ctx *ctx, const struct upstream_request *req,
                            struct upstream_answer *out) {
    struct cache *cache = ctx->parts->upstream->cache;
    struct str key = cache_key(ctx, req);
    struct cache_reply r = cache_lookup(cache, key, cache_resource(ctx, req), ctx->deadline_ms);
    switch (r.answer) {
    case CACHE_HIT:
        if (r.lead && fiber_self())
            refresh_beside(ctx, req, r.lead);
        else if (r.lead)
            cache_give_up(cache, r.lead); /* a plain thread has no loop to do it beside */
        return from_cache(ctx, r.value, r.is_coalesced ? 0 : r.age_ms, false, req, out);
    case CACHE_LEAD:
        return or_stale(ctx, req, key, lead(ctx, req, r.lead, out), out);
    case CACHE_FAILED: {
        enum err e = answer_unpack(ctx, (enum err)r.value->status, r.value->body);
        cache_release(r.value);
        return or_stale(ctx, req, key, e, out);
    }
    case CACHE_TIMEOUT:
        ctx->problem.service = provider_name(req->provider);
        return or_stale(ctx, req, key,
                        ctx_fail(ctx, ERR_PROVIDER_TIMEOUT,
                                 "%s did not answer in time. Nothing was changed.",
                                 provider_title(req->provider)),
                        out);
    default:
        return upstream_through(ctx, req, out);
    }
}

enum err upstream_call(struct ctx *ctx, const struct upstream_request *req,
                       struct upstream_answer *out) {
    struct cache *cache = ctx->parts->upstream->cache;
    bool is_read = strcmp(req->method, "GET") == 0;
    if (req->resource && is_read && !req->skip_cache)
        return read_cached(ctx, req, out);
    if (is_read || !req->resource) {
        metric_add(METRIC_CACHE_REQUESTS, 1, "bypass");
        return upstream_through(ctx, req, out);
    }
    /* A write: whoever began to read before it, or during it, read something else. */
    uint64_t before = cache_bump(cache, cache_resource(ctx, req));
    enum err e = upstream_through(ctx, req, out);
    uint64_t after = cache_bump(cache, cache_resource(ctx, req));
    if (e == OK && after == before + 1)
        out->bumped = after; /* nobody else wrote meanwhile: this answer is the newest */
    return e;
}

void upstream_remember(struct ctx *ctx, const struct upstream_request *read, uint64_t bumped,
                       struct str kept) {
    if (bumped == 0)
        return;
    cache_put(ctx->parts->upstream->cache, cache_key(ctx, read), cache_resource(ctx, read), bumped,
              200, kept);
}

void upstream_forget(struct ctx *ctx, const struct upstream_request *read) {
    cache_bump(ctx->parts->upstream->cache, cache_resource(ctx, read));
}
