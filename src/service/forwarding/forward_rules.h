/* forward_rules: which events go to a destination, when one is tried again, and when Ava gives a
 * destination up. Pure: the caller brings time and chance. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* What an event is called towards customers: "call.ended", ... of docs/forwarding.md. type is the
 * inbox's, status what the event says of its call (NULL: nothing). webhook.PROVIDER for what has no
 * name of its own. A literal, or the arena's. */
const char *forward_type(struct arena *a, const char *provider, const char *type,
                         const char *status);

extern const char *const FORWARD_TYPES[]; /* those with a name of their own; NULL-ended */

/* "*", "call.*", "call.ended". False for one that no event could ever match. */
bool forward_pattern_is_good(struct str pattern);
/* patterns: comma separated. */
bool forward_matches(const char *patterns, const char *type);

/* How long to wait after so many failed tries (1..): 5 s, 30 s, 2 min, 10 min, 30 min, 2 h, 6 h, 12 h,
 * each up to a tenth longer as chance (0..1023) wants it, and at least what the receiver asked for
 * (seconds, at most an hour is believed; negative: nothing). -1: no more tries. */
int64_t forward_wait_ms(int64_t tries, uint64_t chance, int64_t retry_after_s);
enum { FORWARD_CHANCES = 1024, FORWARD_TRIES_MAX = 9 };

/* How a destination fares. Times are wall clock; 0: never. */
struct forward_health {
    int64_t failing_since_ms, last_failure_ms, last_success_ms;
};
void forward_succeeded(struct forward_health *h, int64_t now_ms);
/* True: it has failed for five days without one success, and is to be disabled. A day without an
 * attempt interrupts that: who is asked seldom is not given up for having failed twice. */
bool forward_failed(struct forward_health *h, int64_t now_ms);
