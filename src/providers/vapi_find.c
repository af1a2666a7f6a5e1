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

static bool read_page(struct ctx *ctx, const json_t *said, void *into) {
    struct page *p = into;
    p->list = said;
    return json_is_array(said);
}

/* One page of what was made until `until` (NULL: the newest) or, strictly, before it. */
static enum err ask(struct ctx *ctx, const struct upstream_credential *c,
                    const struct vapi_search *s, int page_max, const char *since, const char *until,
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
    buf_printf(path, "&limit=%d%s", page_max, s->after);
    struct upstream_request req =
        vapi_request(c, "GET", s->operation, str_dup(ctx->arena, buf_view(path)));
    req.paths = s->paths;
    req.read = read_page;
    req.into = &page;
    TRY(upstream_call(ctx, &req, &answer));
    *out = page.list;
    return OK;
}

/* Notes what of this page was made for which of them; true when none is left to be found. */
static bool pick(const json_t *list, const struct vapi_search *s, struct vapi_made *made,
                 size_t count) {
    const json_t *one;
    size_t i, left = 0;
    json_array_foreach(list, i, one) {
        const char *op = s->is_one(one) ? s->operation_of(one) : NULL;
        for (size_t k = 0; op && k < count; k++)
            if (!made[k].one && strcmp(op, made[k].operation_id) == 0)
                made[k].one = one;
    }
    for (size_t k = 0; k < count; k++)
        left += !made[k].one;
    return left == 0;
}

/* When the last one was made of which that can be read. */
static const char *oldest(const json_t *list) {
    for (size_t i = json_array_size(list); i > 0; i--)
        if (json_text(json_array_get(list, i - 1), "createdAt"))
            return json_text(json_array_get(list, i - 1), "createdAt");
    return NULL;
}

/* Pages overlap: several may be made in the millisecond in which one ends. */
enum err vapi_find(struct ctx *ctx, const struct upstream_credential *c,
                   const struct vapi_search *search, struct vapi_made *made, size_t count,
                   bool *is_whole) {
    char since[32];
    const char *until = NULL;
    bool strictly = false;
    int page = search->page;
    *is_whole = false;
    clock_rfc3339(search->since_ms - CLOCKS_APART_MS, since);
    for (int i = 0; i < PAGES_MAX; i++) {
        const json_t *list;
        enum err e = ask(ctx, c, search, page, since, until, strictly, &list);
        if (e == ERR_PROVIDER_BAD_RESPONSE && page > 1) {
            ctx_clear(ctx); /* too much at once, as one call after another was long: fewer */
            page = page > 10 ? 10 : 1;
            continue;
        }
        TRY(e);
        *is_whole = pick(list, search, made, count) || json_array_size(list) < (size_t)page;
        if (*is_whole)
            return OK;
        const char *last = oldest(list);
        if (!last)
            return OK; /* nothing tells where the next page begins: those left are neither found nor absent */
        strictly = until && strcmp(last, until) == 0; /* a whole page of one millisecond */
        until = last;
    }
    return OK;
}
