#include "service/upkeep/flags.h"

#include "routes/reply.h"
#include "routes/resources.h"

enum err get_flags(struct ctx *ctx, struct call *call) {
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_key(&w, "flags");
    jsonw_list(&w);
    for (enum flag f = 0; f < FLAG_COUNT; f++)
        TRY(flag_write(ctx, f, &w));
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    return OK;
}

enum err put_flag(struct ctx *ctx, struct call *call) {
    enum flag f = flag_parse(call->match->params[0]);
    struct input in = input_of(ctx, call);
    bool has, on = input_bool(&in, "on", &has);
    if (!has)
        ctx_field(ctx, "on", "required", "Say whether it shall be on: true or false.");
    TRY(input_done(&in));
    if (f == FLAG_COUNT)
        return ctx_fail(ctx, ERR_NOT_FOUND,
                        "There is no such flag; GET /api/v1/flags names them all.");
    TRY(flag_change(ctx, f, on));
    struct jsonw w = reply_json(call, 200);
    return flag_write(ctx, f, &w);
}
