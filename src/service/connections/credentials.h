/* credentials: a workspace's connections to its providers.
 *
 * Saving asks the provider first and keeps only what works. Reading shows the last four
 * characters at most. Using one is lending.h's. */
#pragma once

#include <jansson.h>

#include "service/connections/lending.h"

enum { CONNECTION_FIELDS_MAX = 8 };

struct connection {
    enum provider provider;
    bool is_connected;
    bool is_fallback; /* of a mail server: for while the e-mail service rests */
    const char *id, *account_last4, *assistant_id, *default_number_id, *account_sid, *from;
    struct {
        const char *name, *last4; /* last4 NULL: not set */
        bool is_set;
    } fields[CONNECTION_FIELDS_MAX]; /* the secret ones */
    size_t field_count;
    int64_t checked_ms, updated_ms;
};

/* What the provider said when it was asked: filled when it was. */
struct connection_check {
    bool was_made;
    const char *message; /* "Works - 3 numbers found" */
    int numbers;         /* -1: not a question for this provider */
};

/* Providers that can be connected today; the others answer ERR_NOT_FOUND. */
bool credentials_supports(enum provider p);

enum err credentials_describe(struct ctx *ctx, enum provider p, struct connection *out);

/* Saves the credential after the provider accepted it; verify false: without asking. body: the
 * object of the PUT; all wrong fields are named at once. */
enum err credentials_save(struct ctx *ctx, enum provider p, const json_t *body, bool verify,
                          struct connection *out, struct connection_check *check);
enum err credentials_verify(struct ctx *ctx, enum provider p, struct connection *out,
                            struct connection_check *check);
enum err credentials_remove(struct ctx *ctx, enum provider p);

/* Adds a random webhook_secret to the workspace's own credential, which must have none; *out: that
 * secret, wiped by the caller. ERR_NOT_CONNECTED when there is no credential. */
enum err credentials_make_webhook_secret(struct ctx *ctx, enum provider p, struct secret *out);

/* Saves the secret with which the provider, told where to send, signs its webhooks; audited as webhook.setup. The same
 * error. */
enum err credentials_put_webhook_secret(struct ctx *ctx, enum provider p,
                                        const struct secret *secret);
