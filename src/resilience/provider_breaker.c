#include "resilience/provider_breaker.h"

#include <string.h>

enum { CALLS_MIN = 10, FAILED_PERCENT = 50, SLOW_PERCENT = 80 };

#define NEVER (INT64_MIN / 2)

static const struct provider_breaker_pair NOBODY = { .newest_ms = NEVER, .other_ms = NEVER };

static void note(struct provider_breaker_pair *pair, uint64_t credential, int64_t now_ms) {
    if (credential != pair->newest) {
        pair->other = pair->newest;
        pair->other_ms = pair->newest_ms;
        pair->newest = credential;
    }
    pair->newest_ms = now_ms;
}

static bool has_two_since(const struct provider_breaker_pair *pair, int64_t since_ms) {
    return pair->newest_ms >= since_ms && pair->other_ms >= since_ms;
}

static void forget(struct provider_breaker *p) {
    memset(p->window, 0, sizeof p->window);
    p->in_a_row = p->failed = p->slow = NOBODY;
}

static void remember(struct provider_breaker *p, uint64_t credential, enum outcome o,
                     int64_t now_ms) {
    int64_t second = now_ms / 1000;
    size_t i = (size_t)second % PROVIDER_BREAKER_WINDOW_S;
    if (p->window[i].second != second) {
        memset(&p->window[i], 0, sizeof p->window[i]);
        p->window[i].second = second;
    }
    p->window[i].calls++;
    if (o == OUTCOME_FAIL) {
        p->window[i].fails++;
        note(&p->failed, credential, now_ms);
        note(&p->in_a_row, credential, now_ms);
        return;
    }
    p->in_a_row = NOBODY;
    if (o == OUTCOME_SLOW) {
        p->window[i].slows++;
        note(&p->slow, credential, now_ms);
    }
}

static bool fails_in_a_row(struct provider_breaker *p, int64_t now_ms) {
    return breaker_failures(&p->breaker, now_ms) >= p->conf.failures_to_open &&
           has_two_since(&p->in_a_row, now_ms - p->conf.memory_ms);
}

static bool is_mostly_bad(const struct provider_breaker *p, int64_t now_ms) {
    int64_t first = now_ms / 1000 - PROVIDER_BREAKER_WINDOW_S + 1;
    unsigned calls = 0, fails = 0, slows = 0;
    for (size_t i = 0; i < PROVIDER_BREAKER_WINDOW_S; i++) {
        if (p->window[i].second < first)
            continue;
        calls += p->window[i].calls;
        fails += p->window[i].fails;
        slows += p->window[i].slows;
    }
    if (calls < CALLS_MIN)
        return false;
    return (fails * 100 >= calls * FAILED_PERCENT && has_two_since(&p->failed, first * 1000)) ||
           (slows * 100 >= calls * SLOW_PERCENT && has_two_since(&p->slow, first * 1000));
}

void provider_breaker_init(struct provider_breaker *p, const struct breaker_conf *conf) {
    *p = (struct provider_breaker){ .conf = *conf };
    p->conf.opens_by_hand = true;
    breaker_init(&p->breaker, &p->conf);
    forget(p);
}

void provider_breaker_fini(struct provider_breaker *p) {
    breaker_fini(&p->breaker);
}

void provider_breaker_retune(struct provider_breaker *p, const struct breaker_conf *conf) {
    struct breaker_conf next = *conf;
    next.opens_by_hand = true;
    breaker_retune(&p->breaker, &next);
    p->conf = next;
}

uint64_t provider_breaker_admit(struct provider_breaker *p, int64_t now_ms) {
    return breaker_admit(&p->breaker, now_ms);
}

bool provider_breaker_settle(struct provider_breaker *p, uint64_t ticket, uint64_t credential,
                             enum outcome o, int64_t now_ms) {
    if (!breaker_settle(&p->breaker, ticket, o, now_ms))
        return false;
    if (breaker_is_probe(ticket) || (o != OUTCOME_OK && o != OUTCOME_FAIL && o != OUTCOME_SLOW))
        return true;
    remember(p, credential, o, now_ms);
    if (fails_in_a_row(p, now_ms) || is_mostly_bad(p, now_ms)) {
        breaker_open(&p->breaker, now_ms);
        forget(p);
    }
    return true;
}

void provider_breaker_reset(struct provider_breaker *p) {
    breaker_reset(&p->breaker);
    forget(p);
}
