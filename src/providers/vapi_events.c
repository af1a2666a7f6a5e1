#include "providers/vapi_events.h"

#include <string.h>

#include "base/json.h"
#include "providers/vapi_calls.h"

enum { WORD_MAX = 128 };

/* A text of theirs that is fit to be kept; else NULL. */
static const char *word(const json_t *object, const char *name) {
    return json_word(object, name, WORD_MAX);
}

const struct dialect_rank VAPI_CALL_RANKS[] = {
    { "scheduled", 1 },   { "queued", 2 },     { "ringing", 3 },
    { "in-progress", 4 }, { "forwarding", 5 }, { "ended", DIALECT_RANK_LAST },
    { NULL, 0 },
};

const char *const VAPI_EVENT_PATHS[] = {
    "message.type",
    "message.timestamp",
    "message.status",
    "message.transcriptType",
    "message.startedAt",
    "message.endedAt",
    "message.endedReason",
    "message.cost",
    "message.phoneNumber.number",
    "message.call.id",
    "message.call.type",
    "message.call.assistantId",
    "message.call.phoneNumberId",
    "message.call.phoneCallProviderId",
    "message.call.customer.number",
    "message.call.assistantOverrides.metadata.ava_op",
    "message.toolCallList[].id",
    "message.toolCalls[].id",
    "message.toolWithToolCallList[].toolCall.id",
    "message.functionCall.name",
    NULL,
};

static bool is_last(const char *status) {
    return dialect_rank(VAPI_CALL_RANKS, status) >= DIALECT_RANK_LAST;
}

static bool is_outbound(const json_t *call) {
    const char *type = word(call, "type");
    return type && strcmp(type, "outboundPhoneCall") == 0;
}

static const json_t *metadata_of(const json_t *call) {
    return json_object_get(json_object_get(call, "assistantOverrides"), "metadata");
}

static void read_end(const json_t *message, struct call_facts *out) {
    int64_t micros = vapi_cost_micros(json_object_get(message, "cost"));
    out->started_ms = vapi_read_time(message, "startedAt");
    out->ended_ms = vapi_read_time(message, "endedAt");
    out->has_exact_times = out->started_ms && out->ended_ms;
    if (!out->ended_ms)
        out->ended_ms = out->at_ms;
    out->ended_reason = word(message, "endedReason");
    out->has_cost = micros >= 0;
    out->cost_micros = micros >= 0 ? micros : 0;
}

/* What this message says of how the call stands; NULL: nothing. */
static const char *status_of(const char *type, const json_t *message) {
    if (strcmp(type, "end-of-call-report") == 0)
        return "ended";
    if (strcmp(type, "status-update") == 0)
        return word(message, "status");
    return strcmp(type, "assistant-request") == 0 ? "ringing" : NULL;
}

const char *vapi_event_read(struct ctx *ctx, const struct dialect_event *event,
                            struct dialect_facts *out) {
    const json_t *message = json_object_get(event->body, "message");
    const json_t *call = json_object_get(message, "call");
    const char *status = status_of(event->type, message);
    if (!word(message, "type"))
        return "It is no server message: there is no message.type in it.";
    if (!status || !word(call, "id"))
        return NULL;
    bool goes_out = is_outbound(call);
    const char *person = word(json_object_get(call, "customer"), "number");
    const char *line = word(json_object_get(message, "phoneNumber"), "number");
    out->call = (struct call_facts){
        .provider_id = word(call, "id"),
        .operation_id = word(metadata_of(call), "ava_op"),
        .carrier_id = word(call, "phoneCallProviderId"),
        .direction = goes_out ? "outbound" : "inbound",
        .to = goes_out ? person : line,
        .from = goes_out ? line : person,
        .assistant_id = word(call, "assistantId"),
        .number_id = word(call, "phoneNumberId"),
        .status = status,
        .at_ms = json_i64_or(message, "timestamp", event->received_ms),
        .account_calls = -1,
    };
    if (is_last(status))
        read_end(message, &out->call);
    else if (strcmp(status, "in-progress") == 0)
        out->call.started_ms = out->call.at_ms;
    return NULL;
}

const char *vapi_event_name(const char *type, const char *status) {
    if (strcmp(type, "status-update") == 0)
        return !status ? NULL : is_last(status) ? "call.ended" : "call.status";
    if (strcmp(type, "end-of-call-report") == 0)
        return "call.report";
    if (strcmp(type, "assistant-request") == 0)
        return "call.incoming";
    if (strcmp(type, "tool-calls") == 0)
        return "call.tool";
    return str_starts(str_of(type), STR("transcript")) ? "call.transcript" : NULL;
}
