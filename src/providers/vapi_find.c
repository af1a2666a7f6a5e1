#include "providers/vapi_find.h"

#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/tree.h"

enum { PAGES_MAX = 40, CLOCKS_APART_MS = 60 * 1000 };

/* One page of what was made until `until` (NULL: the newest) or, strictly, before it. */
static enum err page(struct ctx *ctx, const struct upstream_credential *c,
                     const struct vapi_search *s, const char *since, const char *until,
                     bool strictly, json_t **out) {
    struct buf *path = buf_in(ctx->arena);
    struct upstream_answer answer;
    const char *why;
    buf_printf(path, "%screatedAtGe=", s->before);
    percent_encode(path, str_of(since));
    if (until) {
        buf_text(path, strictly ? "&createdAtLt=" : "&createdAtLe=");
        percent_encode(path, str_of(until));
    }
    buf_printf(path, "&limit=%d%s", s->page, s->after);
    struct upstream_request req =
        vapi_request(c, "GET", s->operation, str_dup(ctx->arena, buf_view(path)));
    req.digest = s->digest;
    TRY(upstream_call(ctx, &req, &answer));
    *out = json_parse(ctx->arena, answer.body, &why);
    return OK;
}

/* The one made for the operation; NULL when it is not on this page. */
static const json_t *pick(const json_t *list, const char *operation_id) {
    const json_t *one;
    size_t i;
    json_array_foreach(list, i, one) {
        const char *op = json_text(one, "op");
        if (op && strcmp(op, operation_id) == 0)
            return one;
    }
    return NULL;
}

/* Pages overlap: several may be made in the millisecond in which one ends. */
enum err vapi_find(struct ctx *ctx, const struct upstream_credential *c,
                   const struct vapi_search *search, struct str *found, bool *is_absent) {
    char since[32];
    const char *until = NULL;
    bool strictly = false;
    *is_absent = false;
    clock_rfc3339(search->since_ms - CLOCKS_APART_MS, since);
    for (int i = 0; i < PAGES_MAX; i++) {
        json_t *list;
        TRY(page(ctx, c, search, since, until, strictly, &list));
        const json_t *one = pick(list, search->operation_id);
        size_t count = json_array_size(list);
        if (one)
            *found = tree_text(ctx->arena, one);
        *is_absent = !one && count < (size_t)search->page;
        if (one || *is_absent)
            return OK;
        const char *last = json_text(json_array_get(list, count - 1), "created");
        strictly = until && strcmp(last, until) == 0; /* a whole page of one millisecond */
        until = last;
    }
    return OK;
}
