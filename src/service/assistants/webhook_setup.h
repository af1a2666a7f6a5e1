/* webhook_setup: has a provider send its webhooks to Ava, so that nobody pastes an address. */
#pragma once

#include "service/connections/lending.h"

enum { WEBHOOK_WARNINGS_MAX = 16 };

/* Something of the assistant's that has a server of its own, so that not everything comes here. */
struct webhook_warning {
    const char *code; /* "number_has_server", "tool_has_server" */
    const char *who;  /* the number, or the tool; NULL: it has no name */
    const char *detail;
};

struct webhook_setup {
    const char *url;          /* where they come now */
    const char *was_url;      /* where they went before; NULL: nowhere */
    const char *assistant_id; /* whose they are; NULL: nobody's in particular */
    struct webhook_warning warnings[WEBHOOK_WARNINGS_MAX];
    size_t warning_count;
};

/* At Resend: its API is told the address, and the secret that it signs with is saved; overwrite does not matter, since it
 * tells several. At Vapi: the assistant of the workspace's own credential. ERR_NOT_FOUND for a provider where there
 * is no way to set them up from here. Without a webhook_secret one is made and
 * saved first. ERR_INVALID on field overwrite when its messages go elsewhere and overwrite is false,
 * on field webhook_auth when a plan of hmac or bearer is saved, which Vapi's own credentials must
 * carry out. */
enum err webhook_setup(struct ctx *ctx, enum provider p, bool overwrite, struct webhook_setup *out);

/* Where an assistant sends its messages so that Ava believes them: *url, with *secret in
 * X-Vapi-Secret (wiped by the caller). The same secret and the same errors as above; lent is found
 * anew. */
enum err webhook_setup_server(struct ctx *ctx, struct lent *lent, struct secret *secret,
                              const char **url);
