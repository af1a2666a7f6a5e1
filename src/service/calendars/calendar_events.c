#include "service/calendars/calendar_events.h"

#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/sift.h"
#include "base/zone.h"
#include "providers/dialect.h"
#include "service/connections/grants.h"

enum {
    DAY_MS = 24 * 3600 * 1000,
    EMPTY_PAGES_MAX = 10, /* pages may be empty and yet not the last */
    WALK_PAGES_MAX = 20,
    CURSOR_MAX_BYTES = 6000,
};

/* Where a reader stands. */
struct place {
    const char *token;   /* of the provider's page; NULL: the first */
    int64_t shown;       /* events of that page that were shown */
    const char *last_id; /* the last one of them all; NULL: none yet */
    int64_t last_ms;     /* when it starts */
};

bool calendars_has(enum provider p) {
    return dialect_of(p)->calendar != NULL;
}

/* --- cursors ---------------------------------------------------------------------------------- */

static const char *cursor_of(struct ctx *ctx, const struct calendar_span *span,
                             const struct place *at) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_text_at(&w, "c", span->calendar_id);
    jsonw_i64_at(&w, "f", span->from_ms);
    jsonw_i64_at(&w, "t", span->to_ms);
    jsonw_text_at(&w, "k", at->token);
    jsonw_i64_at(&w, "s", at->shown);
    jsonw_text_at(&w, "i", at->last_id);
    jsonw_i64_at(&w, "a", at->last_ms);
    jsonw_object_end(&w);
    return base64url_encode(ctx->arena, b->ptr, b->len);
}

