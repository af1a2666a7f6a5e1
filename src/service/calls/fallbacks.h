/* fallbacks: what a caller gets when nothing else answers, so that the phone is always answered
 * (RESILIENCE 11). Chosen by the workspace; where it chose nothing, or its choice cannot be read, one
 * spoken sentence. */
#pragma once

#include <jansson.h>

#include "obs/ctx.h"

enum fallback_kind {
    FALLBACK_MESSAGE,   /* says text, and hangs up */
    FALLBACK_VOICEMAIL, /* says text, and records what the caller says */
    FALLBACK_FORWARD,   /* calls a person; says text when that person does not answer */
    FALLBACK_ASSISTANT, /* a fixed assistant of Vapi; on Twilio's own line it says text */
    FALLBACK_KINDS
};

const char *fallback_kind_name(enum fallback_kind k);

struct fallback {
    enum fallback_kind kind;
    const char *text;
    const char *to, *assistant_id; /* E.164, id at Vapi; NULL where kind needs none */
    int64_t version;               /* 0: nothing was chosen */
    int64_t updated_ms;
};

enum { FALLBACK_TEXT_MAX = 500 };

/* The workspace's own, or the sentence everybody gets; it never fails. In the arena. */
void fallback_of(struct ctx *ctx, const char *workspace_id, struct fallback *out);

/* body: {"kind","text"?,"to"?,"assistant_id"?}; all wrong fields are named at once. etag: of the one
 * that is to be replaced (fallback_etag), else ERR_VERSION_CONFLICT; NULL: whatever it is. */
enum err fallback_save(struct ctx *ctx, const json_t *body, const char *etag, struct fallback *out);
const char *fallback_etag(struct ctx *ctx, const struct fallback *f);
