/* destinations: customers' own endpoints that Ava forwards events to. This file keeps them;
 * forwarding.h says what goes there, deliveries.h how. Every change is audited and told in the feed
 * as "destination". */
#pragma once

#include "base/jsonw.h"
#include "providers/destinations.h"
#include "store/destinations.h"

enum { DESTINATIONS_MAX = 10, DESTINATION_EVENTS_MAX = 20 }; /* of a workspace; patterns of one */

/* Adds an endpoint. body: {"url","events"?,"enabled"?}; all wrong fields are named at once.
 * *secret: for the one time it is shown. */
enum err destination_add(struct ctx *ctx, const json_t *body, struct destination_row *out,
                         const char **secret);
/* ERR_NOT_FOUND for another workspace's id as for a missing one, here and below. */
enum err destination_read(struct ctx *ctx, const char *id, struct destination_row *out);
enum err destination_list(struct ctx *ctx, const char *before_id, int limit,
                          struct destination_row *out, size_t *count);
/* body: as above, all optional. Switching it off holds what waits; switching it on does not send
 * that by itself: delivery_recover does. */
enum err destination_change(struct ctx *ctx, const char *id, const json_t *body,
                            struct destination_row *out);
enum err destination_remove(struct ctx *ctx, const char *id);
/* A new secret; the former one signs beside it for 24 h, and one before that no more. */
enum err destination_rotate(struct ctx *ctx, const char *id, struct destination_row *out,
                            const char **secret);

/* Within a write: switches the destination off. because: "gone" or "failing". */
enum err destination_switch_off(struct ctx *ctx, struct db_conn *tx, struct destination_row *row,
                                const char *because);

/* The members of the object people get, without its braces. */
void destination_write(struct jsonw *w, const struct destination_row *d);
void destination_publish(struct ctx *ctx, const struct destination_row *d); /* in the feed */

/* The credential to send with: it signs with the secrets of row, which must outlive it. */
struct destination_signer {
    struct upstream_credential ref;
    const struct destination_row *row;
};
void destination_signer_init(struct destination_signer *s, const struct destination_row *row);
