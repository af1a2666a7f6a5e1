/* vapi_calls: phone calls in the dialect of Vapi (OpenAPI of 2026-08-20): POST, GET /call.
 *
 * A call has no metadata of its own; what must come back travels as assistantOverrides.metadata,
 * the id of Ava's operation among it (ava_op), by which a call is found again. */
#pragma once

#include "providers/vapi.h"

struct vapi_call_order {
    const char *assistant_id, *number_id, *to; /* to: E.164 */
    const char *operation_id;
    const json_t *metadata; /* an object, or NULL */
};

/* All three give facts as JSON in the arena:
 *     {"provider_id","status","ended_reason","started_at","ended_at"}
 * The times are Unix ms, 0 when unknown. Never repeated after its first byte: see watch. */
enum err vapi_call_create(struct ctx *ctx, const struct upstream_credential *c,
                          const struct vapi_call_order *order, const struct upstream_watch *watch,
                          struct str *facts);

/* Past the cache: the state of a call changes by the second. */
enum err vapi_call_read(struct ctx *ctx, const struct upstream_credential *c,
                        const char *provider_id, struct str *facts);

/* The call made for order->operation_id, looked for among those since since_ms (wall clock; our
 * clock and theirs may differ by a minute). *facts stays NULL when it is not there. */
enum err vapi_call_find(struct ctx *ctx, const struct upstream_credential *c,
                        const struct vapi_call_order *order, int64_t since_ms, struct str *facts);
