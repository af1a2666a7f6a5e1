/* The stage door of the pretend Vapi, /sandbox/api/vapi/...: how its calls go (course), somebody who
 * calls in (inbound), a caller whose assistant uses its tools (visit), what it would charge (invoice), what it told (told). */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/form.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "sandbox/control.h"
#include "sandbox/courier.h"
#include "sandbox/pretend_vapi.h"
#include "sandbox/sandbox.h"

enum { ARENA_BYTES = 4 << 20 };

static const char LINE[] = "+12125550118", CALLER[] = "+14155550142";

/* Whose: the demo account, unless "api_key" says otherwise. */
static json_t *account_of(struct pretend_world *world, struct ctx *ctx, const json_t *body) {
    const char *key = json_text(body, "api_key");
    json_t *account = vapi_account(world, str_of(key ? key : SANDBOX_VAPI_API_KEY));
    if (!account)
        ctx_fail(ctx, ERR_OVERLOADED, "The sandbox holds no more accounts.");
    return account;
}

/* --- course ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int64_t min, max;
} NUMBERS[] = {
    { "call_ms", 30, 24 * 3600 * 1000 }, { "concurrent_calls", 0, 10000 },
    { "drop_ends_percent", 0, 100 },     { "duplicate_percent", 0, 100 },
    { "reorder_percent", 0, 100 },       { "start_number", 0, INT32_MAX },
};

static enum err course_check(struct ctx *ctx, json_t *body) {
    static const char *const KNOWN[] = { "api_key",           "call_ms",
                                         "concurrent_calls",  "drop_ends_percent",
                                         "duplicate_percent", "reorder_percent",
                                         "start_number",      "when_full" };
    const char *full = json_text(body, "when_full");
    control_refuse_unknown(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
    for (size_t i = 0; i < ARRAY_LEN(NUMBERS); i++) {
        const json_t *value = json_object_get(body, NUMBERS[i].name);
        int64_t n = json_is_integer(value) ? json_integer_value(value) : -1;
        if (value && (n < NUMBERS[i].min || n > NUMBERS[i].max))
            ctx_field_range(
                ctx, NUMBERS[i].name, json_is_integer(value) ? "out_of_range" : "wrong_type",
                (double)NUMBERS[i].min, (double)NUMBERS[i].max, "This is outside its range.");
    }
    if (json_object_get(body, "when_full") &&
        (!full || (strcmp(full, "refuse") != 0 && strcmp(full, "wait") != 0)))
        ctx_field(ctx, "when_full", "unsupported", "This must be refuse or wait.");
    return ctx_fields_ok(ctx);
}

/* What is left out stays as it was; a start number begins anew. */
static enum err set_course(struct pretend_world *world, struct ctx *ctx, json_t *body,
                           struct http_reply *reply) {
    TRY(course_check(ctx, body));
    json_t *account = account_of(world, ctx, body), *course = json_object_get(account, "course");
    if (!account)
        return ERR_OVERLOADED;
    if (!course) {
        course = json_object();
        json_object_set_new(account, "course", course);
    }
    json_t *given = json_deep_copy(body);
    json_object_del(given, "api_key");
    json_object_update(course, given);
    json_decref(given);
    if (json_object_get(body, "start_number")) {
        json_object_set_new(account, "draws", json_integer(0));
        json_object_del(account, "told");
    }
    pretend_reply(reply, 200, course);
    return OK;
}

/* --- invoice, told --------------------------------------------------------------------------- */

static enum err show_invoice(json_t *account, struct http_reply *reply) {
    json_t *calls = json_object_get(account, "calls"), *call, *lines = json_array();
    int64_t total = 0;
    size_t i;
    json_array_foreach(calls, i, call) {
        vapi_age(account, call);
        if (!json_object_get(call, "endedAt"))
            continue;
        int64_t micros = llround(vapi_cost(call) * 1e6);
        total += micros;
        json_array_append_new(lines, json_pack("{s:s, s:I}", "call", json_text(call, "id"),
                                               "cost_micros", (json_int_t)micros));
    }
    pretend_reply_new(reply, 200,
                      json_pack("{s:o, s:I, s:s, s:I}", "calls", lines, "total_micros",
                                (json_int_t)total, "currency", "USD", "live",
                                (json_int_t)vapi_live(account)));
    return OK;
}

static enum err show_told(const json_t *account, struct http_reply *reply) {
    json_t *told = json_object_get(account, "told");
    pretend_reply_new(reply, 200, json_pack("{s:O?}", "told", told));
    return OK;
}

/* --- somebody calls in ------------------------------------------------------------------------ */

json_t *vapi_inbound_call(json_t *account, const char *from) {
    json_t *call = json_pack("{s:o, s:s, s:{s:s}}", "id", vapi_call_id(account), "phoneNumberId",
                             SANDBOX_VAPI_NUMBER_ID, "customer", "number", from ? from : CALLER);
    vapi_call_keep(account, call, "inboundPhoneCall");
    return call;
}

