#include "providers/twilio_search.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "providers/twilio_page.h"

enum { CLOCKS_APART_MS = 60 * 1000, PAGE_OF_ALL = 1000, PAGES_MAX = 10 };

/* The query of the list; numbers that are NULL are left out. */
static struct str query_of(struct ctx *ctx, const struct twilio_list *list,
                           const struct twilio_search *search) {
    struct buf *query = buf_in(ctx->arena);
    char since[32];
    clock_rfc3339(search->since_ms - CLOCKS_APART_MS, since);
    memcpy(strchr(since, '.'), "Z", 2); /* whole seconds, as in its samples */
    if (!search->is_unbounded)
        twilio_pair(query, list->filter, since);
    twilio_pair(query, "From", search->from);
    twilio_pair(query, "PageSize",
                arena_printf(ctx->arena, "%d", search->page ? search->page : TWILIO_PAGE));
    twilio_pair(query, "To", search->to);
    return buf_view(query);
}

static bool is_text(const char *is, const char *wanted) {
    return is && strcmp(is, wanted) == 0;
}

/* Signs that editors and networks put in place of plain ones, which GSM-7 has. */
static const struct {
    const char *from, *to;
} SIGNS[] = {
    { "\u2018", "'" },  { "\u2019", "'" },  { "\u201a", "'" },   { "\u201b", "'" },
    { "\u201c", "\"" }, { "\u201d", "\"" }, { "\u201e", "\"" },  { "\u00ab", "\"" },
    { "\u00bb", "\"" }, { "\u2013", "-" },  { "\u2014", "-" },   { "\u2010", "-" },
    { "\u2011", "-" },  { "\u2212", "-" },  { "\u2026", "..." }, { "\u00a0", " " },
    { "\u2009", " " },  { "\u202f", " " },  { "\u200b", "" },    { "\ufeff", "" },
};

static const char TRIAL[] = "Sent from your Twilio trial account -";

/* With plain signs, one blank where there are several, and none at the ends. */
static struct str plain(struct ctx *ctx, const char *text) {
    struct buf *out = buf_in(ctx->arena);
    for (const char *c = text; *c;) {
        size_t step = 0;
        for (size_t i = 0; i < ARRAY_LEN(SIGNS) && !step; i++)
            if (strncmp(c, SIGNS[i].from, strlen(SIGNS[i].from)) == 0) {
                buf_text(out, SIGNS[i].to);
                step = strlen(SIGNS[i].from);
            }
        if (!step && strchr(" \t\r\n", *c)) {
            if (out->len && out->ptr[out->len - 1] != ' ')
                buf_char(out, ' ');
        } else if (!step) {
            buf_char(out, *c);
        }
        c += step ? step : 1;
    }
    return str_trim(buf_view(out));
}

bool twilio_same_text(struct ctx *ctx, const char *shown, const char *sent) {
    struct str is = plain(ctx, shown), was = plain(ctx, sent), trial = str_of(TRIAL);
    if (str_starts(is, trial) && !str_starts(was, trial))
        is = str_trim((struct str){ is.ptr + trial.len, is.len - trial.len });
    return str_eq(is, was);
}

/* What one of the list says of the request: made by it, not made by it, or neither. */
enum fit { IS_OTHER, IS_UNCLEAR, IS_MATCH };

static enum fit fit_of(struct ctx *ctx, const struct twilio_match *m,
                       const struct twilio_search *search) {
    if (!is_text(m->to, search->to) || !is_text(m->from, search->from))
        return IS_OTHER;
    if (m->direction && !str_starts(str_of(m->direction), STR("outbound")))
        return IS_OTHER; /* between two numbers of ours there is one each way */
    if (!m->made_ms || !m->direction)
        return IS_UNCLEAR;
    if (m->made_ms < search->since_ms - CLOCKS_APART_MS ||
        m->made_ms > search->until_ms + CLOCKS_APART_MS)
        return IS_OTHER;
    if (search->body && (!m->body || !twilio_same_text(ctx, m->body, search->body)))
        return IS_UNCLEAR;
    return IS_MATCH;
}

