#include "service/calls/missed.h"

#include <string.h>

#include "base/defs.h"
#include "base/str.h"
#include "service/calls/call_status.h"

/* Nobody of the workspace was on the line, whatever the times say. */
static const char *const MISSED[] = {
    "no-answer",
    "busy",
    "canceled",
    "failed",
    "voicemail",
    "customer-busy",
    "customer-did-not-answer",
    "call.ringing.sip-inbound-caller-hungup-before-call-connect",
    "call.ringing.error-sip-inbound-call-failed-to-connect",
    "call.in-progress.error-sip-inbound-call-failed-to-connect",
    "call.forwarding.no-answer",
    "call.forwarding.operator-busy",
    "call.in-progress.error-transfer-failed",
    "customer-ended-call-before-warm-transfer",
    "customer-ended-call-during-transfer",
    "customer-ended-call-after-warm-transfer-attempt",
    "assistant-not-found",
    "assistant-not-valid",
    "assistant-join-timed-out",
    "assistant-request-failed",
    "assistant-request-returned-error",
    "assistant-request-returned-invalid-assistant",
    "assistant-request-returned-no-assistant",
    "assistant-request-returned-unspeakable-error",
};

/* Somebody else has it, or nobody knows what became of it. */
static const char *const NOT_MISSED[] = {
    "assistant-forwarded-call",
    "assistant-request-returned-forwarding-phone-number",
    "call.ringing.hook-executed-transfer",
    "call.ending.hook-executed-transfer",
    "manually-canceled",
    "no-longer-known",
    "never-told",
    "not-found",
    "deletion-failed",
    "call.deleted",
    "call-deleted",
    "scheduled-call-deleted",
};

static bool is_in(const char *const *list, size_t count, const char *word) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], word) == 0)
            return true;
    return false;
}

bool call_is_missed(const struct call_row *row, bool heard_fallback) {
    const char *reason = row->ended_reason ? row->ended_reason : row->status;
    if (strcmp(row->direction, "inbound") != 0 || !call_is_over(row) ||
        is_in(NOT_MISSED, ARRAY_LEN(NOT_MISSED), reason))
        return false;
    if (heard_fallback || is_in(MISSED, ARRAY_LEN(MISSED), reason) ||
        str_starts(str_of(reason), STR("call.start.error")))
        return true;
    return !row->started_ms; /* nobody picked up */
}
