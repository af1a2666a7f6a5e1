/* deliveries: one event for one destination, sent until it is taken.
 *
 * An attempt ends with a status number or a sentence. 2xx: delivered; 410: the destination is
 * switched off at once; all else is tried again by forward_rules.h. Every attempt is kept with its
 * time, how long it took and what came of it, and nothing of what the receiver wrote. */
#pragma once

#include <jansson.h>

#include "base/jsonw.h"
#include "providers/upstream.h"
#include "store/deliveries.h"

/* Makes one attempt at *d, which is due, and writes down what came of it. *pause_ms: 0, or how long
 * the destination rests (its breaker or a limit, or it is switched off or gone): nothing was sent.
 * Not OK: the result could not be written; the receiver may get it once more, under the same id. */
enum err delivery_send(struct ctx *ctx, const struct delivery_row *d, int64_t *pause_ms);

/* What people ask for. destination_id: ERR_NOT_FOUND when foreign or missing, here and below. */
enum { DELIVERY_ATTEMPTS_SHOWN = 20 };
struct delivery_view {
    struct delivery_row row;
    struct attempt_row *attempts; /* the newest first */
    size_t attempt_count;
};
enum err delivery_list(struct ctx *ctx, const char *destination_id,
                       const struct delivery_filter *filter, int limit, struct delivery_view *out,
                       size_t *count, struct page_end *end);
void delivery_write(struct jsonw *w, const struct delivery_view *v); /* the whole object */

/* Sends a delivery again from its first try, whatever became of it, under the same id; audited.
 * ERR_INVALID while the destination is disabled. */
enum err delivery_resend(struct ctx *ctx, const char *destination_id, const char *id,
                         struct delivery_view *out);
/* Makes held and failed deliveries made since since_ms due; audited. ERR_INVALID as above. */
enum err delivery_recover(struct ctx *ctx, const char *destination_id, int64_t since_ms,
                          int64_t *count);
/* Sends a test.ping now, also to one that is disabled, and keeps nothing of it. */
enum err delivery_test(struct ctx *ctx, const char *destination_id, struct upstream_echo *out);

/* NULL when the attempt was good (2xx), else why not, in a sentence; static or the arena's. */
const char *delivery_error(struct ctx *ctx, const struct upstream_echo *echo);

enum { DELIVERY_KEPT_DAYS = 30 };
enum err deliveries_forget_old(struct ctx *ctx, int64_t within_ms, bool *is_done);
void deliveries_collect(void *parts); /* for metrics_before_scrape */
