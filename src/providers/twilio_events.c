#include "providers/twilio_events.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "providers/twilio.h"
#include "providers/twilio_calls.h"
#include "providers/twilio_codes.h"

enum { WORD_MAX = 128, ADDRESS_MAX = 64, MEDIA_MAX = 10, DURATION_MAX_S = 7 * 24 * 3600 };

/* A text of theirs that is fit to be kept; else NULL. */
static const char *word(const json_t *object, const char *name) {
    return json_word(object, name, WORD_MAX);
}

static bool is_last(const char *status) {
    return dialect_rank(TWILIO_CALL_RANKS, status) >= DIALECT_RANK_LAST;
}

/* --- calls ------------------------------------------------------------------------------------ */

/* The callback has no times of its own: what counts is when it came, and how long the call was. */
static void read_times(const struct dialect_event *event, struct call_facts *out) {
    const char *seconds = word(event->body, "CallDuration");
    int64_t duration_s;
    if (!is_last(out->status)) {
        if (strcmp(out->status, "in-progress") == 0)
            out->started_ms = event->received_ms;
        return;
    }
    out->ended_reason = out->status;
    out->ended_ms = event->received_ms;
    if (seconds && str_to_i64(str_of(seconds), 1, DURATION_MAX_S, &duration_s))
        out->started_ms = event->received_ms - duration_s * 1000;
}

static void read_call(const struct dialect_event *event, struct call_facts *out) {
    const json_t *body = event->body;
    const char *sid = word(body, "CallSid"), *status = word(body, "CallStatus");
    const char *direction = word(body, "Direction");
    if (!sid || !status)
        return;
    *out = (struct call_facts){
        .provider_id = sid,
        .operation_id = word(event->query, "op"),
        .direction = direction && strcmp(direction, "inbound") != 0 ? "outbound" : "inbound",
        .to = word(body, "To"),
        .from = word(body, "From"),
        .status = status,
        .at_ms = event->received_ms,
        .account_calls = -1,
    };
    read_times(event, out);
}

/* --- texts ------------------------------------------------------------------------------------ */

static const char *address(const json_t *body, const char *name) {
    return json_word(body, name, ADDRESS_MAX);
}

static struct str content_of(struct ctx *ctx, const json_t *body) {
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    const char *text = json_text(body, "Body");
    jsonw_object(&w);
    jsonw_text_at(&w, "body", text ? text : "");
    if (json_text(body, "MediaUrl0")) {
        jsonw_key(&w, "media_urls");
        jsonw_list(&w);
        for (int i = 0; i < MEDIA_MAX; i++) {
            const char *url = json_text(body, arena_printf(ctx->arena, "MediaUrl%d", i));
            if (url)
                jsonw_text(&w, url);
        }
        jsonw_list_end(&w);
    }
    jsonw_object_end(&w);
    return buf_view(out);
}

static const char *error_of(struct ctx *ctx, const json_t *body) {
    const char *code = json_text(body, "ErrorCode");
    int64_t number;
    bool is_one = code && str_to_i64(str_of(code), 1, INT32_MAX, &number);
    return is_one ? twilio_error_words(ctx, number) : NULL;
}

static void read_text(struct ctx *ctx, const struct dialect_event *event, bool comes_in,
                      struct message_facts *out) {
    const json_t *body = event->body;
    const char *sid = address(body, "MessageSid");
    const char *status = comes_in ? "received" : address(body, "MessageStatus");
    if (!sid || !status)
        return;
    *out = (struct message_facts){
        .provider_id = sid,
        .operation_id = comes_in ? NULL : json_text(event->query, "op"),
        .is_received = comes_in,
        .to = address(body, "To"),
        .from = address(body, "From"),
        .status = status,
        .error = error_of(ctx, body),
        .at_ms = event->received_ms,
    };
    if (comes_in)
        out->content = content_of(ctx, body);
}

/* ----------------------------------------------------------------------------------------------- */

const char *twilio_event_read(struct ctx *ctx, const struct dialect_event *event,
                              struct dialect_facts *out) {
    if (!json_is_object(event->body))
        return "It holds no fields.";
    if (strcmp(event->type, "voice") == 0 || strcmp(event->type, "status") == 0)
        read_call(event, &out->call);
    else if (strcmp(event->type, "message") == 0)
        read_text(ctx, event, true, &out->message);
    else if (strcmp(event->type, "message-status") == 0)
        read_text(ctx, event, false, &out->message);
    return NULL;
}

const char *twilio_event_name(const char *type, const char *status) {
    if (strcmp(type, "message") == 0)
        return "message.incoming";
    if (strcmp(type, "message-status") == 0)
        return "message.status";
    if (!status)
        return NULL;
    if (strcmp(type, "voice") == 0 && strcmp(status, "ringing") == 0)
        return "call.incoming";
    if (strcmp(type, "voice") != 0 && strcmp(type, "status") != 0)
        return NULL;
    return is_last(status) ? "call.ended" : "call.status";
}
