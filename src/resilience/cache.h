/* cache: what providers answered to reads, for a while (RESILIENCE 8).
 *
 * Keys and values are bytes; whose they are is the caller's business (put workspace, credential
 * id and version into the key). Bounded by bytes, the longest unused goes first. One flight per
 * key: the first who misses leads, the others wait within their own deadline and share what the
 * leader brings, result or error. Thread safe; waits as fiber or plain thread.
 *
 *     struct cache_reply r = cache_lookup(c, key, resource, deadline_ms);
 *     switch (r.answer) {
 *     case CACHE_HIT:      use r.value; if r.lead: refresh in the background with it; release.
 *     case CACHE_LEAD:     ask the provider, then exactly one of cache_fill, cache_fail,
 *                          cache_give_up with r.lead.
 *     case CACHE_FAILED:   r.value has the leader's error bytes; cache_stale may help; release.
 *     case CACHE_TIMEOUT:  the deadline came while waiting.
 *     case CACHE_OFF:      ask the provider, keep nothing.
 *     }
 *
 * Writes: uint64_t g = cache_bump(c, resource) before sending, and again after any outcome. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct cache;
struct cache_flight;

struct cache_conf {
    size_t bytes_max;       /* 64 MiB */
    size_t entry_bytes_max; /* 256 KiB; larger ones are shared with followers, not kept */
    int64_t ttl_ms;         /* 300000; 0 switches the cache off */
    int64_t stale_ms;       /* 3600000: how long past its ttl a value may stand in for an error */
    int64_t negative_ms;    /* 10000 */
};

struct cache *cache_new(const struct cache_conf *conf);
void cache_free(struct cache *c); /* when no flight is under way; NULL is fine */

/* Another ttl from now on, also for what is kept already. */
void cache_retune(struct cache *c, int64_t ttl_ms);

/* Immutable and counted: whoever got one gives it back with cache_release. */
struct cache_value {
    struct str body;
    int status;     /* the caller's own number, such as the HTTP status */
    bool is_absent; /* a negative entry */
    int64_t stored_at_ms;
};

void cache_release(const struct cache_value *v); /* NULL is fine */

enum cache_answer { CACHE_HIT, CACHE_LEAD, CACHE_FAILED, CACHE_TIMEOUT, CACHE_OFF };

struct cache_reply {
    enum cache_answer answer;
    bool is_coalesced;               /* a leader brought it while we waited */
    const struct cache_value *value; /* CACHE_HIT, CACHE_FAILED */
    struct cache_flight *lead;       /* CACHE_LEAD; CACHE_HIT past 80 % of the ttl */
    int64_t age_ms;                  /* CACHE_HIT */
};

/* resource: what a write would change; its generation guards the entry. */
struct cache_reply cache_lookup(struct cache *c, struct str key, struct str resource,
                                int64_t until_ms);

/* The leader's three ways out. The flight is gone afterwards. */
enum cache_kind { CACHE_PRESENT, CACHE_ABSENT /* 404: kept for negative_ms, never stale */ };
void cache_fill(struct cache *c, struct cache_flight *lead, enum cache_kind kind, int status,
                struct str body);
/* may_stand_in: an older value may still be shown (fail, breaker open, busy); false after 401 and
 * 403: it is dropped. error is copied for the followers. */
void cache_fail(struct cache *c, struct cache_flight *lead, int status, struct str error,
                bool may_stand_in);
void cache_give_up(struct cache *c, struct cache_flight *lead); /* a follower leads instead */

/* A value past its ttl that may stand in for an error; NULL when there is none. */
const struct cache_value *cache_stale(struct cache *c, struct str key, struct str resource);

/* Makes everything kept or under way of this resource worthless. Returns the new generation. */
uint64_t cache_bump(struct cache *c, struct str resource);

/* After a write that answered with the whole resource: bumps again, and keeps the answer unless
 * somebody else wrote since bumped. */
void cache_put(struct cache *c, struct str key, struct str resource, uint64_t bumped, int status,
               struct str body);

size_t cache_bytes(struct cache *c);

/* Sets cache_bytes: metrics_before_scrape(cache_collect, c). */
void cache_collect(void *cache);
