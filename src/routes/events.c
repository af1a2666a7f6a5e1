#include "service/inbox/events.h"

#include <string.h>

#include "base/sift.h"
#include "routes/reply.h"
#include "routes/resources.h"

enum { PAGE_MAX = 101, RAW_MAX = 64 * 1024 };

static void check_status(struct ctx *ctx, const char *status) {
    static const char *const STATES[] = { "received", "done", "retrying", "dead" };
    bool known = !status;
    for (size_t i = 0; i < ARRAY_LEN(STATES) && !known; i++)
        known = strcmp(status, STATES[i]) == 0;
    if (!known)
        ctx_field(ctx, "status", "wrong_format",
                  "The status must be received, done, retrying or dead.");
}

enum err get_events(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "provider", "type",  "since",  "until", "resource",
                                         "status",   "limit", "cursor", NULL };
    struct event_row *rows = arena_alloc(ctx->arena, PAGE_MAX * sizeof *rows);
    struct event_filter f = { 0 };
    struct page_end end;
    size_t count;
    int limit;
    TRY(input_known_query(ctx, call, KNOWN));
    f.provider = input_query(ctx, call, "provider");
    f.type = input_query(ctx, call, "type");
    f.resource = input_query(ctx, call, "resource");
    f.status = input_query(ctx, call, "status");
    check_status(ctx, f.status);
    f.since_ms = input_time(ctx, call, "since");
    f.until_ms = input_time(ctx, call, "until");
    TRY(input_page(ctx, call, &limit, &f.before_id));
    TRY(event_list(ctx, &f, limit + 1, rows, &count, &end));
    bool more = count > (size_t)limit;
    struct jsonw w = reply_list(call, "events");
    for (size_t i = 0; i < count - more; i++) {
        jsonw_object(&w);
        event_write(&w, &rows[i]);
        jsonw_object_end(&w);
    }
    reply_list_end(&w, more ? rows[limit - 1].id : end.id[0] ? end.id : NULL);
    return OK;
}

/* Names whose values authenticate somebody. */
static bool is_delicate(const char *name) {
    static const char *const PARTS[] = { "token", "secret", "password", "signature",
                                         "authorization" };
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++)
        if (strcasestr(name, PARTS[i]))
            return true;
    return false;
}

/* The first level of the object, with the values of delicate names taken out. */
static void write_redacted(struct jsonw *w, const json_t *object) {
    const char *name;
    json_t *value;
    jsonw_object(w);
    json_object_foreach((json_t *)object, name, value) {
        jsonw_key_str(w, str_of(name));
        if (is_delicate(name))
            jsonw_text(w, "[redacted]");
        else
            jsonw_tree(w, value);
    }
    jsonw_object_end(w);
}

/* What is no JSON object, as far as it is worth looking at. */
static void write_raw(struct jsonw *w, struct str body) {
    jsonw_object(w);
    jsonw_str_at(w, "raw", (struct str){ body.ptr, body.len < RAW_MAX ? body.len : RAW_MAX });
    jsonw_object_end(w);
}

enum err get_event(struct ctx *ctx, struct call *call) {
    struct event_row row;
    struct event_content content;
    enum sift_end how;
    TRY(event_read(ctx, input_param(ctx, call, 0), &row, &content));
    const json_t *body = sift_text(ctx->arena, content.body, NULL, &how);
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    event_write(&w, &row);
    jsonw_key(&w, "headers");
    write_redacted(&w, sift_text(ctx->arena, content.headers, NULL, &how));
    jsonw_key(&w, "body");
    if (json_is_object(body))
        write_redacted(&w, body);
    else
        write_raw(&w, content.body);
    jsonw_object_end(&w);
    return OK;
}

static enum err say_due(struct ctx *ctx, struct call *call, void *out) {
    struct jsonw w = reply_json(call, 202);
    jsonw_object(&w);
    event_write(&w, out);
    jsonw_object_end(&w);
    return OK;
}

enum err post_event_replay(struct ctx *ctx, struct call *call) {
    struct event_row row;
    reply_will(ctx, call, say_due, &row);
    TRY(event_replay(ctx, input_param(ctx, call, 0), &row));
    return reply_now(ctx, call);
}

enum err post_events_replay(struct ctx *ctx, struct call *call) {
    struct input in = input_of(ctx, call);
    int64_t count;
    struct event_filter f = { .provider = input_text(&in, "provider", false, 1, 32),
                              .type = input_text(&in, "type", false, 1, 64),
                              .resource = input_text(&in, "resource", false, 1, 64),
                              .status = input_text(&in, "status", false, 1, 16),
                              .since_ms = input_time_field(&in, "since", false),
                              .until_ms = input_time_field(&in, "until", false) };
    check_status(ctx, f.status);
    TRY(input_done(&in));
    if (!f.provider && !f.type && !f.resource && !f.status && !f.since_ms && !f.until_ms) {
        ctx_field(ctx, "since", "required",
                  "Say which ones: since, until, provider, type, resource or status.");
        return ctx_fields_ok(ctx);
    }
    reply_will(ctx, call, reply_count, &count);
    TRY(events_replay(ctx, &f, &count));
    return reply_now(ctx, call);
}
