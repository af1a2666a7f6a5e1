/* webhook_health: does what a provider tells of what we send arrive?
 *
 * Only for providers that tell of each message (dialect_messages): elsewhere silence means nothing. What was saved since
 * is given the chance to be right: signs from before it count no more. */
#pragma once

#include "providers/dialect.h"
#include "store/sealed.h"

enum { WEBHOOKS_REFUSED_MIN = 3, WEBHOOKS_SILENT_MS = 24 * 3600 * 1000 };

enum webhook_health { WEBHOOKS_FINE, WEBHOOKS_REFUSED, WEBHOOKS_SILENT };

struct webhook_signs {
    int64_t refused, refused_ms; /* since the last good one: how many, and when the last of them */
    int64_t sent_ms;             /* the first message that none came after; 0: there is none */
    int64_t saved_ms;            /* the credential; 0: it is not the workspace's */
};

/* Pure. Times are of the wall clock. */
enum webhook_health webhook_health_of(const struct webhook_signs *signs, int64_t now_ms);

/* How it is for the workspace; *since_ms: since when. */
enum err webhook_health_read(struct ctx *ctx, enum provider p, int64_t saved_ms,
                             enum webhook_health *out, int64_t *since_ms);

/* Notes that a good webhook came to this address, once a second at most, or at once where some were refused before. */
void webhook_health_good(struct ctx *ctx, const struct endpoint_row *endpoint);
/* Notes that a webhook to this address was refused, once a second at most; a good one ends it.
 * True: with this one it needs attention. */
bool webhook_health_refused(struct ctx *ctx, const struct endpoint_row *endpoint);
