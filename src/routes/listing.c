#include "routes/listing.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/json.h"
#include "http/stream.h"
#include "routes/asker.h"

enum {
    NAMES_MAX = 16,
    PAGE_ROWS = 100,
    PAGE_MS = 10 * 1000, /* that reading one may take */
    LOOK_MS = 1000,      /* whoever may not read any more gets nothing after it */
    ARENA_BYTES = 8 << 20,
    AT_ONCE_MAX = 16, /* of all; they read while others wait for the same disk */
    OF_USER_MAX = 2,
    AGAIN_S = 30,
};

/* --- a page ---------------------------------------------------------------------------------- */

static enum err check_names(struct ctx *ctx, struct call *call, const struct listing *l,
                            const char *const more[2]) {
    const char *names[NAMES_MAX + 3] = { NULL };
    size_t count = 0;
    for (size_t i = 0; l->filters[i] && count < NAMES_MAX; i++)
        names[count++] = l->filters[i];
    for (size_t i = 0; i < 2 && more[i]; i++)
        names[count++] = more[i];
    return input_known_query(ctx, call, names);
}

enum err listing_reply(struct ctx *ctx, struct call *call, const struct listing *l) {
    static const char *const MORE[] = { "limit", "cursor" };
    void *filter = arena_alloc(ctx->arena, l->filter_bytes + 1);
    const char *cursor, *next = NULL;
    int limit;
    TRY(check_names(ctx, call, l, MORE));
    TRY(l->read_filter(ctx, call, filter));
    TRY(input_page(ctx, call, &limit, &cursor));
    struct jsonw w = reply_list(call, l->name);
    TRY(l->page(ctx, filter, limit, cursor, &w, &next));
    reply_list_end(&w, next);
    return OK;
}

/* --- who takes how many ---------------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    char users[AT_ONCE_MAX][ID_BYTES]; /* "": free */
} under_way = { .lock = PTHREAD_MUTEX_INITIALIZER };

static enum err take_place(struct ctx *ctx, size_t *place) {
    size_t free_at = AT_ONCE_MAX, own = 0;
    pthread_mutex_lock(&under_way.lock);
    for (size_t i = 0; i < AT_ONCE_MAX; i++) {
        if (!under_way.users[i][0])
            free_at = i;
        own += strcmp(under_way.users[i], ctx->who.user_id) == 0;
    }
    if (own < OF_USER_MAX && free_at < AT_ONCE_MAX)
        str_copy(under_way.users[free_at], ID_BYTES, str_of(ctx->who.user_id));
    pthread_mutex_unlock(&under_way.lock);
    *place = free_at;
    ctx->problem.retry_after_s = AGAIN_S;
    if (own >= OF_USER_MAX)
        return ctx_fail(ctx, ERR_RATE_LIMITED, "You are taking %d exports already; wait for one.",
                        OF_USER_MAX);
    if (free_at == AT_ONCE_MAX)
        return ctx_fail(ctx, ERR_OVERLOADED, "Ava writes as many exports as it can.");
    ctx->problem.retry_after_s = 0;
    return OK;
}

static void give_place(void *user) {
    pthread_mutex_lock(&under_way.lock);
    ((char *)user)[0] = 0;
    pthread_mutex_unlock(&under_way.lock);
}

/* --- all of it ------------------------------------------------------------------------------- */

/* In the request's arena, which ends when the answer has. */
struct export {
    const struct parts *parts;
    const struct http_req *req;
    const struct listing *listing;
    struct principal who;
    const void *filter;
    bool is_csv;
    struct str first;   /* page, as lines; read before the head was written */
    const char *cursor; /* of the page after it; NULL: there is none */
};

/* The member of that name, "cost.currency" too. */
static const json_t *member(const json_t *entry, const char *name) {
    const char *point = strchr(name, '.');
    if (!point)
        return json_object_get(entry, name);
    char outer[64];
    str_copy(outer, sizeof outer, (struct str){ name, (size_t)(point - name) });
    return json_object_get(json_object_get(entry, outer), point + 1);
}

static void write_cell(struct arena *a, struct buf *out, const json_t *value, bool is_first) {
    struct buf *text = buf_in(a);
    struct jsonw w = jsonw_to(text);
    if (json_is_string(value)) {
        csv_cell(out, (struct str){ json_string_value(value), json_string_length(value) },
                 is_first);
        return;
    }
    if (value && !json_is_null(value))
        jsonw_tree(&w, value);
    csv_cell(out, buf_view(text), is_first);
}

static void write_entry(const struct export *e, struct arena *a, struct buf *out,
                        const json_t *entry) {
    struct jsonw w = jsonw_to(out);
    if (!e->is_csv) {
        jsonw_tree(&w, entry);
        buf_char(out, '\n');
        return;
    }
    for (const char *const *c = e->listing->columns; *c; c++)
        write_cell(a, out, member(entry, *c), c == e->listing->columns);
    csv_row_end(out);
}

