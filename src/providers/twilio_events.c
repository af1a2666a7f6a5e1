#include "providers/twilio_events.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "providers/twilio.h"
#include "providers/twilio_calls.h"
#include "providers/twilio_codes.h"

/* ADDRESS_MAX: "sip:" and "whatsapp:" addresses are longer than numbers. */
enum { WORD_MAX = 128, ADDRESS_MAX = 320, MEDIA_MAX = 10, DURATION_MAX_S = 7 * 24 * 3600 };

/* The value of a field; of one that came several times, the first. NULL: absent. */
static const json_t *field(const json_t *form, const char *name) {
    const json_t *value = json_object_get(form, name);
    return json_is_array(value) ? json_array_get(value, 0) : value;
}

/* A text of theirs that is fit to be kept; else NULL. */
static const char *fit(const json_t *form, const char *name, size_t max) {
    return json_word_of(field(form, name), max);
}

static const char *word(const json_t *form, const char *name) {
    return fit(form, name, WORD_MAX);
}

static const char *address(const json_t *form, const char *name) {
    return fit(form, name, ADDRESS_MAX);
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

/* Part of a call that is told by itself, such as the way to the person it is forwarded to. */
static bool is_leg(const json_t *body) {
    const char *direction = word(body, "Direction");
    return word(body, "ParentCallSid") || (direction && strcmp(direction, "outbound-dial") == 0);
}

/* Why nobody took a call that was passed on, in Vapi's words for it; NULL: it was not, or somebody did. */
static const char *passed_on_in_vain(const json_t *body) {
    const char *dialled = word(body, "DialCallStatus");
    if (!dialled || strcmp(dialled, "completed") == 0 || strcmp(dialled, "answered") == 0)
        return NULL;
    return strcmp(dialled, "busy") == 0 ? "call.forwarding.operator-busy"
                                        : "call.forwarding.no-answer";
}

static void read_call(const struct dialect_event *event, struct call_facts *out) {
    const json_t *body = event->body;
    const char *sid = word(body, "CallSid"), *status = word(body, "CallStatus");
    const char *direction = word(body, "Direction");
    if (!sid || !status || is_leg(body))
        return;
    *out = (struct call_facts){
        .provider_id = sid,
        .operation_id = word(event->query, "op"),
        .direction = !direction                          ? NULL
                     : strcmp(direction, "inbound") != 0 ? "outbound"
                                                         : "inbound",
        .to = address(body, "To"),
        .from = address(body, "From"),
        .status = status,
        .at_ms = event->received_ms,
        .account_calls = -1,
    };
    read_times(event, out);
    if (!out->ended_reason)
        out->ended_reason = passed_on_in_vain(body);
}

/* --- texts ------------------------------------------------------------------------------------ */

static struct str content_of(struct ctx *ctx, const json_t *body) {
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    const char *text = json_string_value(field(body, "Body"));
    jsonw_object(&w);
    jsonw_text_at(&w, "body", text ? text : "");
    if (field(body, "MediaUrl0")) {
        jsonw_key(&w, "media_urls");
        jsonw_list(&w);
        for (int i = 0; i < MEDIA_MAX; i++) {
            const char *url =
                json_string_value(field(body, arena_printf(ctx->arena, "MediaUrl%d", i)));
            if (url)
                jsonw_text(&w, url);
        }
        jsonw_list_end(&w);
    }
    jsonw_object_end(&w);
    return buf_view(out);
}

static const char *error_of(struct ctx *ctx, const json_t *body) {
    const char *code = word(body, "ErrorCode");
    int64_t number;
    bool is_one = code && str_to_i64(str_of(code), 1, INT32_MAX, &number);
    return is_one ? twilio_error_words(ctx, number) : NULL;
}

/* The first of these that is there: Twilio's older names stand beside the newer ones, or alone. */
static const char *one_of(const json_t *body, const char *a, const char *b, const char *c) {
    const char *text = word(body, a);
    text = text ? text : word(body, b);
    return text ? text : word(body, c);
}

/* The words that Twilio itself takes for a wish, alone in a text and in any case, where nobody has chosen
 * others ("Twilio support for opt-out keywords", read 2026-11-29). */
static const char *const STOP_WORDS[] = { "STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END",
                                          "QUIT", "REVOKE",  "OPTOUT",      NULL };
static const char *const START_WORDS[] = { "START", "YES", "UNSTOP", NULL };

/* Does the text wish that? With Advanced Opt-Out Twilio judges the words and tells: "STOP", "START",
 * "HELP"; else it tells nothing, and judges them all the same. */
static bool is_keyword(const json_t *body, const char *type, const char *const *words) {
    const char *told = word(body, "OptOutType"), *text = json_text(body, "Body");
    if (told)
        return strcmp(told, type) == 0;
    for (; text && *words; words++)
        if (str_eq_nocase(str_trim(str_of(text)), str_of(*words)))
            return true;
    return false;
}

static void read_text(struct ctx *ctx, const struct dialect_event *event, bool comes_in,
                      struct message_facts *out) {
    const json_t *body = event->body;
    const char *sid = one_of(body, "MessageSid", "SmsSid", "SmsMessageSid");
    const char *status =
        comes_in ? "received" : one_of(body, "MessageStatus", "SmsStatus", "MessageStatus");
    if (!sid || !status)
        return;
    *out = (struct message_facts){
        .provider_id = sid,
        .operation_id = comes_in ? NULL : word(event->query, "op"),
        .is_received = comes_in,
        .to = address(body, "To"),
        .from = address(body, "From"),
        .status = status,
        .error = error_of(ctx, body),
        .is_stop = comes_in && is_keyword(body, "STOP", STOP_WORDS),
        .is_start = comes_in && is_keyword(body, "START", START_WORDS),
        .at_ms = event->received_ms,
    };
    if (comes_in)
        out->content = content_of(ctx, body);
}

/* --- what people read of it --------------------------------------------------------------------- */

/* "41 s", or "" */
static const char *seconds_of(struct ctx *ctx, const json_t *body, const char *name) {
    const char *text = word(body, name);
    int64_t seconds;
    return text && str_to_i64(str_of(text), 0, DURATION_MAX_S, &seconds)
               ? arena_printf(ctx->arena, " of %lld s", (long long)seconds)
               : "";
}

static const char *answered_by(const char *who) {
    return strncmp(who, "machine", 7) == 0 ? "a machine answered"
           : strcmp(who, "human") == 0     ? "a person answered"
           : strcmp(who, "fax") == 0       ? "a fax machine answered"
                                           : "who answered is not known";
}

static const char *recording(struct ctx *ctx, const struct dialect_event *event) {
    const json_t *body = event->body;
    const char *status = word(body, "RecordingStatus");
    if (strcmp(event->type, "voice") == 0)
        return arena_printf(ctx->arena, "the caller left a message%s",
                            seconds_of(ctx, body, "RecordingDuration"));
    return arena_printf(ctx->arena, "a recording%s is %s",
                        seconds_of(ctx, body, "RecordingDuration"),
                        !status                         ? "there"
                        : strcmp(status, "absent") == 0 ? "empty, so that there is none"
                                                        : status);
}

/* What an event tells of a call besides its state; NULL: nothing. */
static const char *told_of(struct ctx *ctx, const struct dialect_event *event) {
    const json_t *body = event->body;
    const char *to = address(body, "To"), *status = word(body, "CallStatus");
    if (word(body, "RecordingSid") || word(body, "RecordingUrl"))
        return recording(ctx, event);
    if (is_leg(body))
        return arena_printf(ctx->arena, "the leg to %s: %s%s", to ? to : "somebody",
                            status ? status : "no state", seconds_of(ctx, body, "CallDuration"));
    if (word(body, "AnsweredBy"))
        return answered_by(word(body, "AnsweredBy"));
    return word(body, "OptOutType")
               ? arena_printf(ctx->arena, "the sender wrote %s", word(body, "OptOutType"))
               : NULL;
}

/* ----------------------------------------------------------------------------------------------- */

const char *twilio_event_read(struct ctx *ctx, const struct dialect_event *event,
                              struct dialect_facts *out) {
    if (!json_is_object(event->body))
        return "It holds no fields.";
    out->told = told_of(ctx, event);
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
