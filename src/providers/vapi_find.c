#include "providers/vapi_find.h"

#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"

enum { PAGES_MAX = 40, CLOCKS_APART_MS = 60 * 1000 };

struct page {
    const struct vapi_search *search;
    const json_t *list;
};

/* Each has the time at which it was made, by which the next page is found. */
static bool read_page(struct ctx *ctx, struct str body, void *into) {
    struct page *p = into;
    const char *why;
    const json_t *one;
    size_t i;
    p->list = json_parse(ctx->arena, body, &why);
    if (!json_is_array(p->list))
        return false;
    json_array_foreach(p->list, i, one) {
        if (!json_text(one, "createdAt") || !p->search->is_one(one))
            return false;
    }
    return true;
}

/* One page of what was made until `until` (NULL: the newest) or, strictly, before it. */
static enum err ask(struct ctx *ctx, const struct upstream_credential *c,
                    const struct vapi_search *s, const char *since, const char *until,
                    bool strictly, const json_t **out) {
    struct buf *path = buf_in(ctx->arena);
    struct upstream_answer answer;
    struct page page = { .search = s };
    buf_printf(path, "%screatedAtGe=", s->before);
    percent_encode(path, str_of(since));
    if (until) {
        buf_text(path, strictly ? "&createdAtLt=" : "&createdAtLe=");
        percent_encode(path, str_of(until));
    }
    buf_printf(path, "&limit=%d%s", s->page, s->after);
    struct upstream_request req =
        vapi_request(c, "GET", s->operation, str_dup(ctx->arena, buf_view(path)));
    req.read = read_page;
    req.into = &page;
    TRY(upstream_call(ctx, &req, &answer));
    *out = page.list;
    return OK;
}

/* The one made for the operation; NULL when it is not on this page. */
static const json_t *pick(const json_t *list, const struct vapi_search *s) {
    const json_t *one;
    size_t i;
    json_array_foreach(list, i, one) {
        const char *op = s->operation_of(one);
        if (op && strcmp(op, s->operation_id) == 0)
            return one;
    }
    return NULL;
}

/* Pages overlap: several may be made in the millisecond in which one ends. */
enum err vapi_find(struct ctx *ctx, const struct upstream_credential *c,
                   const struct vapi_search *search, const json_t **found, bool *is_absent) {
    char since[32];
    const char *until = NULL;
    bool strictly = false;
    *is_absent = false;
    clock_rfc3339(search->since_ms - CLOCKS_APART_MS, since);
    for (int i = 0; i < PAGES_MAX; i++) {
        const json_t *list;
        TRY(ask(ctx, c, search, since, until, strictly, &list));
        const json_t *one = pick(list, search);
        size_t count = json_array_size(list);
        if (one)
            *found = one;
        *is_absent = !one && count < (size_t)search->page;
        if (one || *is_absent)
            return OK;
        const char *last = json_text(json_array_get(list, count - 1), "createdAt");
        strictly = until && strcmp(last, until) == 0; /* a whole page of one millisecond */
        until = last;
    }
    return OK;
}
