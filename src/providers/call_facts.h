/* call_facts: what a provider tells of a call, in an answer or in a webhook.
 *
 * A dialect reads the JSON once, into this struct; service/calls/call_apply.h takes it into the
 * row. Texts are lent from the message that was read, or live in the arena. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct call_facts {
    const char *provider_id; /* NULL: it tells nothing of a call, and the rest is empty */
    const char
        *operation_id;      /* of ours that placed it, as the provider gives it back; NULL: none */
    const char *carrier_id; /* the same call at the carrier */
    const char *direction;  /* "inbound", "outbound"; NULL: not said */
    const char *to, *from;  /* E.164 */
    const char *assistant_id, *number_id; /* of the provider */
    const char *status;                   /* the provider's word; NULL: not said */
    const char *ended_reason;
    int64_t at_ms;                /* when it was told, wall clock; 0: now, since we asked */
    int64_t started_ms, ended_ms; /* Unix ms; 0: not said */
    bool has_exact_times; /* the provider's own clock; else when we heard of it, which is later */
    bool has_cost;
    int64_t cost_micros;   /* millionths of a US dollar */
    const char *summary;   /* what was said, in short; NULL: not told */
    bool takes_line;       /* of the account, once it talks */
    int64_t account_calls; /* how many calls the account may have at once; -1: not said */
    bool is_blocked;       /* the provider has no room for more than there are now */
    bool is_refused;       /* and ended this one at once for that reason; else it makes it wait */
};
