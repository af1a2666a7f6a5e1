/* The calls of Vapi (OpenAPI of 2026-08-20): POST and GET /call, GET /call/{id}. A pretend call
 * rings, is answered and ends by the clock, so that whoever looks sees it live. */
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/json.h"
#include "sandbox/pretend_vapi.h"
#include "sandbox/sandbox.h"

enum { CALLS_MAX = 100000 };

/* Of CreateCallDTO; anything else "should not exist". */
static const char *const FIELDS[] = {
    "name",          "schedulePlan",       "transport",  "assistantId",
    "assistant",     "assistantOverrides", "squadId",    "squad",
    "phoneNumberId", "phoneNumber",        "customerId", "customer",
    "customers",     "workflowId",         "workflow",   "workflowOverrides"
};

/* --- checking -------------------------------------------------------------------------------- */

static bool is_e164(const char *text) {
    size_t n = 0;
    if (!text || text[0] != '+')
        return false;
    for (text++; text[n]; n++)
        if (text[n] < '0' || text[n] > '9')
            return false;
    return n >= 7 && n <= 15;
}

static json_t *complaints(const json_t *body) {
    json_t *messages = json_array(), *value;
    const json_t *customer = json_object_get(body, "customer");
    const char *name;
    json_object_foreach((json_t *)body, name, value) {
        size_t i = 0;
        while (i < ARRAY_LEN(FIELDS) && strcmp(FIELDS[i], name) != 0)
            i++;
        if (i == ARRAY_LEN(FIELDS))
            json_array_append_new(messages, json_sprintf("property %s should not exist", name));
    }
    if (!json_text(body, "assistantId") && !json_object_get(body, "assistant"))
        json_array_append_new(messages, json_string("assistantId must be a string"));
    if (!json_text(body, "phoneNumberId") && !json_object_get(body, "phoneNumber"))
        json_array_append_new(messages, json_string("phoneNumberId must be a string"));
    if (!json_is_object(customer))
        json_array_append_new(messages, json_string("customer must be an object"));
    else if (!is_e164(json_text(customer, "number")))
        json_array_append_new(
            messages, json_string("customer.number must be a valid phone number in the E.164 "
                                  "format"));
    return messages;
}

/* --- making one ------------------------------------------------------------------------------ */

/* How the account stands, beside what was made. */
static json_t *limits_of(json_t *account, bool is_blocked) {
    int64_t limit = vapi_limit(account), left = limit - vapi_live(account);
    return json_pack("{s:b, s:I, s:I}", "concurrencyBlocked", is_blocked, "concurrencyLimit",
                     (json_int_t)limit, "remainingConcurrentCalls",
                     (json_int_t)(left > 0 ? left : 0));
}

void vapi_call_keep(json_t *account, json_t *call, const char *type) {
    int64_t now = ava_steady_ms();
    json_object_set(call, "orgId", json_object_get(account, "orgId"));
    json_object_set_new(call, "type", json_string(type));
    json_object_set_new(call, "status", json_string("queued"));
    json_object_set_new(call, "createdAt", vapi_time(now));
    json_object_set_new(call, "updatedAt", vapi_time(now));
    json_array_append(json_object_get(account, "calls"), call);
    json_object_set(json_object_get(account, "callsById"), json_text(call, "id"), call);
}