/* Adds one that fits, once; NULL: one that could not be read. */
static void consider(struct ctx *ctx, const struct twilio_match *m,
                     const struct twilio_search *search, struct twilio_matches *out) {
    enum fit fit = m ? fit_of(ctx, m, search) : IS_UNCLEAR;
    out->is_unclear |= fit == IS_UNCLEAR;
    if (fit != IS_MATCH)
        return;
    for (size_t i = 0; i < out->count; i++)
        if (strcmp(out->list[i].provider_id, m->provider_id) == 0)
            return; /* pages overlap when something new comes between them */
    if (out->count < TWILIO_PAGE)
        out->list[out->count++] = *m;
    else
        out->is_whole = false;
}

bool twilio_pick(struct ctx *ctx, const json_t *page, const struct twilio_list *list,
                 const struct twilio_search *search, struct twilio_matches *out) {
    const json_t *items = json_object_get(page, list->member), *one;
    size_t i;
    out->count = 0;
    out->is_unclear = false;
    out->is_whole = !json_text(page, "next_page_uri");
    json_array_foreach(items, i, one) {
        struct twilio_match m = { .facts = NULL };
        consider(ctx, list->read(ctx, one, &m) ? &m : NULL, search, out);
    }
    return json_is_array(items);
}

void twilio_choose(struct ctx *ctx, const struct twilio_listed *listed,
                   const struct twilio_search *search, struct twilio_matches *out) {
    out->count = 0;
    out->is_unclear = listed->is_odd;
    out->is_whole = listed->is_whole;
    for (size_t i = 0; i < listed->count; i++)
        consider(ctx, &listed->list[i], search, out);
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
    struct upstream_request req = twilio_request(
        c, "GET", list->operation,
        arena_printf(ctx->arena, "%s?%.*s", twilio_path(ctx, account_sid, list->path),
                     STR_FMT(query_of(ctx, list, search))));
    req.paths = list->paths;
    req.read = read_page;
    req.into = &reading;
    return upstream_call(ctx, &req, &answer);
}

/* --- all since some time ------------------------------------------------------------------------- */

struct page {
    const struct twilio_list *list;
    const json_t *said;
    const char *cursor; /* of the next one; NULL: there is none */
};

static bool take_page(struct ctx *ctx, const json_t *said, void *into) {
    struct page *p = into;
    p->said = said;
    return json_is_array(json_object_get(said, p->list->member)) &&
           twilio_page_next(ctx, said, p->list->path, &p->cursor);
}

/* Reads all of the page behind what is listed already. */
static void add_page(struct ctx *ctx, const struct page *p, struct twilio_listed *out) {
    const json_t *items = json_object_get(p->said, p->list->member), *one;
    size_t i, more = json_array_size(items);
    struct twilio_match *list = arena_alloc(ctx->arena, (out->count + more) * sizeof *list);
    if (out->count)
        memcpy(list, out->list, out->count * sizeof *list);
    out->list = list;
    json_array_foreach(items, i, one) {
        list[out->count] = (struct twilio_match){ .facts = NULL };
        if (p->list->read(ctx, one, &list[out->count]))
            out->count++;
        else
            out->is_odd = true;
    }
}

enum err twilio_list_since(struct ctx *ctx, const struct upstream_credential *c,
                           const char *account_sid, const struct twilio_list *list,
                           int64_t since_ms, struct twilio_listed *out) {
    struct twilio_search all = { .since_ms = since_ms, .page = PAGE_OF_ALL };
    struct str query = query_of(ctx, list, &all);
    struct page page = { .list = list };
    *out = (struct twilio_listed){ .is_whole = false };
    for (int i = 0; i < PAGES_MAX && !out->is_whole; i++) {
        struct upstream_answer answer;
        const char *path;
        TRY(twilio_page_path(ctx, account_sid, list->path, query, page.cursor, &path));
        struct upstream_request req = twilio_request(c, "GET", list->operation, path);
        req.paths = list->paths;
        req.read = take_page;
        req.into = &page;
        TRY(upstream_call(ctx, &req, &answer));
        add_page(ctx, &page, out);
        out->is_whole = !page.cursor;
    }
    return OK;
}
