/* intake: what taking in a webhook of any provider has in common (RESILIENCE 11): token, proof, on
 * disk, and only then the answer. The steps are counted in webhook_received_total. */
#pragma once

#include "service/connections/endpoints.h"
#include "service/inbox/events.h"
#include "tasks/book.h"

/* Whose webhook is it? Sets ctx->who.workspace_id. ERR_NOT_FOUND for a token that no address of
 * this provider has. */
enum err intake_find(struct ctx *ctx, const char *provider, struct str token,
                     struct endpoint_row *out);

/* Runs prove, which finds whose webhook it is and checks its proof. Where this host has a book, it reads from there; what
 * the book does not know, or takes for wrong, is asked of the database before it is refused: somebody may have connected a
 * second ago. */
typedef enum err intake_prove_fn(struct ctx *ctx, void *arg);
enum err intake_prove(struct ctx *ctx, intake_prove_fn *prove, void *arg);

/* Counts what became of a webhook; what the book says counts only once the database has said so, too. */
void intake_count(struct ctx *ctx, const char *provider, const char *result);

/* The public address of this target: what was signed. In the arena. */
struct str intake_url(struct ctx *ctx, struct str target);

/* Counts it as refused; ERR_FORBIDDEN with that sentence. */
enum err intake_refuse(struct ctx *ctx, const char *provider, const char *why);

/* On disk, or there already, when OK. in->workspace_id is filled from the endpoint. */
enum err intake_keep(struct ctx *ctx, const struct endpoint_row *endpoint, struct incoming *in);

/* The same where somebody waits on the phone. Where this host has a book, the database has INTAKE_QUICK_MS, then it is
 * spooled in the book; all within INTAKE_ALL_MS of began_ms. Without one: after INTAKE_PATIENT_MS, or when nothing can be
 * written, the caller goes on and answers; the log says "event late", and "event not kept" if that is how it ends. */
enum { INTAKE_PATIENT_MS = 1500, INTAKE_QUICK_MS = 300, INTAKE_ALL_MS = 400 };
enum intake_kept { INTAKE_NOT_KEPT, INTAKE_SPOOLED, INTAKE_KEPT };
enum intake_kept intake_keep_soon(struct ctx *ctx, const struct endpoint_row *endpoint,
                                  const struct incoming *in, int64_t began_ms);

/* A text of theirs as it may stand in a column: at most max bytes, one line of UTF-8; else "". */
const char *intake_word(struct ctx *ctx, struct str text, size_t max);
