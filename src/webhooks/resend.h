/* resend: taking in what Resend tells of mails. Token, then the signature of Svix (crypto/standard_webhook.h) by
 * the signing secret of the credential, then on disk, then the answer. */
#pragma once

#include "obs/ctx.h"

struct resend_webhook {
    struct str token; /* of the URL */
    struct str body;
    struct str headers; /* JSON object of the fields to keep */
    /* The one header of that name; a NULL ptr when absent or there twice. */
    struct str (*header)(const void *arg, const char *name);
    const void *arg;
    /* Is there room for one that can wait? Its error is the answer, and nothing is kept. */
    enum err (*admit)(struct ctx *ctx, void *arg, bool is_noise);
    void *admit_arg;
};

/* OK: it is on disk (or was already). ERR_NOT_FOUND for an unknown token, ERR_FORBIDDEN without proof,
 * ERR_STORAGE_UNAVAILABLE so that Resend tries again. */
enum err resend_webhook_take(struct ctx *ctx, const struct resend_webhook *hook);
