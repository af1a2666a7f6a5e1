/* vapi: taking in what Vapi sends, its server messages (OpenAPI of 2026-08-20).
 *
 * Token, then proof by the workspace's plan (providers/vapi_auth.h), then on disk, then the answer: a
 * message that was proven is kept whatever is in it. Most only tell; nine types ask, and get their
 * answer from what Ava has at hand. */
#pragma once

#include "base/buf.h"
#include "obs/ctx.h"

struct vapi_webhook {
    struct str token;  /* of the URL */
    struct str target; /* path and query as received: the end of the URL that may be signed */
    struct str body;
    bool is_cut;        /* body is only the beginning of it */
    struct str headers; /* JSON object of the fields to keep */
    /* The one header of that name; a NULL ptr when absent or there twice. */
    struct str (*header)(const void *arg, const char *name);
    const void *arg;
    /* Is there room for one that can wait? Its error is the answer, and nothing is kept. */
    enum err (*admit)(struct ctx *ctx, void *arg, bool is_noise);
    void *admit_arg;
};

/* OK: it is on disk (or was already), and the JSON answer is appended to out. ERR_NOT_FOUND for an
 * unknown token, ERR_FORBIDDEN without proof, ERR_INVALID for a voice-request (kept all
 * the same), ERR_STORAGE_UNAVAILABLE so that Vapi tries again. ERR_PAYLOAD_TOO_LARGE for one that is
 * cut; when it is proven and tells what became of a call, what was read of it is kept. */
enum err vapi_webhook_take(struct ctx *ctx, const struct vapi_webhook *hook, struct buf *out);
