#include "resilience/login_limit.h"

#include <stdlib.h>

#include "base/memory.h"
#include "obs/metrics.h"
#include "resilience/keyhash.h"
#include "resilience/limit_table.h"

enum {
    PAIR_FAILURES = 5,     /* of one address for one account */
    DEVICE_FAILURES = 5,   /* of one browser that signed in to the account before */
    ACCOUNT_FAILURES = 30, /* of all addresses for one account */
    IP_TRIES = 30,
    WINDOW_MS = 60 * 1000,
    LOCK_MS = 60 * 1000,
    LOCK_MAX_MS = 15 * 60 * 1000,
    QUIET_MS = 60 * 60 * 1000,
    TRIES_MAX = 30,
};
static const int64_t KNOWN_MS = INT64_C(30) * 24 * 3600 * 1000;

struct login_limit {
    struct limit_table *table;   /* accounts, addresses, and pairs of them */
    struct limit_table *known;   /* pairs that signed in; strangers add nothing to it */
    struct limit_table *devices; /* browsers that signed in; nor to this */
};

struct history {
    int64_t locked_until_ms;
    unsigned lockouts; /* in a row */
    unsigned count;
    uint32_t tries_ms[TRIES_MAX]; /* oldest first; wrapping, compared by difference */
};

static uint64_t account_hash(struct str account) {
    return keyhash_pair(STR("login-account"), account);
}

static uint64_t ip_hash(struct str ip) {
    return keyhash_pair(STR("login-ip"), ip);
}

static uint64_t pair_hash(struct str account, struct str ip) {
    char parts[16];
    uint64_t one = account_hash(account), two = ip_hash(ip);
    memcpy(parts, &one, 8);
    memcpy(parts + 8, &two, 8);
    return keyhash_pair(STR("login-pair"), (struct str){ parts, sizeof parts });
}

static uint64_t device_hash(struct str device) {
    return keyhash_pair(STR("login-device"), device);
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

/* An address is locked out by its 31st try; a pair by its 5th failure and an account by its 30th, see
 * settle. */
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
    struct login_limit *l = memory_zeroed(1, sizeof *l);
    l->table = limit_table_new(sizeof(struct history), QUIET_MS + LOCK_MAX_MS, NULL);
    l->known = limit_table_new(sizeof(int64_t), KNOWN_MS, NULL);
    l->devices = limit_table_new(sizeof(struct history), QUIET_MS + LOCK_MAX_MS, NULL);
    metric_add(METRIC_RATE_LIMIT_HITS, 0, "login-ip");
    metric_add(METRIC_RATE_LIMIT_HITS, 0, "login-account");
    metric_add(METRIC_RATE_LIMIT_HITS, 0, "login-device");
    return l;
}

void login_limit_free(struct login_limit *l) {
    if (!l)
        return;
    limit_table_free(l->table);
    limit_table_free(l->known);
    limit_table_free(l->devices);
    free(l);
}

static struct ratelimit_result claim_for(struct limit_table *t, uint64_t hash, unsigned limit,
                                         bool locks, int64_t now_ms) {
    struct history *h = limit_table_lock(t, hash, now_ms);
    struct ratelimit_result r = claim(h, limit, locks, now_ms);
    limit_table_unlock(t, hash);
    return r;
}

static void give_back(struct login_limit *l, uint64_t hash, int64_t now_ms) {
    struct history *h = limit_table_lock(l->table, hash, now_ms);
    if (h->count)
        h->count--;
    limit_table_unlock(l->table, hash);
}

/* Has the account signed in from this address in the last 30 days? */
static bool is_known(struct login_limit *l, uint64_t pair, int64_t now_ms) {
    int64_t until_ms;
    return limit_table_read(l->known, pair, now_ms, &until_ms) && until_ms > now_ms;
}

static void remember(struct login_limit *l, uint64_t pair, int64_t now_ms) {
    int64_t *until_ms = limit_table_lock(l->known, pair, now_ms);
    *until_ms = now_ms + KNOWN_MS;
    limit_table_unlock(l->known, pair);
}

/* The pair's limit, and for addresses that are not known the account's. */
static struct ratelimit_result claim_account(struct login_limit *l, struct str account,
                                             struct str ip, int64_t now_ms) {
    uint64_t pair = pair_hash(account, ip);
    struct ratelimit_result r = claim_for(l->table, pair, PAIR_FAILURES, false, now_ms);
    if (!r.is_allowed || is_known(l, pair, now_ms))
        return r;
    struct ratelimit_result all =
        claim_for(l->table, account_hash(account), ACCOUNT_FAILURES, false, now_ms);
    if (all.is_allowed)
        return r;
    give_back(l, pair, now_ms);
    return all;
}

struct ratelimit_result login_limit_enter(struct login_limit *l, struct str account, struct str ip,
                                          int64_t now_ms) {
    struct ratelimit_result r = { .is_allowed = true };
    if (ip.len)
        r = claim_for(l->table, ip_hash(ip), IP_TRIES, true, now_ms);
    if (!r.is_allowed) {
        metric_add(METRIC_RATE_LIMIT_HITS, 1, "login-ip");
        return r;
    }
    if (!account.len)
        return r;
    r = claim_account(l, account, ip, now_ms);
    if (!r.is_allowed) {
        metric_add(METRIC_RATE_LIMIT_HITS, 1, "login-account");
        if (ip.len)
            give_back(l, ip_hash(ip), now_ms);
    }
    return r;
}

static void settle(struct limit_table *t, uint64_t hash, unsigned limit, bool gives_back,
                   int64_t now_ms) {
    struct history *h = limit_table_lock(t, hash, now_ms);
    forget_old(h, now_ms);
    if (gives_back && h->count)
        h->count--;
    else if (!gives_back && h->count == limit)
        lock_out(h, now_ms);
    limit_table_unlock(t, hash);
}

static void forgive(struct limit_table *t, uint64_t hash, int64_t now_ms) {
    struct history *h = limit_table_lock(t, hash, now_ms);
    *h = (struct history){ 0 };
    limit_table_unlock(t, hash);
}

void login_limit_settle(struct login_limit *l, struct str account, struct str ip,
                        enum login_verdict v, int64_t now_ms) {
    if (!account.len)
        return;
    uint64_t pair = pair_hash(account, ip);
    /* What others failed at stays: a success of the owner's does not let them try anew. */
    if (!is_known(l, pair, now_ms))
        settle(l->table, account_hash(account), ACCOUNT_FAILURES, v != LOGIN_FAILED, now_ms);
    if (v != LOGIN_SUCCEEDED) {
        settle(l->table, pair, PAIR_FAILURES, v == LOGIN_UNDECIDED, now_ms);
        return;
    }
    forgive(l->table, pair, now_ms);
    remember(l, pair, now_ms);
}

struct ratelimit_result login_limit_enter_device(struct login_limit *l, struct str device,
                                                 int64_t now_ms) {
    struct ratelimit_result r =
        claim_for(l->devices, device_hash(device), DEVICE_FAILURES, false, now_ms);
    if (!r.is_allowed)
        metric_add(METRIC_RATE_LIMIT_HITS, 1, "login-device");
    return r;
}

void login_limit_settle_device(struct login_limit *l, struct str device, enum login_verdict v,
                               int64_t now_ms) {
    if (v == LOGIN_SUCCEEDED)
        forgive(l->devices, device_hash(device), now_ms);
    else
        settle(l->devices, device_hash(device), DEVICE_FAILURES, v == LOGIN_UNDECIDED, now_ms);
}
