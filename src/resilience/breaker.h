/* breaker: may we call right now? (RESILIENCE 3)
 *
 * Bookkeeping of ONE breaker: no clock, no sockets, no locks, no metrics. The caller brings
 * now_ms, so a test lives through thirty seconds in a microsecond. CLOSED admits; enough failures
 * in a row open it; after its rest it is HALF_OPEN and admits one probe at a time, until enough of
 * them succeeded. Time moves it whenever somebody looks, also when only asking for its state. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "resilience/outcome.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN }; /* rising, as the gauge */
const char *breaker_state_name(enum breaker_state s); /* "closed", "half_open", "open" */

struct breaker_conf {
    unsigned failures_to_open;   /* calls in a row */
    unsigned successes_to_close; /* of probes */
    int64_t rest_ms;             /* how long it stays open before a probe */
    int64_t memory_ms;           /* an older failure is forgotten */
    int64_t lease_ms;            /* a probe without a verdict by then has failed, */
                                 /* unless breaker_lease said otherwise */
    bool is_disabled;            /* counts, but stays closed */
    bool opens_by_hand;          /* counts, but only breaker_open opens it */
};

enum { BREAKER_FAILED = 1, BREAKER_OPENED = 2, BREAKER_SHUT = 4, BREAKER_PROBE_LOST = 8 };

struct breaker {
    const struct breaker_conf *conf; /* lent */
    enum breaker_state state;
    unsigned successes;      /* of probes, HALF_OPEN only */
    unsigned happened;       /* BREAKER_* bits nobody took yet */
    unsigned failures, next; /* how many of failed_at count, where the next goes */
    int64_t *failed_at;      /* ring of failures_to_open, while there is a failure */
    int64_t first_opened_ms,
        outage_ms; /* since when it has not been closed; how long it was not, before */
    int64_t opened_at_ms, probe_at_ms; /* probe_at_ms < 0: the permit is here */
    int64_t lease_ms;                  /* of the probe that is out */
    uint64_t generation;
};

void breaker_init(struct breaker *b, const struct breaker_conf *conf);
void breaker_fini(struct breaker *b);
/* Before the rules it was lent change: its state stays, and the newest failures as far as the new
 * rule asks about them. Opens at the next failure when there are that many already. */
void breaker_retune(struct breaker *b, const struct breaker_conf *next);

/* Returns a ticket, or 0: do not call. Every ticket comes back with an outcome. */
uint64_t breaker_admit(struct breaker *b, int64_t now_ms);
bool breaker_is_probe(uint64_t ticket);
/* Before anybody looks again: the probe that has just been admitted may take that long. Of another
 * ticket nothing changes. */
void breaker_lease(struct breaker *b, uint64_t ticket, int64_t lease_ms);

/* Verdicts from before the last change of state are about a provider that no longer exists and
 * are ignored. True when this one was not. */
bool breaker_settle(struct breaker *b, uint64_t ticket, enum outcome o, int64_t now_ms);

void breaker_open(struct breaker *b, int64_t now_ms); /* by hand: rests and probes as always */
void breaker_reset(struct breaker *b);                /* closed, nothing remembered */

enum breaker_state breaker_state(struct breaker *b, int64_t now_ms);
unsigned breaker_failures(struct breaker *b, int64_t now_ms);
int64_t breaker_remaining_ms(struct breaker *b, int64_t now_ms); /* until it may admit; >= 0 */
unsigned breaker_take_events(struct breaker *b);                 /* BREAKER_* bits, then cleared */
int64_t breaker_outage_ms(const struct breaker *b); /* BREAKER_SHUT: from the first opening on */
