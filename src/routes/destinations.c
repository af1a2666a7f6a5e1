/* Destinations: customers' own endpoints, and what became of what went there. */
#include "service/forwarding/destinations.h"

#include <string.h>

#include "base/clock.h"
#include "routes/reply.h"
#include "routes/resources.h"
#include "service/forwarding/deliveries.h"

enum { PAGE_MAX = 101 };

/* secret NULL: it is not shown. */
static enum err answer(struct call *call, int status, const struct destination_row *d,
                       const char *secret) {
    struct jsonw w = reply_json(call, status);
    jsonw_object(&w);
    destination_write(&w, d);
    if (secret)
        jsonw_text_at(&w, "secret", secret);
    jsonw_object_end(&w);
    return OK;
}

enum err get_destinations(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "limit", "cursor", NULL };
    struct destination_row *rows = arena_alloc(ctx->arena, PAGE_MAX * sizeof *rows);
    const char *cursor;
    size_t count;
    int limit;
    TRY(input_known_query(ctx, call, KNOWN));
    TRY(input_page(ctx, call, &limit, &cursor));
    TRY(destination_list(ctx, cursor, limit + 1, rows, &count));
    bool more = count > (size_t)limit;
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_key(&w, "destinations");
    jsonw_list(&w);
    for (size_t i = 0; i < count - more; i++) {
        jsonw_object(&w);
        destination_write(&w, &rows[i]);
        jsonw_object_end(&w);
    }
    jsonw_list_end(&w);
    jsonw_text_at(&w, "next_cursor", more ? rows[limit - 1].id : NULL);
    jsonw_object_end(&w);
    return OK;
}

struct made_destination {
    struct destination_row row;
    const char *secret;
};

static enum err say_added(struct ctx *ctx, struct call *call, void *out) {
    const struct made_destination *made = out;
    return answer(call, 201, &made->row, made->secret);
}

static enum err say_rotated(struct ctx *ctx, struct call *call, void *out) {
    const struct made_destination *made = out;
    return answer(call, 200, &made->row, made->secret);
}

enum err post_destination(struct ctx *ctx, struct call *call) {
    struct made_destination made;
    reply_will(ctx, call, say_added, &made);
    TRY(destination_add(ctx, call->body, &made.row, &made.secret));
    return reply_now(ctx, call);
}

enum err get_destination(struct ctx *ctx, struct call *call) {
    struct destination_row d;
    TRY(destination_read(ctx, input_param(ctx, call, 0), &d));
    return answer(call, 200, &d, NULL);
}

enum err patch_destination(struct ctx *ctx, struct call *call) {
    struct destination_row d;
    TRY(destination_change(ctx, input_param(ctx, call, 0), call->body, &d));
    return answer(call, 200, &d, NULL);
}

enum err delete_destination(struct ctx *ctx, struct call *call) {
    TRY(destination_remove(ctx, input_param(ctx, call, 0)));
    return reply_none(call);
}

enum err post_destination_rotate(struct ctx *ctx, struct call *call) {
    struct made_destination made;
    reply_will(ctx, call, say_rotated, &made);
    TRY(destination_rotate(ctx, input_param(ctx, call, 0), &made.row, &made.secret));
    return reply_now(ctx, call);
}

enum err post_destination_test(struct ctx *ctx, struct call *call) {
    struct upstream_echo echo;
    TRY(delivery_test(ctx, input_param(ctx, call, 0), &echo));
    const char *error = delivery_error(ctx, &echo);
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_bool_at(&w, "delivered", !error);
    jsonw_key(&w, "status_code");
    if (echo.status)
        jsonw_i64(&w, echo.status);
    else
        jsonw_null(&w);
    jsonw_i64_at(&w, "duration_ms", echo.took_us / 1000);
    jsonw_text_at(&w, "error", error);
    jsonw_object_end(&w);
    return OK;
}

/* --- deliveries ------------------------------------------------------------------------------ */

static void check_status(struct ctx *ctx, const char *status) {
    static const char *const STATES[] = { "waiting", "retrying", "delivered", "failed", "held" };
    bool known = !status;
    for (size_t i = 0; i < ARRAY_LEN(STATES) && !known; i++)
        known = strcmp(status, STATES[i]) == 0;
    if (!known)
        ctx_field(ctx, "status", "wrong_format",
                  "The status must be waiting, retrying, delivered, failed or held.");
}

enum err get_deliveries(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "status", "type", "limit", "cursor", NULL };
    struct delivery_view *views = arena_alloc(ctx->arena, PAGE_MAX * sizeof *views);
    struct delivery_filter f = { .status = NULL };
    struct page_end end;
    size_t count;
    int limit;
    TRY(input_known_query(ctx, call, KNOWN));
    f.status = input_query(ctx, call, "status");
    f.type = input_query(ctx, call, "type");
    check_status(ctx, f.status);
    TRY(input_page(ctx, call, &limit, &f.before_id));
    TRY(delivery_list(ctx, input_param(ctx, call, 0), &f, limit + 1, views, &count, &end));
    bool more = count > (size_t)limit;
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_key(&w, "deliveries");
    jsonw_list(&w);
    for (size_t i = 0; i < count - more; i++)
        delivery_write(&w, &views[i]);
    jsonw_list_end(&w);
    jsonw_text_at(&w, "next_cursor", more ? views[limit - 1].row.id : end.id[0] ? end.id : NULL);
    jsonw_object_end(&w);
    return OK;
}

static enum err say_due(struct ctx *ctx, struct call *call, void *out) {
    struct jsonw w = reply_json(call, 202);
    delivery_write(&w, out);
    return OK;
}

enum err post_delivery_resend(struct ctx *ctx, struct call *call) {
    struct delivery_view v;
    reply_will(ctx, call, say_due, &v);
    TRY(delivery_resend(ctx, input_param(ctx, call, 0), input_param(ctx, call, 1), &v));
    return reply_now(ctx, call);
}

enum err post_destination_recover(struct ctx *ctx, struct call *call) {
    struct input in = input_of(ctx, call);
    struct destination_row d;
    int64_t count;
    TRY(destination_read(ctx, input_param(ctx, call, 0), &d));
    int64_t since_ms = input_time_field(&in, "since", true);
    TRY(input_done(&in));
    reply_will(ctx, call, reply_count, &count);
    TRY(delivery_recover(ctx, d.id, since_ms, &count));
    return reply_now(ctx, call);
}
