/* Phone numbers at Twilio: what the account has and could have, buying, importing, letting go. */
#include "service/numbers/numbers.h"

#include <string.h>

#include "routes/operations.h"
#include "routes/reply.h"
#include "routes/resources.h"
#include "service/numbers/number_buy.h"
#include "service/numbers/number_import.h"

enum err get_numbers(struct ctx *ctx, struct call *call) {
    return reply_upstream_page(ctx, call, numbers_list);
}

/* --- what could be bought -------------------------------------------------------------------- */

static bool is_made_of(const char *text, const char *chars, size_t min, size_t max) {
    size_t len = strlen(text);
    return len >= min && len <= max && strspn(text, chars) == len;
}

static const char *input_truth(struct ctx *ctx, const struct call *call, const char *name) {
    const char *value = input_query(ctx, call, name);
    if (value && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
        ctx_field(ctx, name, "wrong_format",
                  arena_printf(ctx->arena, "The %s must be true or false.", name));
    return value;
}

/* Twilio's word for it. */
static const char *input_type(struct ctx *ctx, const struct call *call) {
    static const char *const TYPES[][2] = { { "local", "Local" },
                                            { "mobile", "Mobile" },
                                            { "toll_free", "TollFree" } };
    const char *type = input_query(ctx, call, "type");
    for (size_t i = 0; type && i < ARRAY_LEN(TYPES); i++)
        if (strcmp(type, TYPES[i][0]) == 0)
            return TYPES[i][1];
    if (type)
        ctx_field(ctx, "type", "wrong_format", "The type must be local, mobile or toll_free.");
    return TYPES[0][1];
}

static void input_offer(struct ctx *ctx, const struct call *call, struct twilio_offer *o) {
    o->country = input_query(ctx, call, "country");
    o->type = input_type(ctx, call);
    o->area_code = input_query(ctx, call, "area_code");
    o->contains = input_query(ctx, call, "contains");
    o->sms = input_truth(ctx, call, "sms");
    o->voice = input_truth(ctx, call, "voice");
    if (!o->country)
        ctx_field(ctx, "country", "required", "Say in which country, as two letters like US.");
    else if (!is_made_of(o->country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 2, 2))
        ctx_field(ctx, "country", "wrong_format", "Write the country as two letters like US.");
    if (o->area_code && !is_made_of(o->area_code, "0123456789", 1, 6))
        ctx_field(ctx, "area_code", "wrong_format", "An area code is 1 to 6 digits.");
    if (o->contains && !is_made_of(o->contains, "0123456789*+", 2, 16))
        ctx_field(ctx, "contains", "wrong_format",
                  "Write 2 to 16 digits; a star stands for any one digit.");
}

enum err get_numbers_available(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "country", "type",  "area_code", "contains",
                                         "sms",     "voice", "limit",     NULL };
    struct twilio_offer offer;
    struct upstream_answer a;
    const char *cursor;
    TRY(input_known_query(ctx, call, KNOWN));
    input_offer(ctx, call, &offer);
    TRY(input_page(ctx, call, &offer.limit, &cursor));
    TRY(numbers_offered(ctx, &offer, &a));
    reply_upstream(call, a.body, &a);
    return OK;
}

/* --- buying, importing, letting go ----------------------------------------------------------- */

enum err post_number(struct ctx *ctx, struct call *call) {
    struct operation_end end;
    enum err e = number_buy_place(ctx, call->body, input_patience(call), call->claim, &end);
    return reply_operation(ctx, call, e, &end);
}

enum err post_numbers_import(struct ctx *ctx, struct call *call) {
    struct operation_end end;
    struct str plan = { NULL, 0 };
    enum err e = number_import_place(ctx, call->body, call->claim, &plan, &end);
    if (e != OK || !plan.ptr)
        return reply_operation(ctx, call, e, &end);
    reply_json(call, 200);
    buf_str(&call->reply->body, plan);
    return OK;
}

enum err delete_number(struct ctx *ctx, struct call *call) {
    struct jsonw w = reply_json(call, 200);
    return number_release(ctx, input_param(ctx, call, 0), &w);
}