static void create(const struct pretend_world *world, json_t *account, const struct http_req *req,
                   struct http_reply *reply) {
    const char *why = NULL;
    size_t at;
    json_t *body = json_parse(req->arena, req->body, &why);
    json_t *calls = json_object_get(account, "calls");
    if (!json_is_object(body)) {
        vapi_refuse(reply, 400, json_string(why ? why : "Body must be an object"), "Bad Request");
        return;
    }
    json_t *messages = complaints(body);
    const char *assistant = json_text(body, "assistantId");
    if (json_array_size(messages) == 0 && assistant &&
        !vapi_assistant_find(account, str_of(assistant), &at))
        json_array_append_new(messages, json_sprintf("Couldn't Get Assistant. Does Not Exist. "
                                                     "assistantId: %s",
                                                     assistant));
    if (json_array_size(calls) >= CALLS_MAX)
        json_array_append_new(messages, json_string("The sandbox holds no more calls."));
    if (json_array_size(messages)) {
        vapi_refuse(reply, 400, messages, "Bad Request");
        return;
    }
    json_decref(messages);
    bool is_blocked = vapi_is_full(account);
    if (is_blocked && !vapi_waits_when_full(account)) {
        vapi_refuse(reply, 400, json_string("Over Concurrency Limit"), "Bad Request");
        return;
    }
    json_t *call = json_deep_copy(body);
    json_object_set_new(call, "id", vapi_call_id(account));
    vapi_call_keep(account, call, "outboundPhoneCall");
    json_object_set_new(call, "monitor",
                        json_pack("{s:o}", "controlUrl",
                                  json_sprintf("http://%.*s/%s/control", STR_FMT(req->authority),
                                               json_text(call, "id"))));
    struct vapi_course course = vapi_plan(account, call);
    vapi_tell(world, account, call, &course);
    json_t *made = json_copy(call);
    if (vapi_limit(account))
        json_object_set_new(made, "subscriptionLimits", limits_of(account, is_blocked));
    pretend_reply_new(reply, 201, made);
    json_decref(call);
}

/* --- ending ---------------------------------------------------------------------------------- */

static json_t *call_of(const struct pretend_world *world, struct str id, json_t **whose) {
    const char *name;
    char text[64];
    json_t *account;
    if (!str_copy(text, sizeof text, id))
        return NULL;
    json_object_foreach(world->accounts, name, account) {
        json_t *call = json_object_get(json_object_get(account, "callsById"), text);
        *whose = account;
        if (call)
            return call;
    }
    return NULL;
}

bool vapi_control_answer(const struct pretend_world *world, const struct http_req *req,
                         struct http_reply *reply) {
    const struct str tail = STR("/control");
    const char *why;
    if (req->method != METHOD_POST || !str_ends(req->path, tail))
        return false;
    json_t *account;
    json_t *call =
        call_of(world, (struct str){ req->path.ptr + 1, req->path.len - 1 - tail.len }, &account);
    const char *type = json_text(json_parse(req->arena, req->body, &why), "type");
    if (call)
        vapi_age(account, call);
    if (!call || json_object_get(call, "endedAt")) {
        vapi_refuse(reply, 404, json_string("Call not found"), "Not Found");
    } else if (!type || strcmp(type, "end-call") != 0) {
        vapi_refuse(reply, 400, json_string("The sandbox knows end-call only"), "Bad Request");
    } else {
        vapi_end(call, ava_steady_ms(), "manually-canceled");
        vapi_tell_end(account, call);
        pretend_reply_new(reply, 200, json_object());
    }
    return true;
}

/* --- routes ---------------------------------------------------------------------------------- */

static void read_one(json_t *account, struct str id, struct http_reply *reply) {
    char name[64];
    json_t *call = NULL;
    if (str_copy(name, sizeof name, id))
        call = json_object_get(json_object_get(account, "callsById"), name);
    if (!call) {
        vapi_refuse(reply, 404, json_string("Call not found"), "Not Found");
        return;
    }
    vapi_age(account, call);
    pretend_reply(reply, 200, call);
}

void vapi_calls_answer(const struct pretend_world *world, json_t *account,
                       const struct http_req *req, struct http_reply *reply) {
    bool is_read = req->method == METHOD_GET || req->method == METHOD_HEAD;
    bool is_list = str_is(req->path, "/call");
    json_t *calls = json_object_get(account, "calls");
    if (is_list && req->method == METHOD_POST) {
        create(world, account, req, reply);
    } else if (is_list && is_read) {
        json_t *call;
        size_t i;
        json_array_foreach(calls, i, call) vapi_age(account, call);
        vapi_list(calls, req, reply);
    } else if (!is_list && is_read) {
        read_one(account, (struct str){ req->path.ptr + 6, req->path.len - 6 }, reply);
    } else {
        vapi_refuse(
            reply, 404,
            json_sprintf("Cannot %s %.*s", http_method_name(req->method), STR_FMT(req->path)),
            "Not Found");
    }
}
