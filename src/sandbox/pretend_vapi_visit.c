/* Somebody calls the pretend Vapi, and the assistant that answers uses its tools (tool-calls, OpenAPI of 2026-08-20):
 * it looks for a free time, books the first one, texts the caller and keeps a note, as far as it has tools for that. */
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "sandbox/caller.h"
#include "sandbox/control.h"
#include "sandbox/courier.h"
#include "sandbox/pretend_vapi.h"
#include "sandbox/sandbox.h"

enum { ARENA_BYTES = 4 << 20, TIME_CHARS = 25 };

static const char LINE[] = "+12125550118";

struct visit {
    const struct pretend_world *world;
    struct arena *a;
    json_t *account, *call;
    const json_t *assistant;
    json_t *steps; /* what was asked, and said */
};

/* The function of that name in the assistant's model; NULL: it has none. */
static const json_t *tool_of(const json_t *assistant, const char *name) {
    const json_t *tools = json_object_get(json_object_get(assistant, "model"), "tools"), *one;
    size_t i;
    json_array_foreach(tools, i, one) {
        const char *its = json_text(json_object_get(one, "function"), "name");
        if (its && strcmp(its, name) == 0)
            return one;
    }
    return NULL;
}

static const json_t *server_of(const json_t *assistant, const json_t *tool) {
    const json_t *own = json_object_get(tool, "server");
    const char *url = json_text(own, "url");
    return url && url[0] ? own : json_object_get(assistant, "server");
}

static json_t *message_of(const struct visit *v, const char *name, const json_t *args) {
    unsigned char raw[12];
    char id[25], text[2048] = "";
    ava_rand(raw, sizeof raw);
    hex_encode(id, raw, sizeof raw);
    size_t len = json_dumpb(args, text, sizeof text - 1, JSON_COMPACT);
    text[len < sizeof text ? len : 0] = 0;
    json_t *asked = json_pack("{s:o, s:s, s:{s:s, s:s}}", "id", json_sprintf("call_%s", id), "type",
                              "function", "function", "name", name, "arguments", text);
    json_t *message =
        json_pack("{s:s, s:I, s:o, s:o, s:O, s:{s:s}, s:[O]}", "type", "tool-calls", "timestamp",
                  (json_int_t)ava_wall_ms(), "call", json_deep_copy(v->call), "customer",
                  json_deep_copy(json_object_get(v->call, "customer")), "tool", asked,
                  "phoneNumber", "number", LINE, "toolCallList", asked);
    json_object_del(message, "tool");
    json_decref(asked);
    return json_pack("{s:o}", "message", message);
}

/* What was said: "result", or "error". The arena's; NULL: nothing that can be read. */
static const char *said_of(struct arena *a, struct str answer, bool *is_good) {
    const char *why, *said;
    const json_t *tree = json_parse(a, answer, &why);
    const json_t *first = json_array_get(json_object_get(tree, "results"), 0);
    said = json_text(first, "result");
    *is_good = said != NULL;
    return said ? said : json_text(first, "error");
}

/* Uses a tool, if the assistant has it; what it said, or NULL. args is taken over. */
static const char *use(struct visit *v, const char *name, json_t *args) {
    const json_t *tool = tool_of(v->assistant, name);
    const json_t *server = server_of(v->assistant, tool);
    const char *url = json_text(server, "url"), *said = NULL;
    struct str answer = { NULL, 0 };
    bool is_good = false;
    if (tool && url && caller_is_loopback(str_of(url))) {
        json_t *params = message_of(v, name, args);
        int64_t began_ms = ava_now_ms();
        int status = courier_ask(v->world->courier, v->a, url, json_object_get(server, "headers"),
                                 params, &answer);
        if (status == 200)
            said = said_of(v->a, answer, &is_good);
        json_array_append_new(v->steps,
                              json_pack("{s:s, s:O, s:s?, s:b, s:i, s:I}", "tool", name,
                                        "arguments", args, "said", said, "ok", is_good, "status",
                                        status, "ms", (json_int_t)(ava_now_ms() - began_ms)));
        json_decref(params);
    }
    json_decref(args);
    return is_good ? said : NULL;
}

/* The first time that was offered: "(2026-12-01T09:00:00+01:00)". NULL: none was. */
static const char *first_time(struct arena *a, const char *said) {
    for (const char *at = said ? strchr(said, '(') : NULL; at; at = strchr(at + 1, '(')) {
        int64_t ms;
        const char *end = strchr(at, ')');
        if (end && end - at - 1 == TIME_CHARS && clock_parse_rfc3339(at + 1, TIME_CHARS, &ms))
            return str_dup(a, (struct str){ at + 1, TIME_CHARS });
    }
    return NULL;
}

static void play(struct visit *v) {
    const char *time =
        first_time(v->a, use(v, "ava_calendar_find_slot", json_pack("{s:i}", "minutes", 30)));
    if (time &&
        use(v, "ava_calendar_book",
            json_pack("{s:s, s:s, s:s}", "start", time, "name", "Ada", "title", "First visit")))
        use(v, "ava_sms_send",
            json_pack(
                "{s:o}", "text",
                json_sprintf("Your appointment on %.10s at %.5s is booked.", time, time + 11)));
    use(v, "ava_contact_note", json_pack("{s:s}", "text", "Called for a first visit."));
}

static const json_t *assistant_with_tools(const json_t *account) {
    const json_t *assistants = json_object_get(account, "assistants"), *one;
    size_t i;
    json_array_foreach(assistants, i, one) {
        if (json_array_size(json_object_get(json_object_get(one, "model"), "tools")))
            return one;
    }
    return NULL;
}

enum err vapi_visit(const struct pretend_world *world, struct ctx *ctx, json_t *account,
                    json_t *body, struct http_reply *reply) {
    static const char *const KNOWN[] = { "api_key", "from" };
    struct visit v = { .world = world,
                       .account = account,
                       .assistant = assistant_with_tools(account) };
    control_refuse_unknown(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
    TRY(ctx_fields_ok(ctx));
    if (!v.assistant)
        return ctx_fail(ctx, ERR_NOT_FOUND,
                        "No assistant of this account has tools; switch some on and write them "
                        "into it.");
    v.a = arena_new(ARENA_BYTES);
    v.steps = json_array();
    v.call = vapi_inbound_call(account, json_text(body, "from"));
    json_object_set(v.call, "assistantId", json_object_get(v.assistant, "id"));
    struct vapi_course course = vapi_plan(account, v.call);
    vapi_tell(world, account, v.call, &course);
    play(&v);
    pretend_reply_new(
        reply, 200, json_pack("{s:O, s:o}", "id", json_object_get(v.call, "id"), "steps", v.steps));
    json_decref(v.call);
    arena_free(v.a);
    return OK;
}
