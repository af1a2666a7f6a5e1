/* Templates of e-mails: what they are, what they were, what would be sent, and going back. */
#include "service/email/templates.h"

#include "base/fiber.h"
#include "base/json.h"
#include "routes/reply.h"
#include "routes/resources.h"

enum { PAGE_MAX = 101 };

static enum err answer(struct ctx *ctx, struct call *call, int status,
                       const struct template_view *v) {
    struct jsonw w = reply_json(call, status);
    template_show(&w, v, true);
    reply_etag(call, template_etag(ctx, v));
    return OK;
}

static enum err say_created(struct ctx *ctx, struct call *call, void *out) {
    return answer(ctx, call, 201, out);
}

static enum err say_changed(struct ctx *ctx, struct call *call, void *out) {
    return answer(ctx, call, 200, out);
}

enum err get_templates(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "search", "limit", "cursor", NULL };
    struct template_view *views = arena_alloc(ctx->arena, PAGE_MAX * sizeof *views);
    const char *cursor, *search;
    size_t count;
    int limit;
    TRY(input_known_query(ctx, call, KNOWN));
    search = input_query(ctx, call, "search");
    TRY(input_page(ctx, call, &limit, &cursor));
    TRY(template_list(ctx, search, cursor, limit + 1, views, &count));
    bool more = count > (size_t)limit;
    struct jsonw w = reply_list(call, "templates");
    for (size_t i = 0; i < count - more; i++)
        template_show(&w, &views[i], false);
    reply_list_end(&w, more ? views[limit - 1].row.name : NULL);
    return OK;
}

enum err post_template(struct ctx *ctx, struct call *call) {
    struct template_view v;
    reply_will(ctx, call, say_created, &v);
    TRY(template_create(ctx, call->body, &v));
    return reply_now(ctx, call);
}

enum err get_template(struct ctx *ctx, struct call *call) {
    struct template_view v;
    TRY(template_read(ctx, input_param(ctx, call, 0), &v));
    return answer(ctx, call, 200, &v);
}

enum err patch_template(struct ctx *ctx, struct call *call) {
    struct template_view v;
    TRY(template_change(ctx, input_param(ctx, call, 0), call->body, input_if_match(ctx, call), &v));
    return answer(ctx, call, 200, &v);
}

enum err delete_template(struct ctx *ctx, struct call *call) {
    TRY(template_remove(ctx, input_param(ctx, call, 0), input_if_match(ctx, call)));
    return reply_none(call);
}

/* --- versions -------------------------------------------------------------------------------- */

enum err get_template_versions(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "limit", "cursor", NULL };
    struct template_version_row *rows = arena_alloc(ctx->arena, PAGE_MAX * sizeof *rows);
    const char *cursor;
    int64_t before = 0;
    size_t count;
    int limit;
    TRY(input_known_query(ctx, call, KNOWN));
    TRY(input_page(ctx, call, &limit, &cursor));
    if (cursor && !str_to_i64(str_of(cursor), 1, INT64_MAX, &before)) {
        ctx_field(ctx, "cursor", "wrong_format", "The cursor is not one that this list gave.");
        return ctx_fields_ok(ctx);
    }
    TRY(template_versions_list(ctx, input_param(ctx, call, 0), before, limit + 1, rows, &count));
    bool more = count > (size_t)limit;
    struct jsonw w = reply_list(call, "versions");
    for (size_t i = 0; i < count - more; i++)
        template_version_show(&w, &rows[i], NULL);
    reply_list_end(&w, more ? arena_printf(ctx->arena, "%lld", (long long)rows[limit - 1].version)
                            : NULL);
    return OK;
}

enum err get_template_version(struct ctx *ctx, struct call *call) {
    struct template_version_row row;
    struct rendered content;
    int64_t version = 0; /* which none has: it was no number */
    str_to_i64(str_of(input_param(ctx, call, 1)), 1, INT64_MAX, &version);
    TRY(template_version_read(ctx, input_param(ctx, call, 0), version, &row, &content));
    struct jsonw w = reply_json(call, 200);
    template_version_show(&w, &row, &content);
    return OK;
}

static int64_t version_in(struct input *in) {
    const json_t *value = input_value(in, "version");
    int64_t version = json_integer_value(value);
    if (!value || json_is_null(value))
        ctx_field(in->ctx, "version", "required",
                  "The field version is missing: which to go back to.");
    else if (!json_is_integer(value) || version < 1)
        ctx_field(in->ctx, "version", "wrong_type", "The field version takes a number from 1.");
    return version;
}

enum err post_template_undo(struct ctx *ctx, struct call *call) {
    struct input in = input_of(ctx, call);
    struct template_view v;
    const char *key = input_param(ctx, call, 0);
    TRY(template_read(ctx, key, &v));
    int64_t version = version_in(&in);
    TRY(input_done(&in));
    reply_will(ctx, call, say_changed, &v);
    TRY(template_undo(ctx, key, version, input_if_match(ctx, call), &v));
    return reply_now(ctx, call);
}

/* --- what would be sent ---------------------------------------------------------------------- */

struct shown {
    struct rendered r;
    struct buf *json;
};

static void show(void *arg) {
    struct shown *s = arg;
    struct jsonw w = jsonw_to(s->json);
    rendered_show(&w, &s->r);
}

/* Megabytes may have come out, and JSON makes more of them: beside the loop, and kept for nobody. */
static enum err preview(struct ctx *ctx, struct call *call, const char *key) {
    struct shown s = { .json = buf_in(ctx->arena) };
    call->only_looks = true;
    TRY(template_preview(ctx, key, call->body, &s.r));
    fiber_offload(show, &s);
    return reply_body(call, buf_view(s.json));
}

enum err post_templates_preview(struct ctx *ctx, struct call *call) {
    return preview(ctx, call, NULL);
}

enum err post_template_preview(struct ctx *ctx, struct call *call) {
    return preview(ctx, call, input_param(ctx, call, 0));
}
