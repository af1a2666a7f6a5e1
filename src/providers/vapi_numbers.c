#include "providers/vapi_numbers.h"

#include <string.h>

#include "base/buf.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/jsonw.h"

static bool is_number(const json_t *n) {
    const char *id = json_text(n, "id");
    return id && id[0];
}

/* --- making one ------------------------------------------------------------------------------ */

static enum err fill(struct ctx *ctx, const struct upstream_request *req, struct secret *out) {
    const struct vapi_number_order *o = req->fill_arg;
    SCOPED(secret_wipe) struct secret fields = { 0 };
    SCOPED(buf_wipe) struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    TRY(o->twilio->reveal(ctx, o->twilio, &fields));
    buf_reserve(&b, SECRET_MAX_BYTES); /* it does not grow, which would leave copies */
    jsonw_object(&w);
    jsonw_text_at(&w, "provider", "twilio");
    jsonw_text_at(&w, "number", o->phone_number);
    jsonw_str_at(&w, "twilioAccountSid", secret_field(&fields, "account_sid"));
    jsonw_str_at(&w, "twilioAuthToken", secret_field(&fields, "auth_token"));
    if (o->name)
        jsonw_text_at(&w, "name", o->name);
    if (o->assistant_id)
        jsonw_text_at(&w, "assistantId", o->assistant_id);
    jsonw_bool_at(&w, "smsEnabled", o->takes_texts);
    jsonw_object_end(&w);
    if (!secret_set(out, buf_view(&b)))
        return ctx_fail(ctx, ERR_INTERNAL, "The order of a number does not fit.");
    return OK;
}

static bool read_id(struct ctx *ctx, const json_t *number, void *into) {
    *(const char **)into = json_text(number, "id");
    return is_number(number);
}

enum err vapi_number_create(struct ctx *ctx, const struct upstream_credential *c,
                            const struct vapi_number_order *order,
                            const struct upstream_watch *watch, const char **id) {
    static const char *const PATHS[] = { "id", NULL }; /* the rest may hold the token */
    struct upstream_request req = vapi_request(c, "POST", "number.create", "/phone-number");
    struct upstream_answer answer;
    req.content_type = "application/json";
    req.fill = fill;
    req.fill_arg = order;
    req.paths = PATHS;
    req.read = read_id;
    req.into = id;
    req.watch = watch;
    return upstream_call(ctx, &req, &answer);
}

/* --- finding, removing ----------------------------------------------------------------------- */

struct finding {
    const char *phone_number, *id; /* id NULL: not there */
};

static bool read_list(struct ctx *ctx, const json_t *list, void *into) {
    struct finding *f = into;
    const json_t *one;
    size_t i;
    f->id = NULL;
    json_array_foreach(list, i, one) {
        const char *number = json_text(one, "number");
        if (is_number(one) && number && strcmp(number, f->phone_number) == 0)
            f->id = json_text(one, "id");
    }
    return json_is_array(list);
}

enum err vapi_number_find(struct ctx *ctx, const struct upstream_credential *c,
                          const char *phone_number, const char **id) {
    static const char *const PATHS[] = { "[].id", "[].number", NULL };
    struct upstream_request req = vapi_request(c, "GET", "number.list", "/phone-number?limit=1000");
    struct upstream_answer answer;
    struct finding f = { .phone_number = phone_number };
    req.paths = PATHS;
    req.read = read_list;
    req.into = &f;
    TRY(upstream_call(ctx, &req, &answer));
    *id = f.id;
    return OK;
}

enum err vapi_number_delete(struct ctx *ctx, const struct upstream_credential *c, const char *id,
                            bool *was_there) {
    struct buf *path = buf_in(ctx->arena);
    struct upstream_answer answer;
    buf_text(path, "/phone-number/");
    percent_encode(path, str_of(id));
    struct upstream_request req =
        vapi_request(c, "DELETE", "number.delete", str_dup(ctx->arena, buf_view(path)));
    enum err e = upstream_call(ctx, &req, &answer);
    *was_there = e == OK;
    if (e != ERR_PROVIDER_RESOURCE_NOT_FOUND)
        return e;
    ctx_clear(ctx);
    return OK;
}
