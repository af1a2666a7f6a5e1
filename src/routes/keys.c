#include <string.h>

#include "auth/people.h"
#include "config/config.h"
#include "routes/reply.h"
#include "routes/resources.h"

enum { PAGE_MAX = 101 };

static void write_rate(struct jsonw *w, int64_t per_minute) {
    jsonw_key(w, "rate_limit_per_minute");
    if (per_minute)
        jsonw_i64(w, per_minute);
    else
        jsonw_null(w);
}

static void write_key(struct jsonw *w, const struct api_key *k) {
    jsonw_text_at(w, "id", k->id);
    jsonw_text_at(w, "name", k->name);
    jsonw_text_at(w, "mode", k->mode);
    jsonw_text_at(w, "last4", k->last4);
    jsonw_text_at(w, "workspace_id", k->workspace_id);
    write_rate(w, k->rate_per_minute);
    jsonw_time_at(w, "created_at", k->created_ms);
    jsonw_time_at(w, "last_used_at", k->last_used_ms);
}

enum err get_keys(struct ctx *ctx, struct call *call) {
    struct api_key *rows = arena_alloc(ctx->arena, PAGE_MAX * sizeof *rows);
    size_t count;
    int limit;
    const char *cursor;
    TRY(input_page(ctx, call, &limit, &cursor));
    TRY(key_list(ctx, cursor, limit + 1, rows, &count));
    bool more = count > (size_t)limit;
    struct jsonw w = reply_list(call, "keys");
    for (size_t i = 0; i < count - more; i++) {
        if (ctx->who.key_id[0] && strcmp(rows[i].workspace_id, ctx->who.workspace_id) != 0)
            continue; /* a key does not see into its user's other workspaces */
        jsonw_object(&w);
        write_key(&w, &rows[i]);
        jsonw_object_end(&w);
    }
    reply_list_end(&w, more ? rows[limit - 1].id : NULL);
    return OK;
}

enum err get_workspace_keys(struct ctx *ctx, struct call *call) {
    struct owned_key *rows = arena_alloc(ctx->arena, PAGE_MAX * sizeof *rows);
    struct workspace ws;
    enum role mine;
    size_t count;
    int limit;
    const char *cursor;
    TRY(workspace_role(ctx, input_param(ctx, call, 0), &mine, &ws));
    TRY(input_page(ctx, call, &limit, &cursor));
    TRY(workspace_keys(ctx, ws.id, mine, cursor, limit + 1, rows, &count));
    bool more = count > (size_t)limit;
    struct jsonw w = reply_list(call, "keys");
    for (size_t i = 0; i < count - more; i++) {
        jsonw_object(&w);
        write_key(&w, &rows[i].key);
        jsonw_text_at(&w, "user_id", rows[i].key.user_id);
        jsonw_text_at(&w, "user_name", rows[i].user_name);
        jsonw_text_at(&w, "user_email", rows[i].user_email);
        jsonw_bool_at(&w, "runs_installation", rows[i].is_operator && !rows[i].key.is_confined);
        jsonw_object_end(&w);
    }
    reply_list_end(&w, more ? rows[limit - 1].key.id : NULL);
    return OK;
}

enum err delete_workspace_key(struct ctx *ctx, struct call *call) {
    struct workspace ws;
    enum role mine;
    TRY(workspace_role(ctx, input_param(ctx, call, 0), &mine, &ws));
    TRY(workspace_key_remove(ctx, ws.id, mine, input_param(ctx, call, 1)));
    return reply_none(call);
}

/* The key's own rate; 0 when none is asked for. */
static int64_t input_rate(struct ctx *ctx, struct input *in) {
    const json_t *value = input_value(in, "rate_limit_per_minute");
    int64_t max = ctx->parts->config->rate_key_max_per_minute;
    if (!value || json_is_null(value))
        return 0;
    if (!json_is_integer(value))
        ctx_field_range(ctx, "rate_limit_per_minute", "wrong_type", 1, (double)max,
                        "The rate must be a whole number of requests per minute.");
    else if (json_integer_value(value) < 1 || json_integer_value(value) > max)
        ctx_field_range(ctx, "rate_limit_per_minute", "out_of_range", 1, (double)max,
                        arena_printf(ctx->arena,
                                     "The rate must be between 1 and %lld requests per minute; the "
                                     "operator sets the most.",
                                     (long long)max));
    return json_integer_value(value);
}

struct made_key {
    struct api_key row;
    const char *text;
};

static enum err say_made(struct ctx *ctx, struct call *call, void *out) {
    const struct made_key *made = out;
    struct jsonw w = reply_json(call, 201);
    jsonw_object(&w);
    jsonw_text_at(&w, "id", made->row.id);
    jsonw_text_at(&w, "key", made->text);
    jsonw_text_at(&w, "last4", made->row.last4);
    write_rate(&w, made->row.rate_per_minute);
    jsonw_time_at(&w, "created_at", made->row.created_ms);
    jsonw_object_end(&w);
    return OK;
}

enum err post_key(struct ctx *ctx, struct call *call) {
    bool sandbox = strcmp(call->entry->profile, "sandbox") == 0;
    struct made_key made;
    struct input in = input_of(ctx, call);
    const char *name = input_name(&in, "name", true, 100);
    const char *mode = input_text(&in, "mode", false, 1, 10);
    const char *workspace_id = input_text(&in, "workspace_id", false, 1, 64);
    int64_t rate = input_rate(ctx, &in);
    bool is_test = mode ? strcmp(mode, "test") == 0 : sandbox;
    if (mode && !is_test && strcmp(mode, "live") != 0)
        ctx_field(ctx, "mode", "wrong_format", "The mode must be live or test.");
    else if (is_test && !sandbox)
        ctx_field(ctx, "mode", "unsupported", "Test keys exist in the sandbox only.");
    TRY(input_done(&in));
    if (ctx->who.key_id[0] && workspace_id && strcmp(workspace_id, ctx->who.workspace_id) != 0)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such workspace.");
    struct key_order order = { .user_id = ctx->who.user_id,
                               .name = name,
                               .workspace_id = workspace_id,
                               .is_confined = workspace_id != NULL,
                               .is_test = is_test,
                               .rate_per_minute = rate };
    if (!workspace_id && ctx->who.key_id[0]) {
        order.workspace_id = ctx->who.workspace_id; /* a key makes none that may more than itself */
        order.is_confined = !ctx->who.is_admin;
    }
    reply_will(ctx, call, say_made, &made);
    TRY(key_create(ctx, &order, &made.row, &made.text));
    return reply_now(ctx, call);
}

enum err delete_key(struct ctx *ctx, struct call *call) {
    TRY(key_remove(ctx, input_param(ctx, call, 0)));
    return reply_none(call);
}
