/* Search over calls, numbers, messages and events: by any id, by a piece of a number or of an address. */
#include <string.h>

#include "routes/reply.h"
#include "routes/resources.h"
#include "service/calls/calls.h"
#include "service/inbox/events.h"
#include "service/messages/messages.h"
#include "service/numbers/numbers.h"

enum { EACH_MAX = 5, Q_MIN = 2, Q_MAX = 100, DIGITS_MIN = 3, ID_CHARS_MIN = 8 };

struct search {
    const char *asked; /* as it was typed, without blanks around it */
    const char *like;  /* what an address or a number must hold; NULL: too little to look for */
    bool is_cut;       /* there may be older ones */
};

static bool is_of_numbers(char c) {
    return strchr(" \t()./-+", c) && c;
}

/* The digits of what looks like a number, without what people write in front of it for their own country: "(06) 12.34"
 * is found in +336 12 34. NULL: it is none. */
static const char *digits_of(struct ctx *ctx, const char *text) {
    char *out = arena_alloc(ctx->arena, strlen(text) + 1);
    size_t len = 0;
    for (const char *p = text; *p; p++) {
        if (*p >= '0' && *p <= '9')
            out[len++] = *p;
        else if (!is_of_numbers(*p))
            return NULL;
    }
    out[len] = 0;
    const char *own = out + strspn(out, "0");
    return *own ? own : out;
}

static void understand(struct ctx *ctx, struct search *s) {
    const char *digits = digits_of(ctx, s->asked);
    char *small = arena_strdup(ctx->arena, s->asked);
    for (char *p = small; *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
    s->like = !digits ? small : strlen(digits) >= DIGITS_MIN ? digits : NULL;
}

/* An id: no blanks, and not as short as a piece of one. */
static bool is_id(const char *text) {
    return strlen(text) >= ID_CHARS_MIN && !strpbrk(text, " @+");
}

static enum err write_calls(struct ctx *ctx, struct search *s, struct jsonw *w) {
    struct call_view views[EACH_MAX];
    struct call_filter f = { .like = s->like };
    struct page_end end = { "" };
    size_t count = 0;
    if (is_id(s->asked))
        TRY(call_list_of_id(ctx, s->asked, EACH_MAX, views, &count));
    if (!count && s->like)
        TRY(call_list(ctx, &f, EACH_MAX, views, &count, &end));
    s->is_cut = s->is_cut || end.id[0] || count == EACH_MAX;
    jsonw_list(w);
    for (size_t i = 0; i < count; i++)
        call_write(w, &views[i]);
    jsonw_list_end(w);
    return OK;
}

static enum err write_messages(struct ctx *ctx, struct search *s, struct jsonw *w) {
    struct message_view views[EACH_MAX];
    struct message_filter f = { .like = s->like };
    struct page_end end = { "" };
    size_t count = 0;
    bool more = false;
    if (is_id(s->asked))
        TRY(message_list_of_id(ctx, s->asked, views, &count));
    if (!count && s->like)
        TRY(message_list(ctx, &f, EACH_MAX, views, &count, &more, &end));
    s->is_cut = s->is_cut || end.id[0] || more;
    jsonw_list(w);
    for (size_t i = 0; i < count; i++)
        message_write(w, &views[i]);
    jsonw_list_end(w);
    return OK;
}

/* By their own id, by that of what they are about, or by their type. */
static enum err write_events(struct ctx *ctx, struct search *s, struct jsonw *w) {
    struct event_row rows[EACH_MAX];
    struct event_filter of = { .resource = s->asked }, type = { .type = s->asked };
    struct page_end end = { "" };
    size_t count = 0;
    TRY(event_find(ctx, s->asked, &rows[0], &count));
    if (!count)
        TRY(event_list(ctx, &of, EACH_MAX, rows, &count, &end));
    if (!count)
        TRY(event_list(ctx, &type, EACH_MAX, rows, &count, &end));
    s->is_cut = s->is_cut || end.id[0] || count == EACH_MAX;
    jsonw_list(w);
    for (size_t i = 0; i < count; i++) {
        jsonw_object(w);
        event_write(w, &rows[i]);
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
    return OK;
}

static enum err input_search(struct ctx *ctx, struct call *call, struct search *s) {
    static const char *const KNOWN[] = { "q", NULL };
    TRY(input_known_query(ctx, call, KNOWN));
    const char *q = input_query(ctx, call, "q");
    struct str text = str_trim(str_of(q ? q : ""));
    s->asked = str_dup(ctx->arena, text);
    if (!str_fits(text, Q_MIN, Q_MAX))
        ctx_field_range(ctx, "q", "out_of_range", Q_MIN, Q_MAX,
                        "Search for 2 to 100 characters: an id, or a piece of a number or of an "
                        "address.");
    understand(ctx, s);
    return ctx_fields_ok(ctx);
}

enum err get_search(struct ctx *ctx, struct call *call) {
    struct search s = { 0 };
    TRY(input_search(ctx, call, &s));
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_key(&w, "calls");
    TRY(write_calls(ctx, &s, &w));
    jsonw_key(&w, "messages");
    TRY(write_messages(ctx, &s, &w));
    jsonw_key(&w, "numbers");
    TRY(numbers_write_like(ctx, s.like, EACH_MAX, &w));
    jsonw_key(&w, "events");
    TRY(write_events(ctx, &s, &w));
    jsonw_bool_at(&w, "is_cut", s.is_cut);
    jsonw_object_end(&w);
    return OK;
}
