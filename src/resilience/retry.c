#include "resilience/retry.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "obs/metrics.h"

enum {
    FAIL_BASE_MS = 250,
    THROTTLE_BASE_MS = 1000,
    CAP_MS = 5000,
    JOB_BASE_MS = 5000,
    JOB_CAP_MS = 6 * 60 * 60 * 1000,
    AFTER_MAX_MS = 5000, /* a longer Retry-After is the caller's to wait */
    AFTER_JITTER_MS = 250,
    AFTER_MAX_S = 86400,
    TOKENS_MAX = 100,
    RETRY_COST = 10,
    MEDIAN_STEP = 16,
    RUNNING_MIN = 3,
    RUNNING_PERCENT = 10,
};

static int64_t min(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t jitter(int64_t most_ms) {
    return most_ms > 0 ? (int64_t)ava_rand_below((uint64_t)most_ms + 1) : 0;
}

/* The longest wait before retry k: it doubles, up to a cap. */
static int64_t delay_bound(enum outcome why, bool is_job, unsigned k) {
    int64_t bound = is_job                    ? JOB_BASE_MS
                    : why == OUTCOME_THROTTLE ? THROTTLE_BASE_MS
                                              : FAIL_BASE_MS;
    int64_t cap = is_job ? JOB_CAP_MS : CAP_MS;
    while (k-- > 1 && bound < cap)
        bound *= 2;
    return min(bound, cap);
}

int64_t retry_delay_ms(enum outcome why, bool is_job, unsigned k) {
    return jitter(delay_bound(why, is_job, k));
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* digits, or digits '.' digits, rounded up. */
static bool parse_seconds(struct str value, int64_t *out) {
    int64_t s = 0;
    size_t i = 0;
    for (; i < value.len && is_digit(value.ptr[i]); i++)
        s = min(s * 10 + (value.ptr[i] - '0'), AFTER_MAX_S + 1);
    if (i == 0)
        return false;
    if (i < value.len) {
        size_t after_dot = i + 1;
        bool has_part = false;
        if (value.ptr[i] != '.' || after_dot == value.len)
            return false;
        for (i = after_dot; i < value.len && is_digit(value.ptr[i]); i++)
            has_part |= value.ptr[i] != '0';
        s += has_part;
    }
    *out = s;
    return i == value.len && s <= AFTER_MAX_S;
}

int64_t retry_after_parse(struct str value, struct str date) {
    int64_t s, at_ms, now_ms;
    value = str_trim(value);
    date = str_trim(date);
    if (parse_seconds(value, &s))
        return s;
    if (!clock_parse_http_date(value.ptr, value.len, &at_ms))
        return RETRY_NO_RETRY_AFTER;
    if (!clock_parse_http_date(date.ptr, date.len, &now_ms))
        now_ms = ava_wall_ms();
    if (at_ms < now_ms)
        return RETRY_NO_RETRY_AFTER;
    return min((at_ms - now_ms + 999) / 1000, AFTER_MAX_S);
}

bool retry_method_is_idempotent(struct str method) {
    return str_is(method, "GET") || str_is(method, "HEAD") || str_is(method, "PUT") ||
           str_is(method, "DELETE");
}

bool retry_is_safe(const struct retry_request *r, enum outcome o) {
    if (r->is_idempotent || r->is_repeatable || r->has_idempotency_key || !r->left_host)
        return true;
    if (o == OUTCOME_AUTH) /* who is not let in has done nothing inside */
        return true;
    return o == OUTCOME_THROTTLE && r->throttle_did_nothing;
}

struct purse { /* one provider's */
    pthread_mutex_t lock;
    int tokens;
    unsigned in_flight, running; /* logical calls, and those of them that retry */
    int64_t median_us;
};

struct retry_budget {
    struct purse purses[PROVIDER_COUNT];
};

static void show_tokens(enum provider p, int tokens) {
    metric_set(METRIC_RETRY_BUDGET, tokens, provider_name(p));
}

struct retry_budget *retry_budget_new(void) {
    struct retry_budget *b = memory_zeroed(1, sizeof *b);
    for (enum provider p = 0; p < PROVIDER_COUNT; p++) {
        pthread_mutex_init(&b->purses[p].lock, NULL);
        b->purses[p].tokens = TOKENS_MAX;
        show_tokens(p, TOKENS_MAX);
        metric_add(METRIC_RETRY_SUCCESS, 0, provider_name(p));
        metric_add(METRIC_RETRY_BUDGET_EMPTY, 0, provider_name(p));
        metric_add(METRIC_RETRIES, 0, provider_name(p), outcome_name(OUTCOME_FAIL));
        metric_add(METRIC_RETRIES, 0, provider_name(p), outcome_name(OUTCOME_THROTTLE));
        metric_add(METRIC_RETRIES, 0, provider_name(p), outcome_name(OUTCOME_AUTH));
    }
    return b;
}

void retry_budget_free(struct retry_budget *b) {
    for (enum provider p = 0; b && p < PROVIDER_COUNT; p++)
        pthread_mutex_destroy(&b->purses[p].lock);
    free(b);
}

double retry_budget_tokens(struct retry_budget *b, enum provider p) {
    pthread_mutex_lock(&b->purses[p].lock);
    int tokens = b->purses[p].tokens;
    pthread_mutex_unlock(&b->purses[p].lock);
    return tokens;
}

void retry_learn(struct retry_budget *b, enum provider p, int64_t took_us) {
    struct purse *purse = &b->purses[p];
    pthread_mutex_lock(&purse->lock);
    int64_t step = purse->median_us / MEDIAN_STEP + 1;
    if (purse->median_us == 0)
        purse->median_us = took_us;
    else if (took_us != purse->median_us)
        purse->median_us += took_us > purse->median_us ? step : -step;
    pthread_mutex_unlock(&purse->lock);
}

int64_t retry_median_ms(struct retry_budget *b, enum provider p) {
    pthread_mutex_lock(&b->purses[p].lock);
    int64_t us = b->purses[p].median_us;
    pthread_mutex_unlock(&b->purses[p].lock);
    return us / 1000;
}

struct retry_call retry_begin(struct retry_budget *b, enum provider p) {
    pthread_mutex_lock(&b->purses[p].lock);
    b->purses[p].in_flight++;
    pthread_mutex_unlock(&b->purses[p].lock);
    return (struct retry_call){ .provider = p, .attempts = 1 };
}

void retry_end(struct retry_budget *b, struct retry_call *c, enum outcome last) {
    struct purse *purse = &b->purses[c->provider];
    bool is_good = last == OUTCOME_OK || last == OUTCOME_SLOW;
    pthread_mutex_lock(&purse->lock);
    purse->in_flight--;
    purse->running -= c->is_retrying;
    if (is_good && c->attempts == 1 && purse->tokens < TOKENS_MAX)
        purse->tokens++;
    show_tokens(c->provider, purse->tokens);
    pthread_mutex_unlock(&purse->lock);
    c->is_retrying = false;
    if (is_good && c->attempts > 1)
        metric_add(METRIC_RETRY_SUCCESS, 1, provider_name(c->provider));
}

void retry_resent(struct retry_call *c) {
    c->attempts++;
    metric_add(METRIC_RETRIES, 1, provider_name(c->provider), outcome_name(OUTCOME_FAIL));
}

/* Takes the price of a retry from the budget; false without tokens, or when too many calls retry. */
static bool pay(struct retry_budget *b, struct retry_call *c) {
    struct purse *purse = &b->purses[c->provider];
    pthread_mutex_lock(&purse->lock);
    unsigned most = purse->in_flight * RUNNING_PERCENT / 100;
    if (most < RUNNING_MIN)
        most = RUNNING_MIN;
    unsigned others = purse->running - c->is_retrying;
    bool may = purse->tokens >= RETRY_COST && others < most;
    if (may) {
        purse->tokens -= RETRY_COST;
        purse->running = others + 1;
        c->is_retrying = true;
    }
    show_tokens(c->provider, purse->tokens);
    pthread_mutex_unlock(&purse->lock);
    return may;
}

/* Is another attempt allowed at all, time and budget aside? */
static enum retry_answer may_retry(const struct retry_call *c, const struct retry_question *q) {
    if (q->outcome == OUTCOME_AUTH && (!q->has_new_token || c->has_refreshed))
        return RETRY_POINTLESS;
    if (q->outcome != OUTCOME_FAIL && q->outcome != OUTCOME_THROTTLE && q->outcome != OUTCOME_AUTH)
        return RETRY_POINTLESS;
    if (!retry_is_safe(&q->request, q->outcome)) /* first: the caller must know it is unknown */
        return q->outcome == OUTCOME_FAIL ? RETRY_UNKNOWN : RETRY_UNSAFE;
    if (q->is_probe || q->is_draining || q->is_answered)
        return RETRY_NOT_NOW;
    if (c->attempts >= q->attempts_max)
        return RETRY_ATTEMPTS;
    return RETRY_AGAIN;
}

/* What the provider, or the throttle gate in its place, asks us to wait; -1: nothing. */
static int64_t asked_ms(const struct retry_question *q) {
    if (q->retry_after_s != RETRY_NO_RETRY_AFTER)
        return q->retry_after_s * 1000;
    return q->outcome == OUTCOME_THROTTLE ? THROTTLE_BASE_MS : -1;
}

/* False when there is no time for it. Waits are cut so that the next attempt has its minimum. */
static bool find_wait(const struct retry_call *c, const struct retry_question *q,
                      int64_t *wait_ms) {
    int64_t room_ms = q->is_job ? INT64_MAX : q->left_ms - RETRY_LEFT_MIN_MS;
    int64_t after_ms = asked_ms(q), delay_ms = 0;
    if (room_ms < 0 || (!q->is_job && q->left_ms < q->median_ms))
        return false;
    if (q->outcome == OUTCOME_AUTH) {
        *wait_ms = 0;
        return true;
    }
    if (q->retry_after_s == RETRY_NO_RETRY_AFTER)
        delay_ms = jitter(min(delay_bound(q->outcome, q->is_job, c->attempts), room_ms));
    if (after_ms >= 0) {
        if (!q->is_job && after_ms > min(AFTER_MAX_MS, room_ms))
            return false;
        after_ms += jitter(min(AFTER_JITTER_MS, room_ms - after_ms));
    }
    *wait_ms = after_ms > delay_ms ? after_ms : delay_ms;
    return true;
}

struct retry_decision retry_decide(struct retry_budget *b, struct retry_call *c,
                                   const struct retry_question *q) {
    struct retry_decision d = { .answer = may_retry(c, q) };
    if (d.answer != RETRY_AGAIN)
        return d;
    if (!find_wait(c, q, &d.wait_ms)) {
        d.answer = RETRY_TOO_LATE;
        return d;
    }
    /* The budget spares a provider that fails. One that wants another token works. */
    if (q->outcome != OUTCOME_AUTH && !pay(b, c)) {
        metric_add(METRIC_RETRY_BUDGET_EMPTY, 1, provider_name(c->provider));
        return (struct retry_decision){ .answer = RETRY_BUDGET_EMPTY };
    }
    c->attempts++;
    c->has_refreshed |= q->outcome == OUTCOME_AUTH;
    metric_add(METRIC_RETRIES, 1, provider_name(c->provider), outcome_name(q->outcome));
    return d;
}