/* base64url without padding, as base64url_encode gives it. */
static bool decode(struct ctx *ctx, const char *text, struct str *out) {
    size_t len = strlen(text);
    char *padded = arena_alloc(ctx->arena, len + 4);
    if (len > CURSOR_MAX_BYTES)
        return false;
    for (size_t i = 0; i < len; i++)
        padded[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
    while (len % 4)
        padded[len++] = '=';
    return base64_decode(ctx->arena, (struct str){ padded, len }, out);
}

static bool is_same(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* False: it is none of ours, or of another list. */
static bool read_cursor(struct ctx *ctx, const struct events_query *q, struct calendar_span *span,
                        struct place *at) {
    struct str text;
    const char *why;
    if (!decode(ctx, q->cursor, &text))
        return false;
    const json_t *c = json_parse(ctx->arena, text, &why);
    const char *token = json_text(c, "k");
    int64_t from_ms = json_i64_or(c, "f", -1), to_ms = json_i64_or(c, "t", -1);
    int64_t shown = json_i64_or(c, "s", -1);
    if (!json_is_object(c) || from_ms < 0 || to_ms <= from_ms || shown < 0 ||
        to_ms - from_ms > (int64_t)EVENTS_DAYS_MAX * DAY_MS ||
        (token && !str_is_visible(str_of(token))) || !is_same(json_text(c, "c"), q->calendar_id) ||
        (q->from_ms && q->from_ms / 1000 != from_ms / 1000) ||
        (q->to_ms && q->to_ms / 1000 != to_ms / 1000))
        return false;
    span->from_ms = from_ms;
    span->to_ms = to_ms;
    *at = (struct place){ token, shown, json_text(c, "i"), json_i64_or(c, "a", 0) };
    return true;
}

/* --- pages ------------------------------------------------------------------------------------ */

/* When it starts, as the list is sorted. */
static int64_t start_of(const json_t *event) {
    const char *start = json_text(event, "start");
    struct str text = str_of(start);
    int64_t ms = 0;
    if (start && !clock_parse_rfc3339(text.ptr, text.len, &ms) && !zone_parse_date(text, &ms))
        zone_parse_local(text, &ms);
    return ms;
}

/* One page of the provider's, read anew where it can be cached. */
struct source {
    const struct dialect_calendar *calendar;
    const struct upstream_credential *credential;
    struct calendar_span span;
    struct calendar_page page;
    const json_t *events;
    const char *next;
};

static enum err read_page(struct ctx *ctx, struct source *s, const char *token, bool *is_stale) {
    s->span.token = token;
    TRY(s->calendar->events(ctx, s->credential, &s->span, &s->page, is_stale));
    if (*is_stale)
        return OK;
    const json_t *said = sift_own(ctx->arena, s->page.answer.body);
    s->events = json_object_get(said, "events");
    s->next = json_text(said, "next");
    return OK;
}

/* How many events of this page were shown already, by the last of them; when that one is gone, by its time. *found:
 * the place is in this page. Providers sort days among times by clocks that we do not know, so that an event may
 * begin before one that stands before it. */
static size_t shown_of(const struct source *s, const struct place *at, bool *found) {
    size_t i, count = json_array_size(s->events);
    *found = true;
    for (i = 0; i < count; i++) {
        const char *id = json_text(json_array_get(s->events, i), "id");
        if (id && at->last_id && strcmp(id, at->last_id) == 0)
            return i + 1;
    }
    for (i = count; i && start_of(json_array_get(s->events, i - 1)) > at->last_ms + DAY_MS; i--)
        ;
    *found = i < count && i == 0;
    if (*found)
        while (i < count && start_of(json_array_get(s->events, i)) <= at->last_ms)
            i++;
    return *found ? i : count;
}

/* Goes from the first page on until the place is found. */
static enum err walk(struct ctx *ctx, struct source *s, struct place *at) {
    const char *token = NULL;
    for (int pages = 0; pages < WALK_PAGES_MAX; pages++) {
        bool is_stale, found;
        TRY(read_page(ctx, s, token, &is_stale));
        if (is_stale)
            break;
        at->token = token;
        at->shown = (int64_t)shown_of(s, at, &found);
        if (found || !s->next)
            return OK;
        token = s->next;
    }
    ctx->problem.retry_after_s = 1;
    return ctx_fail(ctx, ERR_PROVIDER_BAD_RESPONSE,
                    "The calendar changed too much to go on from here; read it from the beginning, "
                    "or in shorter spans.");
}

/* The page in which something is left to show, if there is one. */
static enum err find_page(struct ctx *ctx, struct source *s, struct place *at) {
    for (int pages = 0; pages < EMPTY_PAGES_MAX; pages++) {
        bool is_stale;
        TRY(read_page(ctx, s, at->token, &is_stale));
        if (is_stale)
            TRY(walk(ctx, s, at));
        if ((size_t)at->shown < json_array_size(s->events) || !s->next)
            return OK;
        at->token = s->next;
        at->shown = 0;
    }
    s->events = NULL; /* so many empty ones: it goes on from there */
    s->next = at->token;
    return OK;
}

static void write_page(struct ctx *ctx, struct source *s, struct place *at,
                       struct events_page *out) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    size_t count = json_array_size(s->events), end = (size_t)at->shown + (size_t)s->span.limit;
    const char *cursor = NULL;
    if (end > count)
        end = count;
    jsonw_object(&w);
    jsonw_key(&w, "events");
    jsonw_list(&w);
    for (size_t i = (size_t)at->shown; i < end; i++) {
        const json_t *one = json_array_get(s->events, i);
        jsonw_tree(&w, one);
        at->last_id = json_text(one, "id");
        at->last_ms = start_of(one);
    }
    jsonw_list_end(&w);
    at->shown = (int64_t)end;
    if (end < count) {
        cursor = cursor_of(ctx, &s->span, at);
    } else if (s->next) {
        at->token = s->next;
        at->shown = 0;
        cursor = cursor_of(ctx, &s->span, at);
    }
    jsonw_text_at(&w, "next_cursor", cursor);
    jsonw_object_end(&w);
    out->json = buf_view(b);
    out->answer = s->page.answer;
}

/* Whole minutes, so that what is asked for twice in a minute can be answered from the cache. */
static enum err choose_span(struct ctx *ctx, const struct events_query *q,
                            struct calendar_span *span, struct place *at) {
    span->from_ms = q->from_ms ? q->from_ms : ava_wall_ms() / 60000 * 60000;
    span->to_ms = q->to_ms ? q->to_ms : span->from_ms + (int64_t)EVENTS_DAYS_DEFAULT * DAY_MS;
    if (q->cursor && !read_cursor(ctx, q, span, at))
        ctx_field(ctx, "cursor", "wrong_format",
                  "This cursor belongs to no list, or to another calendar or span; begin without "
                  "one.");
    else if (span->to_ms <= span->from_ms)
        ctx_field(ctx, "to", "out_of_range", "'to' must be later than 'from'.");
    else if (span->to_ms - span->from_ms > (int64_t)EVENTS_DAYS_MAX * DAY_MS)
        ctx_field(ctx, "to", "out_of_range",
                  "'to' must be at most 366 days after 'from'; read longer spans in parts.");
    return ctx_fields_ok(ctx);
}

enum err calendar_events_list(struct ctx *ctx, enum provider p, const struct events_query *q,
                              struct events_page *out) {
    struct lent lent;
    struct place at = { .token = NULL };
    struct source s = { .calendar = dialect_of(p)->calendar,
                        .span = { .calendar_id = q->calendar_id, .limit = q->limit } };
    TRY(choose_span(ctx, q, &s.span, &at));
    TRY(grant_lend(ctx, p, OAUTH_READ, &lent));
    s.credential = &lent.ref;
    TRY(find_page(ctx, &s, &at));
    write_page(ctx, &s, &at, out);
    return OK;
}

enum err calendars_list(struct ctx *ctx, enum provider p, struct calendar_entry *out, size_t room,
                        size_t *count) {
    struct lent lent;
    TRY(grant_lend(ctx, p, OAUTH_READ, &lent));
    return dialect_of(p)->calendar->list(ctx, &lent.ref, out, room, count);
}
