#include "service/assistants/assistant_tools.h"

#include "base/json.h"
#include "base/tree.h"
#include "providers/vapi_server.h"
#include "providers/vapi_whole.h"
#include "service/assistants/assistant_change.h"
#include "service/assistants/webhook_setup.h"
#include "tasks/tools.h"

struct setting_tools {
    struct vapi_server server;
    size_t count;
};

static void write_server(struct jsonw *w, void *arg) {
    const struct setting_tools *s = arg;
    vapi_server_write_tool(w, &s->server);
}

static bool is_ours(const json_t *tool) {
    return tool_is_function_of_ours(json_text(json_object_get(tool, "function"), "name"));
}

/* What goes back as it came: nothing of it may be hidden. */
static enum err check_theirs(struct ctx *ctx, const json_t *model) {
    json_t *copy = json_deep_copy(model), *tools = json_object_get(copy, "tools");
    for (size_t i = json_array_size(tools); i > 0; i--)
        if (is_ours(json_array_get(tools, i - 1)))
            json_array_remove(tools, i - 1);
    return vapi_whole_check(ctx, tree_in(ctx->arena, json_pack("{s:o}", "model", copy)));
}

static enum err write_tools(struct ctx *ctx, const json_t *model, struct setting_tools *s,
                            struct jsonw *w) {
    const json_t *tools = json_object_get(model, "tools"), *one;
    size_t i;
    jsonw_key(w, "tools");
    jsonw_list(w);
    json_array_foreach(tools, i, one) {
        if (!is_ours(one))
            jsonw_tree(w, one);
    }
    TRY(tools_write_functions(ctx, w, write_server, s, &s->count));
    jsonw_list_end(w);
    return OK;
}

/* The whole model: Vapi replaces it as one value. */
static enum err make(struct ctx *ctx, const struct assistant_moment *now, void *arg,
                     struct str *patch) {
    struct setting_tools *s = arg;
    const json_t *model = json_object_get(now->whole, "model");
    const char *name;
    json_t *value;
    if (!json_is_object(model)) {
        ctx_field(ctx, "model", "required",
                  "This assistant has no model yet; choose one at Vapi first.");
        return ctx_fields_ok(ctx);
    }
    TRY(check_theirs(ctx, model));
    struct buf *out = buf_secret_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    jsonw_object(&w);
    jsonw_key(&w, "model");
    jsonw_object(&w);
    json_object_foreach((json_t *)model, name, value) {
        if (str_is(str_of(name), "tools"))
            continue;
        jsonw_key_str(&w, str_of(name));
        jsonw_tree(&w, value);
    }
    TRY(write_tools(ctx, model, s, &w));
    jsonw_object_end(&w);
    jsonw_object_end(&w);
    *patch = buf_view(out);
    return OK;
}

enum err assistant_set_tools(struct ctx *ctx, const char *id, const char *if_match,
                             struct assistant_view *out, size_t *count) {
    SCOPED(secret_wipe) struct secret secret = { 0 };
    struct assistant_row row;
    struct lent lent;
    struct setting_tools s = { .server = { .secret = &secret } };
    struct assistant_change c = { .note = { .what = "changed", .is_ours = true },
                                  .audit = { .action = "assistant.tools" },
                                  .if_match = if_match,
                                  .make = make,
                                  .arg = &s };
    TRY(assistant_held(ctx, id, &row));
    TRY(assistant_lend(ctx, &lent));
    TRY(webhook_setup_server(ctx, &lent, &secret, &s.server.url));
    TRY(assistant_change_shown(ctx, id, &c, out));
    *count = s.count;
    return OK;
}
