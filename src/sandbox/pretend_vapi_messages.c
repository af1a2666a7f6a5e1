/* The server messages of the pretend Vapi: as a call goes on, they are sent to the server of its
 * assistant (url, headers and backoffPlan of the OpenAPI of 2026-08-20). */
#include <string.h>

#include "base/json.h"
#include "sandbox/caller.h"
#include "sandbox/courier.h"
#include "sandbox/pretend_vapi.h"

static const char LINE[] = "+12125550118";

/* Types that the assistant wants to be told; all when it does not say. */
static bool is_wanted(const json_t *assistant, const char *type) {
    const json_t *wanted = json_object_get(assistant, "serverMessages"), *one;
    size_t i;
    if (!json_is_array(wanted))
        return true;
    json_array_foreach(wanted, i, one) {
        if (json_is_string(one) && strcmp(json_string_value(one), type) == 0)
            return true;
    }
    return false;
}

static json_t *message_of(const char *type, int64_t at_ms, const json_t *call) {
    json_t *message =
        json_pack("{s:s, s:I, s:o, s:{s:s}}", "type", type, "timestamp", (json_int_t)at_ms, "call",
                  json_deep_copy(call), "phoneNumber", "number", LINE);
    if (strcmp(type, "status-update") == 0)
        json_object_set(message, "status", json_object_get(call, "status"));
    if (json_text(call, "endedReason"))
        json_object_set(message, "endedReason", json_object_get(call, "endedReason"));
    if (strcmp(type, "end-of-call-report") == 0) {
        json_object_set(message, "startedAt", json_object_get(call, "startedAt"));
        json_object_set(message, "endedAt", json_object_get(call, "endedAt"));
        json_object_set_new(message, "cost", json_real(vapi_cost(call)));
    }
    return message;
}

static json_t *step_of(const json_t *message, int64_t at_ms) {
    return json_pack("{s:I, s:{s:O}}", "at", (json_int_t)at_ms, "params", "message", message);
}

/* As late as the step before it is early: they change places. */
static void swap_last(json_t *steps) {
    size_t count = json_array_size(steps);
    if (count < 2)
        return;
    json_t *last = json_incref(json_array_get(steps, count - 1));
    json_t *before = json_incref(json_array_get(steps, count - 2));
    json_object_set(before, "at", json_object_get(last, "at"));
    json_array_set_new(steps, count - 2, last);
    json_array_set_new(steps, count - 1, before);
}

/* call is as it will be then. */
static void add_step(json_t *account, json_t *record, const json_t *assistant, const char *type,
                     int64_t at_ms, const json_t *call) {
    json_t *steps = json_object_get(record, "steps");
    if (!is_wanted(assistant, type))
        return;
    json_t *message = message_of(type, at_ms, call);
    bool is_late = vapi_chance(account, "reorder_percent");
    json_array_append_new(steps, step_of(message, at_ms));
    if (is_late)
        swap_last(steps);
    vapi_note_told(account, call, type, is_late ? "late" : "sent");
    if (vapi_chance(account, "duplicate_percent")) {
        json_array_append_new(steps, step_of(message, at_ms));
        vapi_note_told(account, call, type, "twice");
    }
    json_decref(message);
}

static void add_end(json_t *account, json_t *record, const json_t *assistant, const json_t *call) {
    static const char *const TYPES[] = { "status-update", "end-of-call-report" };
    bool is_dropped = vapi_chance(account, "drop_ends_percent");
    for (size_t i = 0; i < 2; i++) {
        if (is_dropped)
            vapi_note_told(account, call, TYPES[i], "dropped");
        else
            add_step(account, record, assistant, TYPES[i], vapi_time_of(call, "endedAt"), call);
    }
}

static json_t *record_new(const json_t *server) {
    const json_t *plan = json_object_get(server, "backoffPlan");
    const json_t *headers = json_object_get(server, "headers");
    json_t *record = json_pack(
        "{s:s, s:O, s:I, s:[], s:i}", "kind", "vapi", "callback", json_object_get(server, "url"),
        "tries", (json_int_t)(1 + json_i64_or(plan, "maxRetries", 0)), "steps", "told", 0);
    json_object_set_new(record, "headers", headers ? json_deep_copy(headers) : json_object());
    return record;
}

static json_t *then(const json_t *call, const char *status, int64_t started_ms, int64_t ended_ms,
                    const char *reason) {
    json_t *future = json_deep_copy(call);
    json_object_set_new(future, "status", json_string(status));
    if (started_ms)
        json_object_set_new(future, "startedAt", vapi_time(started_ms));
    if (ended_ms) {
        json_object_set_new(future, "endedAt", vapi_time(ended_ms));
        json_object_set_new(future, "endedReason", json_string(reason));
    }
    return future;
}

void vapi_tell(const struct pretend_world *world, json_t *account, const json_t *call,
               const struct vapi_course *course) {
    size_t at;
    const char *id = json_text(call, "assistantId");
    const json_t *assistant = id ? vapi_assistant_find(account, str_of(id), &at) : NULL;
    const json_t *server = json_object_get(assistant, "server");
    const char *url = json_text(server, "url");
    if (!url || !world->courier || !caller_is_loopback(str_of(url)))
        return;
    json_t *record = record_new(server);
    json_t *rings = then(call, "ringing", 0, 0, NULL);
    json_t *talks = then(call, "in-progress", course->talks_ms, 0, NULL);
    json_t *ends = then(call, "ended", course->talks_ms, course->ends_ms, course->reason);
    add_step(account, record, assistant, "status-update", course->rings_ms, rings);
    add_step(account, record, assistant, "status-update", course->talks_ms, talks);
    add_end(account, record, assistant, ends);
    json_decref(rings);
    json_decref(talks);
    json_decref(ends);
    json_object_set(json_object_get(account, "records"), json_text(call, "id"), record);
    courier_follow(world->courier, record);
    json_decref(record);
}

/* What has not been told yet is told no more; what is on its way has left. */
void vapi_tell_end(json_t *account, const json_t *call) {
    size_t at;
    json_t *record = json_object_get(json_object_get(account, "records"), json_text(call, "id"));
    json_t *steps = json_object_get(record, "steps");
    const char *id = json_text(call, "assistantId");
    const json_t *assistant = id ? vapi_assistant_find(account, str_of(id), &at) : NULL;
    size_t told =
        (size_t)json_i64_or(record, "told", 0) + (json_object_get(record, "is_away") != NULL);
    while (json_array_size(steps) > told)
        json_array_remove(steps, told);
    if (record)
        add_end(account, record, assistant, call);
}
