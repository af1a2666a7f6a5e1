/* Assistants: what they are, what they were, and going back. */
#include "service/assistants/assistants.h"

#include "base/json.h"
#include "routes/operations.h"
#include "routes/reply.h"
#include "routes/resources.h"
#include "service/assistants/assistant_history.h"

enum { PAGE_MAX = 101 };

static enum err answer(struct ctx *ctx, struct call *call, const struct assistant_view *v) {
    struct jsonw w = reply_json(call, 200);
    assistant_write(ctx, &w, v);
    reply_etag(call, assistant_etag(ctx, v));
    return OK;
}

enum err get_assistants(struct ctx *ctx, struct call *call) {
    return reply_upstream_page(ctx, call, assistants_list);
}

enum err post_assistant(struct ctx *ctx, struct call *call) {
    struct operation_end end;
    enum err e = assistant_place(ctx, call->body, input_patience(call), call->claim, &end);
    TRY(reply_operation(ctx, call, e, &end));
    if (!end.is_accepted) {
        const char *why;
        struct assistant_view made = {
            .row = { .version = json_i64_or(json_parse(ctx->arena, end.shown, &why), "version", 1) }
        };
        reply_etag(call, assistant_etag(ctx, &made));
    }
    return OK;
}

enum err post_assistants_import(struct ctx *ctx, struct call *call) {
    struct assistant_view views[ASSISTANT_IMPORT_MAX];
    size_t count;
    TRY(assistants_import(ctx, call->body, views, &count));
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_key(&w, "assistants");
    jsonw_list(&w);
    for (size_t i = 0; i < count; i++)
        assistant_write(ctx, &w, &views[i]);
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    return OK;
}

enum err get_assistant(struct ctx *ctx, struct call *call) {
    struct assistant_view v;
    TRY(assistant_read(ctx, input_param(ctx, call, 0), &v));
    return answer(ctx, call, &v);
}

enum err patch_assistant(struct ctx *ctx, struct call *call) {
    struct assistant_view v;
    TRY(assistant_patch(ctx, input_param(ctx, call, 0), call->body, input_if_match(ctx, call), &v));
    return answer(ctx, call, &v);
}

enum err delete_assistant(struct ctx *ctx, struct call *call) {
    TRY(assistant_remove(ctx, input_param(ctx, call, 0), input_if_match(ctx, call)));
    return reply_none(call);
}

/* --- history --------------------------------------------------------------------------------- */

enum err get_assistant_history(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "limit", "cursor", NULL };
    struct assistant_version_row *rows = arena_alloc(ctx->arena, PAGE_MAX * sizeof *rows);
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
    TRY(assistant_history_list(ctx, input_param(ctx, call, 0), before, limit + 1, rows, &count));
    bool more = count > (size_t)limit;
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_key(&w, "versions");
    jsonw_list(&w);
    for (size_t i = 0; i < count - more; i++)
        assistant_version_write(&w, &rows[i]);
    jsonw_list_end(&w);
    jsonw_text_at(&w, "next_cursor",
                  more ? arena_printf(ctx->arena, "%lld", (long long)rows[limit - 1].version)
                       : NULL);
    jsonw_object_end(&w);
    return OK;
}

/* 0, which no version has, when it is no number. */
static int64_t version_of(struct ctx *ctx, const struct call *call) {
    int64_t version = 0;
    str_to_i64(str_of(input_param(ctx, call, 1)), 1, INT64_MAX, &version);
    return version;
}

enum err get_assistant_version(struct ctx *ctx, struct call *call) {
    struct jsonw w = reply_json(call, 200);
    return assistant_history_show(ctx, input_param(ctx, call, 0), version_of(ctx, call), &w);
}

enum err post_assistant_restore(struct ctx *ctx, struct call *call) {
    struct assistant_view v;
    TRY(assistant_restore(ctx, input_param(ctx, call, 0), version_of(ctx, call),
                          input_if_match(ctx, call), &v));
    return answer(ctx, call, &v);
}
