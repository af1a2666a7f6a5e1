#include "service/assistants/settings.h"

#include "routes/reply.h"
#include "routes/resources.h"

/* The JSON of the settings with what is known of its age, and the ETag. */
static enum err answer(struct call *call, const struct settings_view *v) {
    reply_upstream(call, v->body, &v->answer);
    reply_etag(call, v->etag);
    return OK;
}

enum err get_settings(struct ctx *ctx, struct call *call) {
    struct settings_view v;
    TRY(settings_list(ctx, &v));
    return answer(call, &v);
}

/* The setting that the path names. */
static enum err key_of(struct ctx *ctx, struct call *call, enum vapi_setting *s) {
    *s = vapi_setting_parse(call->match->params[0]);
    if (*s == VAPI_SETTING_COUNT)
        return ctx_fail(ctx, ERR_NOT_FOUND,
                        "There is no such setting; there are greeting_message, max_call_duration "
                        "and voice_speed.");
    return OK;
}

enum err get_setting(struct ctx *ctx, struct call *call) {
    struct settings_view v;
    enum vapi_setting s;
    TRY(key_of(ctx, call, &s));
    TRY(setting_read(ctx, s, &v));
    return answer(call, &v);
}

enum err put_setting(struct ctx *ctx, struct call *call) {
    struct settings_view v;
    enum vapi_setting s;
    struct input in = input_of(ctx, call);
    TRY(key_of(ctx, call, &s));
    const json_t *value = input_value(&in, "value");
    TRY(input_done(&in));
    TRY(setting_save(ctx, s, value, input_if_match(ctx, call), &v));
    return answer(call, &v);
}
