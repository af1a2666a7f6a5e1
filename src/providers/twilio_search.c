#include "providers/twilio_search.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"

enum { CLOCKS_APART_MS = 60 * 1000 };

static const char *path_of(struct ctx *ctx, const char *account_sid, const struct twilio_list *list,
                           const struct twilio_search *search) {
    struct buf *query = buf_in(ctx->arena);
    char since[32];
    clock_rfc3339(search->since_ms - CLOCKS_APART_MS, since);
    memcpy(strchr(since, '.'), "Z", 2); /* whole seconds, as in its samples */
    twilio_pair(query, list->filter, since);
    twilio_pair(query, "From", search->from);
    twilio_pair(query, "PageSize", arena_printf(ctx->arena, "%d", TWILIO_PAGE));
    twilio_pair(query, "To", search->to);
    return arena_printf(ctx->arena, "%s?%.*s", twilio_path(ctx, account_sid, list->path),
                        STR_FMT(buf_view(query)));
}

static bool is_text(const char *is, const char *wanted) {
    return is && strcmp(is, wanted) == 0;
}

static bool fits(const struct twilio_match *m, const struct twilio_search *search) {
    return is_text(m->to, search->to) && is_text(m->from, search->from) &&
           (!search->body || is_text(m->body, search->body)) &&
           m->made_ms >= search->since_ms - CLOCKS_APART_MS &&
           m->made_ms <= search->until_ms + CLOCKS_APART_MS;
}

bool twilio_pick(struct ctx *ctx, const json_t *page, const struct twilio_list *list,
                 const struct twilio_search *search, struct twilio_matches *out) {
    const json_t *items = json_object_get(page, list->member), *one;
    size_t i;
    out->count = 0;
    out->is_whole = !json_text(page, "next_page_uri");
    json_array_foreach(items, i, one) {
        struct twilio_match m = { .facts = NULL };
        if (!list->read(ctx, one, &m) || !fits(&m, search))
            continue;
        if (out->count < TWILIO_PAGE)
            out->list[out->count++] = m;
        else
            out->is_whole = false;
    }
    return json_is_array(items);
}

struct reading {
    const struct twilio_list *list;
    const struct twilio_search *search;
    struct twilio_matches *out;
};

static bool read_page(struct ctx *ctx, const json_t *said, void *into) {
    const struct reading *r = into;
    return twilio_pick(ctx, said, r->list, r->search, r->out);
}

enum err twilio_find(struct ctx *ctx, const struct upstream_credential *c, const char *account_sid,
                     const struct twilio_list *list, const struct twilio_search *search,
                     struct twilio_matches *out) {
    struct upstream_answer answer;
    struct reading reading = { list, search, out };
    struct upstream_request req =
        twilio_request(c, "GET", list->operation, path_of(ctx, account_sid, list, search));
    req.read = read_page;
    req.into = &reading;
    return upstream_call(ctx, &req, &answer);
}
