#include "obs/spans.h"

#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "obs/tracer.h"

/* splitmix64: ids below a root are told apart by it, and cost no system call. */
static uint64_t mix(uint64_t x) {
    x ^= x >> 30;
    x *= 0xBF58476D1CE4E5B9u;
    x ^= x >> 27;
    x *= 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static void make_id(struct spans *s, const char *root_id, char out[17]) {
    if (!s->seed)
        hex_decode((struct str){ root_id, 16 }, &s->seed, sizeof s->seed);
    s->seed += 0x9E3779B97F4A7C15u;
    uint64_t id = mix(s->seed);
    id += id == 0; /* all zeros is not a valid id */
    hex_encode(out, &id, sizeof id);
}

static void begin(struct span *s, enum span_kind kind, const char *name, const char *target,
                  int64_t began_us) {
    s->kind = kind;
    s->name = name;
    s->target = target;
    s->began_us = began_us;
    s->took_us = -1;
}

void spans_begin_since(struct ctx *ctx, enum span_kind kind, const char *name, const char *target,
                       int64_t began_us) {
    struct tracer *t = ctx->parts ? ctx->parts->tracer : NULL;
    ctx->spans = NULL;
    if (!t || !tracer_is_on(t))
        return;
    struct spans *s = arena_alloc(ctx->arena, sizeof *s);
    s->tracer = t;
    s->arena = ctx->arena;
    s->last = &s->root;
    s->root.attributes = s->of_root;
    s->count = 1;
    begin(&s->root, kind, name, target, began_us ? began_us : ava_now_us());
    ctx->spans = s;
}

void spans_begin(struct ctx *ctx, enum span_kind kind, const char *name, const char *target) {
    spans_begin_since(ctx, kind, name, target, 0);
}

void spans_begin_below(struct ctx *ctx, enum span_kind kind, const char *name, const char *target) {
    spans_begin(ctx, kind, name, target);
    if (ctx->spans)
        trace_descend(&ctx->trace);
}

struct span *spans_root(const struct ctx *ctx) {
    return ctx->spans ? &ctx->spans->root : NULL;
}

void spans_end(struct ctx *ctx, const char *error) {
    struct spans *s = ctx->spans;
    if (!s)
        return;
    ctx->spans = NULL;
    if (!s->root.error)
        s->root.error = error;
    memcpy(s->root.id, ctx->trace.span_id, sizeof s->root.id);
    memcpy(s->root.parent_id, ctx->trace.parent_id, sizeof s->root.parent_id);
    span_end(&s->root);
    tracer_take(s->tracer, &ctx->trace, s);
}

struct span *span_since(struct ctx *ctx, enum span_kind kind, const char *name, const char *target,
                        int64_t began_us) {
    struct spans *s = ctx->spans;
    if (!s)
        return NULL;
    if (s->count == SPANS_MAX) {
        s->left_out++;
        return NULL;
    }
    struct span *span = arena_alloc(s->arena, sizeof *span);
    span->attributes = arena_alloc(s->arena, SPAN_ATTRIBUTES_MAX * sizeof *span->attributes);
    make_id(s, ctx->trace.span_id, span->id);
    memcpy(span->parent_id, ctx->trace.span_id, sizeof span->parent_id);
    begin(span, kind, name, target, began_us);
    s->last->next = span;
    s->last = span;
    s->count++;
    return span;
}

struct span *span_begin(struct ctx *ctx, enum span_kind kind, const char *name,
                        const char *target) {
    return ctx->spans ? span_since(ctx, kind, name, target, ava_now_us()) : NULL;
}

void span_end(struct span *s) {
    if (s && s->took_us < 0)
        s->took_us = ava_now_us() - s->began_us;
}

static struct span_attribute *attribute(struct span *s, const char *key) {
    if (!s || s->attribute_count == SPAN_ATTRIBUTES_MAX)
        return NULL;
    struct span_attribute *a = &s->attributes[s->attribute_count++];
    a->key = key;
    return a;
}

void span_text(struct span *s, const char *key, const char *text) {
    struct span_attribute *a = text ? attribute(s, key) : NULL;
    if (a)
        a->text = text;
}

void span_number(struct span *s, const char *key, int64_t number) {
    struct span_attribute *a = attribute(s, key);
    if (a)
        a->number = number;
}

void span_error(struct span *s, const char *word) {
    if (s)
        s->error = word;
}

void span_status_error(const struct ctx *ctx, struct span *s, int status) {
    if (s && ctx->spans)
        s->error = arena_printf(ctx->spans->arena, "%d", status);
}

void span_copy(const struct ctx *ctx, struct span *s, const char *key, struct str text) {
    if (s && ctx->spans && text.ptr)
        span_text(s, key, str_dup(ctx->spans->arena, text));
}

void span_link(const struct ctx *ctx, struct span *s, const char *kept) {
    struct span_link link = { .trace_id = "" };
    if (!s || !ctx->spans || s->link_count == SPAN_LINKS_MAX ||
        !trace_ids(str_of(kept), link.trace_id, link.span_id))
        return;
    if (!s->links)
        s->links = arena_alloc(ctx->spans->arena, SPAN_LINKS_MAX * sizeof *s->links);
    s->links[s->link_count++] = link;
}

void span_header(const struct ctx *ctx, const struct span *s, char out[56]) {
    struct trace t = ctx->trace;
    if (s && s->id[0])
        memcpy(t.span_id, s->id, sizeof t.span_id);
    trace_header(&t, out);
}
