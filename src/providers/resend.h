/* resend: the dialect of Resend's API (OpenAPI 1.5.0, resend.com/docs read 2026-11-29).
 *
 * A POST carries an Idempotency-Key, kept for 24 hours with the body it came with: the same mail may be
 * sent again under it, and goes out once. A key may be good for sending alone. */
#pragma once

#include "providers/message_facts.h"
#include "providers/upstream.h"

/* Does the key work? *sends_only: it may do nothing but send. *domains: verified ones, -1 when it may not
 * tell. */
enum err resend_check(struct ctx *ctx, const struct upstream_credential *c, bool *sends_only,
                      int *domains);

/* Sends the mail: JSON, an object with "from", "to", "subject" and what else Resend knows; the same bytes
 * for each call with this key. out->provider_id is Resend's id of it. */
enum err resend_email_send(struct ctx *ctx, const struct upstream_credential *c, const char *key,
                           struct str mail, const struct upstream_watch *watch,
                           struct message_facts *out);

/* Has it tell url what becomes of mails, of the types in resend_events.h; an address that it tells already is switched
 * on again, and never made twice. *secret: by which it signs. ERR_PERMISSION_DENIED: the key may send and nothing else. */
enum err resend_webhook_set(struct ctx *ctx, const struct upstream_credential *c, const char *url,
                            struct secret *secret);

/* How the mail stands, by the last that happened to it. */
enum err resend_email_read(struct ctx *ctx, const struct upstream_credential *c,
                           const char *provider_id, struct message_facts *out);
