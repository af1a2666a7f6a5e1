/* intake: what taking in a webhook of any provider has in common (RESILIENCE 11): token, proof, on
 * disk, and only then the answer. The steps are counted in webhook_received_total. */
#pragma once

#include "service/connections/endpoints.h"
#include "service/inbox/events.h"

/* Whose webhook is it? Sets ctx->who.workspace_id. ERR_NOT_FOUND for a token that no address of
 * this provider has. */
enum err intake_find(struct ctx *ctx, const char *provider, struct str token,
                     struct endpoint_row *out);

/* The public address of this target: what was signed. In the arena. */
struct str intake_url(struct ctx *ctx, struct str target);

/* Counts it as refused; ERR_FORBIDDEN with that sentence. */
enum err intake_refuse(struct ctx *ctx, const char *provider, const char *why);

/* On disk, or there already, when OK. in->workspace_id is filled from the endpoint. */
enum err intake_keep(struct ctx *ctx, const struct endpoint_row *endpoint, struct incoming *in);

/* The same where somebody waits on the phone: after INTAKE_PATIENT_MS, or when nothing can be
 * written, the caller goes on and answers; the log says "event late", and "event not kept" if that is
 * how it ends. True when it is on disk. */
enum { INTAKE_PATIENT_MS = 1500 };
bool intake_keep_soon(struct ctx *ctx, const struct endpoint_row *endpoint,
                      const struct incoming *in);

/* A text of theirs as it may stand in a column: at most max bytes, one line of UTF-8; else "". */
const char *intake_word(struct ctx *ctx, struct str text, size_t max);
