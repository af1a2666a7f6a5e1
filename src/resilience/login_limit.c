#include "resilience/login_limit.h"

#include <stdlib.h>

#include "obs/metrics.h"
#include "resilience/keyhash.h"
#include "resilience/limit_table.h"

enum {
    ACCOUNT_FAILURES = 5,
    IP_TRIES = 30,
    WINDOW_MS = 60 * 1000,
    LOCK_MS = 60 * 1000,
    LOCK_MAX_MS = 15 * 60 * 1000,
    QUIET_MS = 60 * 60 * 1000,
};

struct login_limit {
    struct limit_table *table; /* accounts and addresses */
};

struct history {
    int64_t locked_until_ms;
    unsigned lockouts; /* in a row */
    unsigned count;
    uint32_t tries_ms[IP_TRIES]; /* oldest first; wrapping, compared by difference */
};

static uint64_t account_hash(struct str account) {
    return keyhash_pair(STR("login-account"), account);
}

static uint64_t ip_hash(struct str ip) {
    return keyhash_pair(STR("login-ip"), ip);
}

static int64_t age_ms(const struct history *h, unsigned i, int64_t now_ms) {
    return (int32_t)((uint32_t)now_ms - h->tries_ms[i]);
}

static void forget_old(struct history *h, int64_t now_ms) {
    unsigned old = 0;
    while (old < h->count && age_ms(h, old, now_ms) > WINDOW_MS)
        old++;
    h->count -= old;
    memmove(h->tries_ms, h->tries_ms + old, h->count * sizeof h->tries_ms[0]);
    if (h->lockouts && now_ms - h->locked_until_ms > QUIET_MS)
        h->lockouts = 0;
}

static void lock_out(struct history *h, int64_t now_ms) {
    int64_t lock_ms = LOCK_MS;
    for (unsigned i = 0; i < h->lockouts && lock_ms < LOCK_MAX_MS; i++)
        lock_ms *= 2;
    h->locked_until_ms = now_ms + (lock_ms < LOCK_MAX_MS ? lock_ms : LOCK_MAX_MS);
    h->lockouts++;
    h->count = 0;
}

static struct ratelimit_result refuse(unsigned limit, int64_t wait_ms) {
    int64_t wait_s = (wait_ms + 999) / 1000;
    return (struct ratelimit_result){ .limit = limit, .reset_s = wait_s, .retry_after_s = wait_s };
}

/* An address is locked out by its 31st try; an account by its 5th failure, see settle. */
static struct ratelimit_result claim(struct history *h, unsigned limit, bool locks,
                                     int64_t now_ms) {
    forget_old(h, now_ms);
    if (h->locked_until_ms <= now_ms && h->count == limit && locks)
        lock_out(h, now_ms);
    if (h->locked_until_ms > now_ms)
        return refuse(limit, h->locked_until_ms - now_ms);
    if (h->count == limit)
        return refuse(limit, WINDOW_MS + 1 - age_ms(h, 0, now_ms));
    h->tries_ms[h->count++] = (uint32_t)now_ms;
    return (struct ratelimit_result){ .is_allowed = true,
                                      .limit = limit,
                                      .remaining = limit - h->count,
                                      .reset_s = WINDOW_MS / 1000 };
}

struct login_limit *login_limit_new(void) {
    struct login_limit *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    l->table = limit_table_new(sizeof(struct history), QUIET_MS + LOCK_MAX_MS, NULL);
    metric_add(METRIC_RATE_LIMIT_HITS, 0, "login-ip");
    metric_add(METRIC_RATE_LIMIT_HITS, 0, "login-account");
    return l;
}

void login_limit_free(struct login_limit *l) {
    if (l)
        limit_table_free(l->table);
    free(l);
}

static struct ratelimit_result claim_for(struct login_limit *l, uint64_t hash, unsigned limit,
                                         bool locks, int64_t now_ms) {
    struct history *h = limit_table_lock(l->table, hash, now_ms);
    struct ratelimit_result r = claim(h, limit, locks, now_ms);
    limit_table_unlock(l->table, hash);
    return r;
}

static void give_back(struct login_limit *l, uint64_t hash, int64_t now_ms) {
    struct history *h = limit_table_lock(l->table, hash, now_ms);
    if (h->count)
        h->count--;
    limit_table_unlock(l->table, hash);
}

struct ratelimit_result login_limit_enter(struct login_limit *l, struct str account, struct str ip,
                                          int64_t now_ms) {
    struct ratelimit_result r = { .is_allowed = true };
    if (ip.len)
        r = claim_for(l, ip_hash(ip), IP_TRIES, true, now_ms);
    if (!r.is_allowed) {
        metric_add(METRIC_RATE_LIMIT_HITS, 1, "login-ip");
        return r;
    }
    if (!account.len)
        return r;
    r = claim_for(l, account_hash(account), ACCOUNT_FAILURES, false, now_ms);
    if (!r.is_allowed) {
        metric_add(METRIC_RATE_LIMIT_HITS, 1, "login-account");
        if (ip.len)
            give_back(l, ip_hash(ip), now_ms);
    }
    return r;
}

void login_limit_settle(struct login_limit *l, struct str account, enum login_verdict v,
                        int64_t now_ms) {
    if (!account.len)
        return;
    uint64_t hash = account_hash(account);
    struct history *h = limit_table_lock(l->table, hash, now_ms);
    forget_old(h, now_ms);
    if (v == LOGIN_SUCCEEDED)
        *h = (struct history){ 0 };
    else if (v == LOGIN_UNDECIDED && h->count)
        h->count--;
    else if (v == LOGIN_FAILED && h->count == ACCOUNT_FAILURES)
        lock_out(h, now_ms);
    limit_table_unlock(l->table, hash);
}