static void write_heading(const struct export *e, struct buf *out) {
    if (!e->is_csv)
        return;
    buf_text(out, CSV_MARK);
    for (const char *const *c = e->listing->columns; *c; c++)
        csv_cell(out, str_of(*c), c == e->listing->columns);
    csv_row_end(out);
}

/* The next page as lines, in ctx's arena; *cursor goes on. */
static enum err write_page(struct ctx *ctx, const struct export *e, const char **cursor,
                           struct buf *out) {
    struct buf *text = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(text);
    const char *next = NULL, *why;
    const json_t *entry;
    size_t i;
    jsonw_list(&w);
    TRY(e->listing->page(ctx, e->filter, PAGE_ROWS, *cursor, &w, &next));
    jsonw_list_end(&w);
    const json_t *page = json_parse(ctx->arena, buf_view(text), &why);
    if (!page)
        return ctx_fail(ctx, ERR_INTERNAL, "A page of the export is not JSON: %s", why);
    json_array_foreach(page, i, entry) write_entry(e, ctx->arena, out, entry);
    *cursor = next;
    return OK;
}

static enum err is_welcome(struct ctx *ctx, const struct export *e, int64_t *look_ms) {
    bool is_known = false;
    if (ava_now_ms() < *look_ms)
        return OK;
    *look_ms = ava_now_ms() + LOOK_MS;
    TRY(asker_lasts(ctx, e->req, &is_known));
    return is_known ? OK : ctx_fail(ctx, ERR_SESSION_REQUIRED, "The session has ended.");
}

/* One page in an arena of its own. False: the stream is over, or the export is. */
static bool pass_page(const struct export *e, struct http_stream *s, char cursor[static 1],
                      size_t room, int64_t *look_ms) {
    struct arena *a = arena_new(ARENA_BYTES);
    struct ctx ctx;
    const char *next = cursor;
    struct buf *out = buf_in(a);
    ctx_init(&ctx, e->parts, a, PAGE_MS);
    ctx.who = e->who;
    enum err err = is_welcome(&ctx, e, look_ms);
    if (err == OK)
        err = write_page(&ctx, e, &next, out);
    bool goes_on = err == OK && http_stream_write(s, buf_view(out)) && http_stream_flush(s);
    if (err != OK)
        http_stream_break(s);
    str_copy(cursor, room, str_of(next ? next : ""));
    arena_free(a);
    return goes_on && cursor[0];
}

static void run(void *arg, struct http_stream *s) {
    const struct export *e = arg;
    char cursor[1500] = "";
    int64_t look_ms = ava_now_ms() + LOOK_MS;
    str_copy(cursor, sizeof cursor, str_of(e->cursor ? e->cursor : ""));
    if (!http_stream_write(s, e->first) || !http_stream_flush(s))
        return;
    while (cursor[0] && pass_page(e, s, cursor, sizeof cursor, &look_ms))
        ;
}

static const char *file_name(struct ctx *ctx, const struct export *e) {
    char day[32];
    clock_rfc3339(ava_wall_ms(), day);
    return arena_printf(ctx->arena, "attachment; filename=\"ava-%s-%.10s.%s\"",
                        e->listing->file ? e->listing->file : e->listing->name, day,
                        e->is_csv ? "csv" : "jsonl");
}

enum err listing_export(struct ctx *ctx, struct call *call, const struct listing *l) {
    static const char *const MORE[] = { "format", NULL };
    struct export *e = arena_alloc(ctx->arena, sizeof *e);
    void *filter = arena_alloc(ctx->arena, l->filter_bytes + 1);
    struct buf *out = buf_in(ctx->arena);
    size_t place;
    TRY(check_names(ctx, call, l, MORE));
    const char *format = input_choice(ctx, call, "format", "csv", "jsonl");
    TRY(l->read_filter(ctx, call, filter));
    TRY(ctx_fields_ok(ctx));
    *e = (struct export){ .parts = ctx->parts,
                          .req = call->req,
                          .listing = l,
                          .who = ctx->who,
                          .filter = filter,
                          .is_csv = !format || strcmp(format, "csv") == 0 };
    TRY(take_place(ctx, &place));
    arena_defer(ctx->arena, give_place, under_way.users[place]);
    write_heading(e, out);
    TRY(write_page(ctx, e, &e->cursor, out));
    e->first = buf_view(out);
    call->reply->status = 200;
    call->reply->content_type = e->is_csv ? "text/csv; charset=utf-8" : "application/jsonl";
    http_reply_header_text(call->reply, "Content-Disposition", file_name(ctx, e));
    http_reply_header_text(call->reply, "Cache-Control", "no-store");
    call->reply->stream = run;
    call->reply->stream_arg = e;
    call->reply->stream_ends = true;
    return OK;
}
