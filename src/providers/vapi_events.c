#include "providers/vapi_events.h"

#include <string.h>

#include "base/encode.h"
#include "base/json.h"
#include "providers/vapi_calls.h"

enum { WORD_MAX = 128, ADDRESS_MAX = 320 };

/* A text of theirs that is fit to be kept; else NULL. */
static const char *word(const json_t *object, const char *name) {
    return json_word(object, name, WORD_MAX);
}

const char *const VAPI_EVENT_PATHS[] = {
    "message.type",
    "message.timestamp",
    "message.status",
    "message.transcriptType",
    "message.startedAt",
    "message.endedAt",
    "message.endedReason",
    "message.summary",
    "message.analysis.summary",
    "message.cost",
    "message.phoneNumber.number",
    "message.customer.number",
    "message.customer.sipUri",
    "message.call.id",
    "message.call.type",
    "message.call.assistantId",
    "message.call.phoneNumberId",
    "message.call.phoneNumber.number",
    "message.call.phoneCallProviderId",
    "message.call.transport.callSid",
    "message.call.customer.number",
    "message.call.monitor.controlUrl",
    "message.call.customer.sipUri",
    "message.call.startedAt",
    "message.call.endedAt",
    "message.call.endedReason",
    "message.call.cost",
    "message.call.assistantOverrides.metadata.ava_op",
    "message.toolCallList[].id",
    "message.toolCallList[].name",
    "message.toolCallList[].function.name",
    "message.toolCallList[].function.arguments",
    "message.toolCallList[].function.parameters",
    "message.toolCallList[].arguments",
    "message.toolCallList[].parameters",
    "message.toolCalls[].id",
    "message.toolCalls[].name",
    "message.toolCalls[].function.name",
    "message.toolCalls[].function.arguments",
    "message.toolCalls[].function.parameters",
    "message.toolCalls[].arguments",
    "message.toolCalls[].parameters",
    "message.toolWithToolCallList[].toolCall.id",
    "message.toolWithToolCallList[].toolCall.name",
    "message.toolWithToolCallList[].toolCall.function.name",
    "message.toolWithToolCallList[].toolCall.function.arguments",
    "message.toolWithToolCallList[].toolCall.function.parameters",
    "message.toolWithToolCallList[].toolCall.arguments",
    "message.toolWithToolCallList[].toolCall.parameters",
    "message.toolWithToolCallList[].name",
    "message.toolWithToolCallList[].function.name",
    "message.functionCall.name",
    NULL,
};

static bool is_last(const char *status) {
    return dialect_rank(VAPI_CALL_RANKS, status) >= DIALECT_RANK_LAST;
}

/* Of one side of the call, by the two names that people have, at the two places where they stand. */
static const char *party(const json_t *message, const json_t *call, const char *side) {
    const json_t *places[] = { json_object_get(call, side), json_object_get(message, side) };
    const char *text = NULL;
    for (size_t i = 0; i < ARRAY_LEN(places) && !text; i++) {
        text = json_word(places[i], "number", ADDRESS_MAX);
        text = text ? text : json_word(places[i], "sipUri", ADDRESS_MAX);
    }
    return text;
}

/* Of the carrier, by which Twilio tells of the same call; NULL: it is none of Twilio's. */
static const char *carrier_of(const json_t *call) {
    const char *sid = word(call, "phoneCallProviderId");
    unsigned char raw[16];
    sid = sid ? sid : word(json_object_get(call, "transport"), "callSid");
    return sid && strncmp(sid, "CA", 2) == 0 && strlen(sid) == 34 &&
                   hex_decode((struct str){ sid + 2, 32 }, raw, sizeof raw)
               ? sid
               : NULL;
}

/* Where the message has it, else where its call does. */
static const json_t *place_of(const json_t *message, const char *name) {
    return json_object_get(message, name) ? message : json_object_get(message, "call");
}

static const json_t *metadata_of(const json_t *call) {
    return json_object_get(json_object_get(call, "assistantOverrides"), "metadata");
}

static void read_end(const json_t *message, struct call_facts *out) {
    const json_t *cost = json_object_get(place_of(message, "cost"), "cost");
    int64_t micros = vapi_cost_micros(cost);
    out->started_ms = vapi_read_time(place_of(message, "startedAt"), "startedAt");
    out->ended_ms = vapi_read_time(place_of(message, "endedAt"), "endedAt");
    out->has_exact_times = out->started_ms && out->ended_ms;
    if (!out->ended_ms)
        out->ended_ms = out->at_ms;
    out->ended_reason = word(place_of(message, "endedReason"), "endedReason");
    if (!out->ended_reason)
        out->ended_reason = vapi_ended_reason(
            strcmp(word(message, "type"), "call.deleted") == 0 ? "call.deleted" : out->status);
    out->has_cost = micros >= 0;
    out->cost_micros = micros >= 0 ? micros : 0;
}

/* What this message says of how the call stands; NULL: nothing. */
static const char *status_of(const char *type, const json_t *message) {
    if (strcmp(type, "end-of-call-report") == 0 || strcmp(type, "call.deleted") == 0)
        return "ended";
    if (strcmp(type, "status-update") == 0)
        return word(message, "status");
    return strcmp(type, "assistant-request") == 0 ? "ringing" : NULL;
}

/* What the call was about; NULL: the report does not say. */
static const char *summary_of(const json_t *message) {
    const char *text = json_text(json_object_get(message, "analysis"), "summary");
    text = text ? text : json_text(message, "summary");
    return text && text[0] ? text : NULL;
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
    const char *kind = word(call, "type");
    bool goes_out = kind && strcmp(kind, "outboundPhoneCall") == 0;
    const char *person = party(message, call, "customer");
    const char *line = party(message, call, "phoneNumber");
    int64_t at_ms = vapi_read_time(message, "timestamp");
    const char *direction = goes_out                                                ? "outbound"
                            : kind || strcmp(event->type, "assistant-request") == 0 ? "inbound"
                                                                                    : NULL;
    out->call = (struct call_facts){
        .provider_id = word(call, "id"),
        .operation_id = word(metadata_of(call), "ava_op"),
        .carrier_id = carrier_of(call),
        .direction = direction,
        .to = goes_out ? person : line,
        .from = goes_out ? line : person,
        .assistant_id = word(call, "assistantId"),
        .number_id = word(call, "phoneNumberId"),
        .status = status,
        .at_ms = at_ms ? at_ms : event->received_ms,
        .summary = summary_of(message),
        .takes_line = !kind || strcmp(kind, "webCall") != 0,
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
