#include "providers/resend_events.h"

#include <string.h>

#include "base/json.h"

enum { ID_MAX = 128, ADDRESS_MAX = 320, WORDS_MAX = 500 };

const char *const RESEND_EVENT_PATHS[] = { "type",
                                           "data.email_id",
                                           "data.from",
                                           "data.to",
                                           "data.tags.ava_op",
                                           "data.bounce.type",
                                           "data.bounce.subType",
                                           "data.bounce.message",
                                           "data.bounce.diagnosticCode",
                                           "data.failed.reason",
                                           "data.suppressed.message",
                                           NULL };

/* What went wrong stands over what went well: to whom, its recipients tell. */
const struct dialect_rank RESEND_RANKS[] = {
    { "scheduled", 1 },
    { "queued", 2 },
    { "sent", 3 },
    { "delivery_delayed", 4 },
    { "delivered", DIALECT_RANK_LAST },
    { "canceled", DIALECT_RANK_LAST },
    { "suppressed", DIALECT_RANK_LAST + 1 },
    { "failed", DIALECT_RANK_LAST + 1 },
    { "bounced", DIALECT_RANK_LAST + 2 },
    { "complained", DIALECT_RANK_LAST + 3 },
    { NULL, 0 },
};

/* Types that tell how a mail stands; whoever opened it has it. */
static const struct kind {
    const char *type, *status;
    enum message_verdict verdict;
} KINDS[] = {
    { "email.scheduled", "scheduled", MESSAGE_NO_VERDICT },
    { "email.sent", "sent", MESSAGE_NO_VERDICT },
    { "email.delivery_delayed", "delivery_delayed", MESSAGE_NO_VERDICT },
    { "email.delivered", "delivered", MESSAGE_ARRIVED },
    { "email.opened", "delivered", MESSAGE_ARRIVED },
    { "email.clicked", "delivered", MESSAGE_ARRIVED },
    { "email.failed", "failed", MESSAGE_NOT_ARRIVED },
    { "email.suppressed", "suppressed", MESSAGE_NOT_ARRIVED },
    { "email.bounced", "bounced", MESSAGE_NOT_ARRIVED },
    { "email.complained", "complained", MESSAGE_COMPLAINED },
};

void resend_event_types_write(struct jsonw *w) {
    jsonw_list(w);
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
        jsonw_text(w, KINDS[i].type);
    jsonw_list_end(w);
}

static const struct kind *kind_of(const char *type) {
    for (size_t i = 0; type && i < ARRAY_LEN(KINDS); i++)
        if (strcmp(KINDS[i].type, type) == 0)
            return &KINDS[i];
    return NULL;
}

/* What the other server said, as one line. */
static const char *diagnosis(const json_t *bounce) {
    const json_t *codes = json_object_get(bounce, "diagnosticCode");
    const json_t *one = json_is_array(codes) ? json_array_get(codes, 0) : codes;
    const char *words = json_word_of(one, WORDS_MAX);
    return words ? words : json_word_of(json_object_get(bounce, "message"), WORDS_MAX);
}

/* An enhanced status of RFC 3463 that is about the one it goes to: no such mailbox (5.1.1), none any more
 * (5.1.6), an address that can be none (5.1.2, 5.1.3), switched off (5.2.1). */
static bool is_of_recipient(const char *said) {
    static const char *const CODES[] = { "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1" };
    for (size_t i = 0; said && i < ARRAY_LEN(CODES); i++)
        if (strstr(said, CODES[i]))
            return true;
    return false;
}

/* One about how we send: policy, reputation, authentication (5.7.x), or what the mail holds (5.6.x). */
static bool is_of_sender(const char *said) {
    return said && (strstr(said, " 5.7.") || strstr(said, " 5.6.") || strstr(said, " 5.3."));
}

/* Is nobody there for good? A permanent bounce says so, unless its reason is us, the mail or a full mailbox. */
static bool is_nobody(const json_t *bounce) {
    static const char *const OURS[] = { "MailboxFull", "MessageTooLarge", "ContentRejected",
                                        "AttachmentRejected", "Suppressed" };
    const char *type = json_text(bounce, "type"), *sub = json_text(bounce, "subType");
    const char *said = diagnosis(bounce);
    if (!type || strcmp(type, "Permanent") != 0)
        return false;
    for (size_t i = 0; sub && i < ARRAY_LEN(OURS); i++)
        if (strcmp(OURS[i], sub) == 0)
            return false;
    return is_of_recipient(said) || !is_of_sender(said);
}

static void read_bounce(struct ctx *ctx, const json_t *bounce, struct message_facts *out) {
    const char *said = diagnosis(bounce);
    out->verdict = is_nobody(bounce) ? MESSAGE_BOUNCED : MESSAGE_NOT_ARRIVED;
    out->hint = said;
    out->error = arena_printf(ctx->arena, "It came back%s%s%s",
                              out->verdict == MESSAGE_BOUNCED ? ": there is nobody at this address"
                                                              : ", not because of the address",
                              said ? ". The other server said: " : "", said ? said : "");
}

static const char *why_failed(struct ctx *ctx, const json_t *data, const char *status) {
    const char *reason = json_text(json_object_get(data, "failed"), "reason");
    if (strcmp(status, "complained") == 0)
        return "Whoever got it marked it as unwanted.";
    if (strcmp(status, "suppressed") == 0)
        return "Resend did not send it: an earlier mail to this address came back or was unwanted.";
    return arena_printf(ctx->arena, "Resend could not send it%s%s.", reason ? ": " : "",
                        reason ? reason : "");
}

const char *resend_event_read(struct ctx *ctx, const struct dialect_event *event,
                              struct dialect_facts *out) {
    const json_t *data = json_object_get(event->body, "data");
    const struct kind *kind = kind_of(json_text(event->body, "type"));
    *out = (struct dialect_facts){ .call = { .provider_id = NULL } };
    if (!json_is_object(event->body))
        return "It is no object.";
    if (!kind)
        return NULL;
    const char *id = json_word_of(json_object_get(data, "email_id"), ID_MAX);
    if (!id)
        return "It does not say which mail it is about.";
    struct message_facts *m = &out->message;
    *m = (struct message_facts){
        .provider_id = id,
        .operation_id =
            json_word_of(json_object_get(json_object_get(data, "tags"), "ava_op"), ID_MAX),
        .from = json_word_of(json_object_get(data, "from"), ADDRESS_MAX),
        .status = kind->status,
        .recipients = json_object_get(data, "to"),
        .verdict = kind->verdict,
        .at_ms = event->received_ms,
    };
    if (strcmp(kind->status, "bounced") == 0)
        read_bounce(ctx, json_object_get(data, "bounce"), m);
    else if (kind->verdict != MESSAGE_ARRIVED && kind->verdict != MESSAGE_NO_VERDICT)
        m->error = why_failed(ctx, data, kind->status);
    return NULL;
}

const char *resend_event_name(const char *type, const char *status) {
    const struct kind *kind = kind_of(type);
    return kind ? kind->type : NULL;
}
