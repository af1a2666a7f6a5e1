/* vapi_calls: phone calls in the dialect of Vapi (OpenAPI of 2026-08-20): POST, GET /call.
 *
 * A call has no metadata of its own; what must come back travels as assistantOverrides.metadata,
 * the id of Ava's operation among it (ava_op), by which a call is found again. */
#pragma once

#include "providers/call_facts.h"
#include "providers/dialect_rank.h"
#include "providers/vapi.h"

/* How far a call is. */
extern const struct dialect_rank VAPI_CALL_RANKS[];
/* The reason why a call is over that is none but its status ("not-found"); NULL: the status says nothing
 * of it. */
const char *vapi_ended_reason(const char *status);

struct vapi_call_order {
    const char *assistant_id, *number_id, *to; /* to: E.164 */
    const char *operation_id;
    const json_t *metadata; /* an object, or NULL */
    int64_t seconds_max;    /* the longest it may last; 0: as long as the assistant says */
};

/* Creates a call. *out: facts in the arena: the times are Vapi's own, the cost is that of a call
 * that has ended, and account_calls and is_blocked come only here. Never repeated after its first
 * byte: see watch. ERR_PROVIDER_BUSY with an upstream_status: Vapi has no line free, and did
 * nothing. */
enum err vapi_call_create(struct ctx *ctx, const struct upstream_credential *c,
                          const struct vapi_call_order *order, const struct upstream_watch *watch,
                          struct call_facts *out);

/* Reads a call, past the cache: its state changes by the second. */
enum err vapi_call_read(struct ctx *ctx, const struct upstream_credential *c,
                        const char *provider_id, struct call_facts *out);

/* Ends it. Vapi has no request for that (DELETE erases its data): each call names a control URL of
 * its own, which is the secret itself, so no key goes there. It is read anew, and asked only where
 * it belongs to Vapi: https below .vapi.ai, or the configured host. Ending what has ended changes
 * nothing, so that it is repeated where that helps. *ended: it had ended before. */
enum err vapi_call_end(struct ctx *ctx, const struct upstream_credential *c,
                       const char *provider_id, bool *ended);
/* Gives it to a number (Vapi's live call control, "transfer"). told_url: where the message said that it can be told
 * to, used where it is Vapi's; NULL: asked for. */
enum err vapi_call_transfer(struct ctx *ctx, const struct upstream_credential *c,
                            const char *provider_id, const char *told_url, const char *number,
                            bool *ended);
/* For the above and its test: may Ava send to this control URL? */
bool vapi_is_control_url(const char *base_url, const char *url);

/* The call made for order->operation_id, looked for among those since since_ms (wall clock; our
 * clock and theirs may differ by a minute). *out stays as it was when it was not found; *is_absent:
 * all of them were looked through. */
enum err vapi_call_find(struct ctx *ctx, const struct upstream_credential *c,
                        const struct vapi_call_order *order, int64_t since_ms,
                        const struct call_facts **out, bool *is_absent);

/* The calls made for several operations. */
struct vapi_calls_made {
    struct {
        const char *operation_id;
        const struct call_facts *facts; /* NULL: not found */
    } * list;
    size_t count;
    bool is_whole; /* those not found are not there: all since since_ms were looked through */
};
/* Looks for all of them in one walk through the calls of the account; fills in what was found. */
enum err vapi_calls_find(struct ctx *ctx, const struct upstream_credential *c, int64_t since_ms,
                         struct vapi_calls_made *calls);

/* A cost of Vapi's in US dollars, in millionths; -1 when it is none. */
int64_t vapi_cost_micros(const json_t *cost);
