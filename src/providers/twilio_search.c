#include "providers/twilio_search.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"

enum { CLOCKS_APART_MS = 60 * 1000 };

static const char *path_of(struct ctx *ctx, const char *account_sid, const char *list,
                           const char *filter, const struct twilio_search *search) {
    struct buf *query = buf_in(ctx->arena);
    char since[32];
    clock_rfc3339(search->since_ms - CLOCKS_APART_MS, since);
    memcpy(strchr(since, '.'), "Z", 2); /* whole seconds, as in its samples */
    twilio_pair(query, filter, since);
    twilio_pair(query, "From", search->from);
    twilio_pair(query, "PageSize", arena_printf(ctx->arena, "%d", TWILIO_PAGE));
    twilio_pair(query, "To", search->to);
    return arena_printf(ctx->arena, "%s?%.*s", twilio_path(ctx, account_sid, list),
                        STR_FMT(buf_view(query)));
}

static bool is_text(const json_t *facts, const char *name, const char *wanted) {
    const char *is = json_text(facts, name);
    return is && strcmp(is, wanted) == 0;
}

void twilio_pick(struct ctx *ctx, struct str page, const struct twilio_search *search,
                 struct twilio_matches *out) {
    const char *why;
    json_t *tree = json_parse(ctx->arena, page, &why), *one;
    size_t i;
    *out = (struct twilio_matches){ .is_whole = json_is_true(json_object_get(tree, "is_whole")) };
    json_array_foreach(json_object_get(tree, "found"), i, one) {
        int64_t made_ms = json_i64_or(one, "made_at", 0);
        bool is_like = is_text(one, "to", search->to) && is_text(one, "from", search->from) &&
                       (!search->body || is_text(one, "body", search->body)) &&
                       made_ms >= search->since_ms - CLOCKS_APART_MS &&
                       made_ms <= search->until_ms + CLOCKS_APART_MS;
        if (!is_like)
            continue;
        if (out->count < TWILIO_PAGE)
            out->list[out->count++] = one;
        else
            out->is_whole = false;
    }
}

enum err twilio_find(struct ctx *ctx, struct upstream_request *req, const char *account_sid,
                     const char *list, const char *filter, const struct twilio_search *search,
                     struct twilio_matches *out) {
    struct str page;
    req->path = path_of(ctx, account_sid, list, filter, search);
    TRY(twilio_ask(ctx, req, &page));
    twilio_pick(ctx, page, search, out);
    return OK;
}

bool twilio_found(struct ctx *ctx, struct str body, const char *name, twilio_facts_fn *write,
                  struct str *kept) {
    const char *why;
    json_t *page = json_parse(ctx->arena, body, &why), *one;
    const json_t *list = json_object_get(page, name);
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    size_t i;
    if (!json_is_array(list))
        return false;
    jsonw_object(&w);
    jsonw_bool_at(&w, "is_whole", !json_text(page, "next_page_uri"));
    jsonw_key(&w, "found");
    jsonw_list(&w);
    json_array_foreach(list, i, one) {
        if (!write(ctx, &w, one))
            return false;
    }
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    *kept = buf_view(out);
    return true;
}
