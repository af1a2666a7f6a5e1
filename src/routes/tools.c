/* Tools of assistants: which there are, which are on, what they did. */
#include "tasks/tools.h"

#include "base/json.h"
#include "routes/reply.h"
#include "routes/resources.h"
#include "service/assistants/assistant_tools.h"

enum { USES_MAX = 100 };

enum err get_tools(struct ctx *ctx, struct call *call) {
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_key(&w, "tools");
    jsonw_list(&w);
    TRY(tools_write(ctx, &w));
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    return OK;
}

enum err get_tool(struct ctx *ctx, struct call *call) {
    struct jsonw w = reply_json(call, 200);
    return tool_write(ctx, input_param(ctx, call, 0), &w);
}

enum err put_tool(struct ctx *ctx, struct call *call) {
    const char *name = input_param(ctx, call, 0);
    struct input in = input_of(ctx, call);
    bool has = false, is_on = input_bool(&in, "enabled", &has);
    const json_t *settings = input_value(&in, "settings");
    if (json_is_null(settings))
        settings = NULL;
    if (settings && !json_is_object(settings))
        ctx_field(ctx, "settings", "wrong_type", "settings is an object.");
    TRY(input_done(&in));
    TRY(tool_set(ctx, name, has ? &is_on : NULL, settings));
    struct jsonw w = reply_json(call, 200);
    return tool_write(ctx, name, &w);
}

enum err get_tool_uses(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "limit", NULL };
    const char *text;
    int64_t limit = 10;
    TRY(input_known_query(ctx, call, KNOWN));
    text = input_query(ctx, call, "limit");
    if (text && !str_to_i64(str_of(text), 1, USES_MAX, &limit))
        ctx_field_range(ctx, "limit", "out_of_range", 1, USES_MAX, "This must be 1 to 100.");
    TRY(ctx_fields_ok(ctx));
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_key(&w, "uses");
    jsonw_list(&w);
    TRY(tool_uses_write(ctx, input_param(ctx, call, 0), (int)limit, &w));
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    return OK;
}

enum err post_assistant_tools(struct ctx *ctx, struct call *call) {
    struct assistant_view v;
    size_t count;
    struct input in = input_of(ctx, call);
    TRY(input_done(&in));
    TRY(assistant_set_tools(ctx, input_param(ctx, call, 0), input_if_match(ctx, call), &v, &count));
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_i64_at(&w, "tools", (int64_t)count);
    jsonw_key(&w, "assistant");
    assistant_write(ctx, &w, &v);
    jsonw_object_end(&w);
    reply_etag(call, assistant_etag(ctx, &v));
    return OK;
}
