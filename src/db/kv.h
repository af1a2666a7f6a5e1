/* kv: what several hosts count together, in Redis.
 *
 * Redis holds nothing that may not be lost, and nobody depends on it: whoever asks has a way of its own
 * for when there is no answer within KV_BUDGET_MS, and while Redis is known to be away nobody waits at
 * all. All that asks goes through one connection of a thread of its own: what came meanwhile is written
 * at once, and answered in order.
 *
 * All keys begin with "ava:{INSTALLATION}:", and what they are about is in them as a hash under a salt of
 * the installation: no address and no name is told to Redis, and another installation's keys are met by
 * none of ours. All functions may be called on any thread; those that wait, on a fiber or a plain one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "config/redis_url.h"

enum {
    KV_BUDGET_MS = 20,     /* an answer that takes longer is none */
    KV_LATE_MAX = 3,       /* in a row: then nobody waits any more */
    KV_RETRY_MS = 250,     /* while it is away it is tried so often */
    KV_GOOD_TIMES = 2,     /* in a row: then it is asked again */
    KV_WAITING_MAX = 4096, /* that wait for an answer; more are refused at once */
    KV_RULES_MAX = 4,
    KV_HASH_BYTES = 16,
};

struct kv;

struct kv_conf {
    struct redis_url url;     /* copied; the caller wipes its own */
    const char *installation; /* its id: letters, digits, '-' and '_'; copied */
    /* Of what a key is about, under the installation's salt. */
    void (*hash)(void *arg, struct str of, unsigned char out[KV_HASH_BYTES]);
    void *hash_arg;
};

/* Never waits for Redis, which may be away as long as it likes. NULL and *why: no thread. */
struct kv *kv_open(const struct kv_conf *conf, const char **why);
/* NULL is fine; nobody may be asking any more. Takes 1 s at most, and longer only where a name is being resolved. */
void kv_close(struct kv *kv);

bool kv_is_up(struct kv *kv); /* false for NULL */

struct kv_state {
    bool is_up;
    char why[160];    /* it is not; "" while it is not known yet */
    char version[32]; /* of the server; "" while unknown, or when Ava may not ask */
    char policy[32];  /* maxmemory-policy, likewise */
};
void kv_look(struct kv *kv, struct kv_state *out);

/* --- limits ----------------------------------------------------------------------------------------- */

struct kv_rule {
    const char *policy; /* part of the key */
    struct str key;     /* who comes */
    bool is_sliding;    /* never more than count in any period_ms; else GCRA */
    int64_t count, period_ms;
    int64_t burst; /* GCRA: at once, at least 1 */
};

struct kv_found {
    /* Sliding: how many there were. GCRA: the theoretical arrival time in us, 0: never came. */
    int64_t before;
    /* Sliding: until the next of them leaves, 0 where there was none. GCRA: until one may come; 0 and less: now. */
    int64_t wait_us;
};

struct kv_verdict {
    bool is_allowed; /* by all rules; else none of them has counted it */
    int64_t now_us;  /* Unix time, of the server */
    struct kv_found found[KV_RULES_MAX];
};

/* May it come, by all of these 1..KV_RULES_MAX rules? now_us 0: by the server's clock, as all hosts ask;
 * else by this one (tests). False: no answer. */
bool kv_limit(struct kv *kv, const struct kv_rule *rules, size_t count, int64_t now_us,
              struct kv_verdict *out);