/* Whom the number's calls are told to: the server of the first assistant that has one. */
static const json_t *server_of(const json_t *account) {
    const json_t *assistants = json_object_get(account, "assistants"), *one;
    size_t i;
    json_array_foreach(assistants, i, one) {
        const char *url = json_text(json_object_get(one, "server"), "url");
        if (url && caller_is_loopback(str_of(url)))
            return json_object_get(one, "server");
    }
    return NULL;
}

/* By what was answered: who talks to the caller now. */
static const char *connect(const struct pretend_world *world, json_t *account, json_t *call,
                           const json_t *said) {
    size_t at;
    const char *id = json_text(said, "assistantId");
    const char *reason =
        json_object_get(said, "destination") ? "assistant-request-returned-forwarding-phone-number"
        : json_text(said, "error")           ? "assistant-request-returned-error"
                                             : "assistant-request-returned-invalid-assistant";
    json_t *assistant = id ? vapi_assistant_find(account, str_of(id), &at) : NULL;
    if (!assistant) {
        vapi_end(call, ava_steady_ms(), reason);
        return json_object_get(said, "destination") ? "number"
               : json_text(said, "error")           ? "message"
                                                    : "nobody";
    }
    json_object_set_new(call, "assistantId", json_string(id));
    if (json_object_get(said, "assistantOverrides")) /* said lives in an arena, the call longer */
        json_object_set_new(call, "assistantOverrides",
                            json_deep_copy(json_object_get(said, "assistantOverrides")));
    struct vapi_course course = vapi_plan(account, call);
    vapi_tell(world, account, call, &course);
    return "assistant";
}

/* An account without room does not let it ring. */
static enum err call_in(struct pretend_world *world, struct ctx *ctx, json_t *body,
                        struct http_reply *reply) {
    static const char *const KNOWN[] = { "api_key", "from", "to" };
    control_refuse_unknown(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
    TRY(ctx_fields_ok(ctx));
    const char *to = json_text(body, "to"), *why;
    json_t *account = account_of(world, ctx, body);
    const json_t *server = server_of(account);
    if (!account)
        return ERR_OVERLOADED;
    if (!server)
        return ctx_fail(ctx, ERR_NOT_FOUND,
                        "No assistant of this account has a server on this machine to ask.");
    struct str said = { NULL, 0 };
    struct arena *a = arena_new(ARENA_BYTES);
    bool is_full = vapi_is_full(account);
    json_t *call = vapi_inbound_call(account, json_text(body, "from"));
    json_t *params = json_pack("{s:{s:s, s:I, s:O, s:{s:s}}}", "message", "type",
                               "assistant-request", "timestamp", (json_int_t)ava_steady_ms(),
                               "call", call, "phoneNumber", "number", to ? to : LINE);
    int64_t began_ms = ava_now_ms();
    int status = courier_ask(world->courier, a, json_text(server, "url"),
                             json_object_get(server, "headers"), params, &said);
    json_t *tree = status == 200 ? json_parse(a, said, &why) : NULL;
    const char *by = connect(world, account, call, tree);
    pretend_reply_new(reply, 200,
                      json_pack("{s:s, s:i, s:s, s:I, s:b}", "id", json_text(call, "id"), "status",
                                status, "answered_by", by, "ms",
                                (json_int_t)(ava_now_ms() - began_ms), "was_full", is_full));
    json_decref(params);
    json_decref(call);
    arena_free(a);
    return OK;
}

/* --- routes ---------------------------------------------------------------------------------- */

enum err vapi_stage(struct pretend_world *world, struct ctx *ctx, const struct http_req *req,
                    struct str tail, json_t *body, struct http_reply *reply) {
    bool is_post = req->method == METHOD_POST;
    bool is_read = req->method == METHOD_GET || req->method == METHOD_HEAD;
    bool takes_post = str_is(tail, "course") || str_is(tail, "inbound") || str_is(tail, "visit");
    bool takes_get = str_is(tail, "invoice") || str_is(tail, "told");
    if (!takes_post && !takes_get)
        return ctx_fail(ctx, ERR_NOT_FOUND, "The sandbox has nothing at this address.");
    if ((takes_post && !is_post) || (takes_get && !is_read)) {
        http_reply_header_text(reply, "Allow", takes_post ? "POST" : "GET, HEAD");
        return ctx_fail(ctx, ERR_METHOD_NOT_ALLOWED, "This address answers %s only.",
                        takes_post ? "POST" : "GET and HEAD");
    }
    if (str_is(tail, "course"))
        return set_course(world, ctx, body, reply);
    if (str_is(tail, "inbound"))
        return call_in(world, ctx, body, reply);
    if (str_is(tail, "visit")) {
        json_t *whose = account_of(world, ctx, body);
        return whose ? vapi_visit(world, ctx, whose, body, reply) : ERR_OVERLOADED;
    }
    struct form form = { 0 };
    form_parse(ctx->arena, req->query, &form);
    struct str key = form_find(&form, "api_key");
    json_t *account = vapi_account(world, key.ptr ? key : str_of(SANDBOX_VAPI_API_KEY));
    if (!account)
        return ctx_fail(ctx, ERR_OVERLOADED, "The sandbox holds no more accounts.");
    return str_is(tail, "invoice") ? show_invoice(account, reply) : show_told(account, reply);
}
