/* provider_breaker: the breaker all credentials of one provider share (RESILIENCE 3).
 *
 * A breaker with a stricter rule for opening, so that one workspace's trouble is not everyone's:
 *   a) failures_to_open failed calls in a row, no success from anyone, two credentials among them;
 *   b) in 30 s at least 10 calls, half of them failed or four in five slow, and the bad ones of
 *      two credentials at least.
 * Memory is fixed: thirty one-second counts, and of bad calls the last one and the last one of
 * another credential. No locks. */
#pragma once

#include "resilience/breaker.h"

enum { PROVIDER_BREAKER_WINDOW_S = 30 };

/* Were there two different credentials since some time? The newest of each answers that. */
struct provider_breaker_pair {
    uint64_t newest, other; /* credential hashes */
    int64_t newest_ms, other_ms;
};

struct provider_breaker {
    struct breaker breaker; /* counts the failures in a row; we open it */
    struct breaker_conf conf;
    struct provider_breaker_pair in_a_row, failed, slow;
    struct {
        int64_t second;
        unsigned calls, fails, slows;
    } window[PROVIDER_BREAKER_WINDOW_S];
};

void provider_breaker_init(struct provider_breaker *p, const struct breaker_conf *conf);
void provider_breaker_fini(struct provider_breaker *p);
void provider_breaker_retune(struct provider_breaker *p, const struct breaker_conf *conf);

/* As breaker_admit and breaker_settle; credential is any number that tells credentials apart. */
uint64_t provider_breaker_admit(struct provider_breaker *p, int64_t now_ms);
bool provider_breaker_settle(struct provider_breaker *p, uint64_t ticket, uint64_t credential,
                             enum outcome o, int64_t now_ms);
void provider_breaker_reset(struct provider_breaker *p);
