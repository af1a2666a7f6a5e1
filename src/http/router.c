#include "http/router.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

struct template {
    enum http_method method;
    struct str segments[ROUTER_SEGMENTS_MAX];
    size_t count;
};

struct router {
    size_t count;
    struct template templates[];
};

/* Returns how many, or ROUTER_SEGMENTS_MAX + 1 when there are more. "/" has one empty segment. */
static size_t split(struct str path, struct str segments[ROUTER_SEGMENTS_MAX]) {
    size_t n = 0;
    struct str rest = { path.ptr + 1, path.len - 1 };
    do {
        struct str segment = str_cut(rest, '/', &rest);
        if (n == ROUTER_SEGMENTS_MAX)
            return ROUTER_SEGMENTS_MAX + 1;
        segments[n++] = segment;
    } while (rest.ptr);
    return n;
}

struct router *router_new(const struct router_template *first, size_t stride, size_t count) {
    struct router *r = memory_zeroed(1, sizeof *r + count * sizeof r->templates[0]);
    r->count = count;
    for (size_t i = 0; i < count; i++) {
        const struct router_template *t = (const void *)((const char *)first + i * stride);
        r->templates[i].method = t->method;
        r->templates[i].count = split(str_of(t->path), r->templates[i].segments);
        assert(r->templates[i].count <= ROUTER_SEGMENTS_MAX);
    }
    return r;
}

void router_free(struct router *r) {
    free(r);
}

/* "{id}": any segment that is not empty stands for it. */
static bool is_param(struct str segment) {
    return segment.len && segment.ptr[0] == '{';
}

/* True when the segments fit the template; params gets those that stand for a parameter. */
static bool matches(const struct template *t, const struct str *segments, size_t count,
                    struct str params[ROUTER_PARAMS_MAX]) {
    size_t n = 0;
    if (t->count != count)
        return false;
    for (size_t i = count; i > 0; i--) { /* from the end: nearly all begin alike */
        bool good = is_param(t->segments[i - 1]) ? segments[i - 1].len > 0
                                                 : str_eq(t->segments[i - 1], segments[i - 1]);
        if (!good)
            return false;
    }
    for (size_t i = 0; i < count; i++)
        if (is_param(t->segments[i]))
            params[n++] = segments[i];
    return true;
}

void router_find(const struct router *r, enum http_method method, struct str path,
                 struct router_match *out) {
    struct str segments[ROUTER_SEGMENTS_MAX];
    *out = (struct router_match){ .index = ROUTER_NONE };
    if (path.len == 0 || path.ptr[0] != '/')
        return;
    size_t count = split(path, segments);
    enum http_method wanted = method == METHOD_HEAD ? METHOD_GET : method;
    for (size_t i = 0; i < r->count; i++) {
        struct str params[ROUTER_PARAMS_MAX] = { { NULL, 0 } };
        if (!matches(&r->templates[i], segments, count, params))
            continue;
        out->path_exists = true;
        out->allowed |= 1u << r->templates[i].method;
        if (r->templates[i].method == wanted && out->index == ROUTER_NONE) {
            out->index = (int)i;
            memcpy(out->params, params, sizeof params);
        }
    }
}

const char *router_allow(struct arena *a, unsigned allowed) {
    struct buf b = { 0 };
    if (allowed & 1u << METHOD_GET)
        allowed |= 1u << METHOD_HEAD;
    for (enum http_method m = METHOD_GET; m < METHOD_OPTIONS; m++)
        if (allowed & 1u << m)
            buf_printf(&b, "%s%s", b.len ? ", " : "", http_method_name(m));
    char *text = arena_strndup(a, b.ptr ? b.ptr : "", b.len);
    buf_fini(&b);
    return text;
}
