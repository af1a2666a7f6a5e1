#include "resilience/breaker.h"

#include <stdlib.h>

#include "base/memory.h"

enum { PERMIT_IS_HERE = -1 };

static void forget_failures(struct breaker *b) {
    free(b->failed_at);
    b->failed_at = NULL;
    b->failures = b->next = 0;
}

/* Changes the state; verdicts of tickets from before are ignored from now on. */
static void move_to(struct breaker *b, enum breaker_state state) {
    b->state = state;
    b->generation++;
    b->successes = 0;
    b->probe_at_ms = PERMIT_IS_HERE;
    forget_failures(b);
}

/* Opens, unless breakers are switched off. when_ms: from when on it rests. */
static void open_at(struct breaker *b, int64_t when_ms) {
    if (b->conf->is_disabled)
        return;
    if (b->state == BREAKER_CLOSED)
        b->first_opened_ms = when_ms;
    move_to(b, BREAKER_OPEN);
    b->opened_at_ms = when_ms;
    b->happened |= BREAKER_OPENED;
}

/* Changes the state as time alone does. A lost probe counts from the end of its lease, not from
 * when somebody happened to look. */
static void advance(struct breaker *b, int64_t now_ms) {
    if (b->state == BREAKER_HALF_OPEN && b->probe_at_ms != PERMIT_IS_HERE &&
        now_ms - b->probe_at_ms >= b->lease_ms) {
        b->happened |= BREAKER_FAILED | BREAKER_PROBE_LOST;
        open_at(b, b->probe_at_ms + b->lease_ms);
    }
    if (b->state == BREAKER_OPEN && now_ms - b->opened_at_ms >= b->conf->rest_ms)
        move_to(b, BREAKER_HALF_OPEN);
}

/* The ring holds the newest failures_to_open failures, which is all the rule asks about. */
static void drop_old_failures(struct breaker *b, int64_t now_ms) {
    unsigned size = b->conf->failures_to_open;
    while (b->failures) {
        unsigned oldest = (b->next + size - b->failures) % size;
        if (now_ms - b->failed_at[oldest] <= b->conf->memory_ms)
            return;
        b->failures--;
    }
}

/* Adds a failure to the ring, and opens when there are enough in a row. */
static void note_failure(struct breaker *b, int64_t now_ms) {
    unsigned size = b->conf->failures_to_open;
    if (!b->failed_at)
        b->failed_at = memory_zeroed(size, sizeof *b->failed_at);
    drop_old_failures(b, now_ms);
    b->failed_at[b->next] = now_ms;
    b->next = (b->next + 1) % size;
    if (b->failures < size)
        b->failures++;
    if (b->failures == size && !b->conf->opens_by_hand)
        open_at(b, now_ms);
}

/* The verdict of a probe: one failure opens again, enough successes close. */
static void settle_probe(struct breaker *b, enum outcome o, int64_t now_ms) {
    b->probe_at_ms = PERMIT_IS_HERE;
    if (o == OUTCOME_FAIL) {
        b->happened |= BREAKER_FAILED;
        open_at(b, now_ms);
    } else if (o == OUTCOME_OK || o == OUTCOME_SLOW) {
        if (++b->successes >= b->conf->successes_to_close) {
            move_to(b, BREAKER_CLOSED);
            b->outage_ms = now_ms - b->first_opened_ms;
            b->happened |= BREAKER_SHUT;
        }
    }
}

void breaker_init(struct breaker *b, const struct breaker_conf *conf) {
    *b = (struct breaker){ .conf = conf, .generation = 1, .probe_at_ms = PERMIT_IS_HERE };
}

void breaker_fini(struct breaker *b) {
    forget_failures(b);
}

void breaker_retune(struct breaker *b, const struct breaker_conf *next) {
    unsigned size = b->conf->failures_to_open, most = next->failures_to_open;
    if (next->is_disabled && b->state != BREAKER_CLOSED)
        move_to(b, BREAKER_CLOSED);
    if (!b->failed_at || size == most)
        return;
    int64_t *ring = memory_zeroed(most, sizeof *ring);
    /* One less than would open it: that takes another failure. */
    unsigned kept = b->failures < most ? b->failures : most - 1;
    for (unsigned i = 0; i < kept; i++)
        ring[i] = b->failed_at[(b->next + size - kept + i) % size];
    free(b->failed_at);
    b->failed_at = ring;
    b->failures = kept;
    b->next = kept % most;
}

uint64_t breaker_admit(struct breaker *b, int64_t now_ms) {
    advance(b, now_ms);
    if (b->state == BREAKER_CLOSED)
        return b->generation << 1;
    if (b->state == BREAKER_OPEN || b->probe_at_ms != PERMIT_IS_HERE)
        return 0;
    b->probe_at_ms = now_ms;
    b->lease_ms = b->conf->lease_ms;
    return b->generation << 1 | 1;
}

bool breaker_is_probe(uint64_t ticket) {
    return ticket & 1;
}

void breaker_lease(struct breaker *b, uint64_t ticket, int64_t lease_ms) {
    if (breaker_is_probe(ticket) && ticket >> 1 == b->generation)
        b->lease_ms = lease_ms;
}

bool breaker_settle(struct breaker *b, uint64_t ticket, enum outcome o, int64_t now_ms) {
    advance(b, now_ms);
    if (ticket >> 1 != b->generation)
        return false;
    if (breaker_is_probe(ticket)) {
        settle_probe(b, o, now_ms);
    } else if (o == OUTCOME_FAIL) {
        b->happened |= BREAKER_FAILED;
        note_failure(b, now_ms);
    } else if (o == OUTCOME_OK || o == OUTCOME_SLOW) {
        forget_failures(b);
    }
    return true;
}

void breaker_open(struct breaker *b, int64_t now_ms) {
    open_at(b, now_ms);
}

void breaker_reset(struct breaker *b) {
    move_to(b, BREAKER_CLOSED);
}

const char *breaker_state_name(enum breaker_state s) {
    static const char *const NAMES[] = { "closed", "half_open", "open" };
    return NAMES[s];
}

enum breaker_state breaker_state(struct breaker *b, int64_t now_ms) {
    advance(b, now_ms);
    return b->state;
}

unsigned breaker_failures(struct breaker *b, int64_t now_ms) {
    advance(b, now_ms);
    if (b->failures)
        drop_old_failures(b, now_ms);
    return b->failures;
}

int64_t breaker_remaining_ms(struct breaker *b, int64_t now_ms) {
    advance(b, now_ms);
    if (b->state == BREAKER_OPEN)
        return b->opened_at_ms + b->conf->rest_ms - now_ms;
    if (b->state == BREAKER_HALF_OPEN && b->probe_at_ms != PERMIT_IS_HERE)
        return b->probe_at_ms + b->lease_ms - now_ms;
    return 0;
}

unsigned breaker_take_events(struct breaker *b) {
    unsigned happened = b->happened;
    b->happened = 0;
    return happened;
}

int64_t breaker_outage_ms(const struct breaker *b) {
    return b->outage_ms;
}
