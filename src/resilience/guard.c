#include "resilience/guard.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/memory.h"
#include "obs/metrics.h"
#include "resilience/guard_book.h"
#include "resilience/keyhash.h"

enum {
    MEMORY_MS = 60 * 1000,
    RECENT_MS = 60 * 1000,
    REAUTH_MS = 60 * 1000,
    THROTTLE_DEFAULT_MS = 1000,
    THROTTLE_MAX_MS = 300 * 1000,
    SUCCESSES_TO_CLOSE = 2,
    LEASE_SPARE_MS = 1000,
};

struct side { /* one provider */
    pthread_mutex_t lock;
    enum provider provider;
    struct breaker_conf conf;
    struct guard_book book;
};

struct guard {
    struct side sides[PROVIDER_COUNT];
};

static int64_t max(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Both scopes' news since the last look, as one: a call that moves both counts once. */
static unsigned take_events(enum provider p, struct guard_credential *c, struct guard_scope *s) {
    struct breaker *both[] = { c ? &c->breaker : NULL, s ? &s->breaker.breaker : NULL };
    unsigned happened = 0;
    int64_t outage_ms = 0;
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        unsigned bits = both[i] ? breaker_take_events(both[i]) : 0;
        if (bits & BREAKER_SHUT)
            outage_ms = max(outage_ms, breaker_outage_ms(both[i]));
        happened |= bits;
    }
    const char *name = provider_name(p);
    if (happened & BREAKER_FAILED)
        metric_add(METRIC_BREAKER_FAILURES, 1, name);
    if (happened & BREAKER_OPENED)
        metric_add(METRIC_BREAKER_OPENS, 1, name);
    if (happened & BREAKER_SHUT) {
        metric_add(METRIC_BREAKER_CLOSES, 1, name);
        metric_add(METRIC_BREAKER_RECOVERY, outage_ms * 1000, name);
    }
    if (happened & BREAKER_PROBE_LOST)
        metric_add(METRIC_BREAKER_PROBES, 1, name, outcome_name(OUTCOME_FAIL));
    return happened;
}

struct guard *guard_new(const struct guard_conf *conf) {
    struct guard *g = memory_zeroed(1, sizeof *g);
    for (enum provider p = 0; p < PROVIDER_COUNT; p++) {
        g->sides[p].provider = p;
        g->sides[p].conf = (struct breaker_conf){
            .failures_to_open = conf->failures_to_open,
            .successes_to_close = SUCCESSES_TO_CLOSE,
            .rest_ms = conf->recovery_ms,
            .memory_ms = MEMORY_MS,
            .lease_ms = conf->attempt_timeout_ms + LEASE_SPARE_MS,
            .is_disabled = !conf->is_enabled,
        };
        guard_book_init(&g->sides[p].book, &g->sides[p].conf, conf->credentials_max);
        pthread_mutex_init(&g->sides[p].lock, NULL);
    }
    return g;
}

void guard_free(struct guard *g) {
    if (!g)
        return;
    for (enum provider p = 0; p < PROVIDER_COUNT; p++) {
        struct side *s = &g->sides[p];
        guard_book_fini(&s->book);
        pthread_mutex_destroy(&s->lock);
    }
    free(g);
}

/* Breakers are retuned before the rules they are lent change. */
static void retune_side(struct side *s, const struct breaker_conf *next) {
    for (struct table_node *n = s->book.credentials.newest; n; n = n->older)
        breaker_retune(&CONTAINER_OF(n, struct guard_credential, thing.node)->breaker, next);
    for (struct table_node *n = s->book.scopes.newest; n; n = n->older)
        provider_breaker_retune(&CONTAINER_OF(n, struct guard_scope, thing.node)->breaker, next);
    s->conf = *next;
}

void guard_retune(struct guard *g, const struct guard_conf *conf) {
    for (enum provider p = 0; p < PROVIDER_COUNT; p++) {
        struct side *s = &g->sides[p];
        pthread_mutex_lock(&s->lock);
        struct breaker_conf next = s->conf;
        next.failures_to_open = conf->failures_to_open;
        next.rest_ms = conf->recovery_ms;
        next.is_disabled = !conf->is_enabled;
        retune_side(s, &next);
        pthread_mutex_unlock(&s->lock);
    }
}

/* A higher version of the credential clears its gates. The reauth gate refuses only the version it
 * was set for, the throttle gate older ones too. */
static struct guard_verdict ask_gates(struct guard_credential *c, const struct guard_call *call,
                                      int64_t now_ms) {
    if (call->version > c->version) {
        c->version = call->version;
        c->throttled_until_ms = c->reauth_until_ms = 0;
    }
    if (call->version == c->version && c->reauth_until_ms > now_ms)
        return (struct guard_verdict){ .answer = GUARD_NEEDS_REAUTH,
                                       .remaining_ms = c->reauth_until_ms - now_ms };
    if (c->throttled_until_ms > now_ms)
        return (struct guard_verdict){ .answer = GUARD_THROTTLED,
                                       .remaining_ms = c->throttled_until_ms - now_ms };
    return (struct guard_verdict){ .answer = GUARD_ADMITTED };
}

/* Either breaker may refuse; a permit taken from the one is then given back. */
static struct guard_verdict ask_breakers(struct guard_credential *c, struct guard_scope *s,
                                         struct guard_call *call, int64_t now_ms) {
    uint64_t own = breaker_admit(&c->breaker, now_ms);
    uint64_t shared = own ? provider_breaker_admit(&s->breaker, now_ms) : 0;
    if (!shared) {
        if (own)
            breaker_settle(&c->breaker, own, OUTCOME_LOCAL, now_ms);
        return (struct guard_verdict){
            .answer = GUARD_BREAKER_OPEN,
            .remaining_ms = max(breaker_remaining_ms(&c->breaker, now_ms),
                                breaker_remaining_ms(&s->breaker.breaker, now_ms)),
        };
    }
    if (call->attempt_ms) {
        breaker_lease(&c->breaker, own, call->attempt_ms + LEASE_SPARE_MS);
        breaker_lease(&s->breaker.breaker, shared, call->attempt_ms + LEASE_SPARE_MS);
    }
    call->credential_ticket = own;
    call->provider_ticket = shared;
    call->credential_serial = c->thing.serial;
    call->provider_serial = s->thing.serial;
    call->is_admitted = true;
    return (struct guard_verdict){ .answer = GUARD_ADMITTED,
                                   .is_probe = breaker_is_probe(own) || breaker_is_probe(shared) };
}

/* First the gates, which cost no permit, then both breakers. */
struct guard_verdict guard_admit(struct guard *g, struct guard_call *call, int64_t now_ms) {
    struct side *s = &g->sides[call->provider];
    pthread_mutex_lock(&s->lock);
    struct guard_credential *c = guard_book_credential(&s->book, call->credential, now_ms);
    struct guard_scope *shared = guard_book_scope(&s->book, call->host, now_ms);
    shared->thing.called_at_ms = now_ms;
    if (!call->is_trial)
        c->thing.called_at_ms = now_ms;
    struct guard_verdict v = ask_gates(c, call, now_ms);
    if (v.answer == GUARD_ADMITTED)
        v = ask_breakers(c, shared, call, now_ms);
    take_events(call->provider, c, shared);
    pthread_mutex_unlock(&s->lock);
    if (v.answer == GUARD_BREAKER_OPEN)
        metric_add(METRIC_BREAKER_REJECTIONS, 1, provider_name(call->provider));
    return v;
}

/* Sets the throttle gate after a 429, and the reauth gate after a confirmed refusal of the
 * credential. */
static void set_gates(struct guard_credential *c, struct guard_call *call, enum outcome o,
                      int64_t retry_after_ms, int64_t now_ms) {
    if (call->version != c->version)
        return;
    if (o == OUTCOME_THROTTLE) {
        int64_t wait_ms = retry_after_ms < 0 ? THROTTLE_DEFAULT_MS : retry_after_ms;
        if (wait_ms > THROTTLE_MAX_MS)
            wait_ms = THROTTLE_MAX_MS;
        c->throttled_until_ms = max(c->throttled_until_ms, now_ms + wait_ms);
    }
    if (o != OUTCOME_AUTH)
        return;
    if (call->may_refresh)
        call->may_refresh = false; /* not confirmed: its token may just be old */
    else
        c->reauth_until_ms = now_ms + REAUTH_MS;
}

/* The outcome as a breaker shall see it: only the first failure of a call counts as evidence, but
 * that of a probe always does. */
static enum outcome evidence(const struct guard_call *call, uint64_t ticket, enum outcome o) {
    bool is_repeated = o == OUTCOME_FAIL && call->is_counted && !breaker_is_probe(ticket);
    return is_repeated ? OUTCOME_LOCAL : o;
}

/* True when a probe's verdict was taken. */
static bool settle_breakers(struct guard_call *call, struct guard_credential *c,
                            struct guard_scope *s, enum outcome o, int64_t now_ms) {
    bool probed = false;
    if (c && c->thing.serial == call->credential_serial)
        probed = breaker_settle(&c->breaker, call->credential_ticket,
                                evidence(call, call->credential_ticket, o), now_ms) &&
                 breaker_is_probe(call->credential_ticket);
    if (s && s->thing.serial == call->provider_serial)
        probed |= provider_breaker_settle(&s->breaker, call->provider_ticket,
                                          keyhash_of(str_of(call->credential)),
                                          evidence(call, call->provider_ticket, o), now_ms) &&
                  breaker_is_probe(call->provider_ticket);
    return probed;
}

/* The GUARD_* bits of what this outcome changed. */
static unsigned news(struct guard_credential *c, struct guard_scope *s, int64_t now_ms) {
    unsigned bits = 0;
    if (c && c->breaker.happened & BREAKER_SHUT)
        bits |= GUARD_CLOSED_CREDENTIAL;
    if (s && s->breaker.breaker.happened & BREAKER_SHUT)
        bits |= GUARD_CLOSED_PROVIDER;
    if (c && c->breaker.happened & BREAKER_OPENED)
        bits |= GUARD_OPENED_CREDENTIAL;
    if (s && s->breaker.breaker.happened & BREAKER_OPENED)
        bits |= GUARD_OPENED_PROVIDER;
    if ((c && breaker_state(&c->breaker, now_ms) != BREAKER_CLOSED) ||
        (s && breaker_state(&s->breaker.breaker, now_ms) != BREAKER_CLOSED))
        bits |= GUARD_NOT_CLOSED;
    return bits;
}

unsigned guard_settle(struct guard *g, struct guard_call *call, enum outcome o,
                      int64_t retry_after_ms, int64_t now_ms) {
    if (!call->is_admitted)
        return 0;
    call->is_admitted = false;
    struct side *side = &g->sides[call->provider];
    pthread_mutex_lock(&side->lock);
    struct guard_credential *c = guard_book_find_credential(&side->book, call->credential);
    struct guard_scope *s = guard_book_find_scope(&side->book, call->host);
    bool was_refused = c && c->reauth_until_ms > now_ms;
    if (c)
        set_gates(c, call, o, retry_after_ms, now_ms);
    bool is_refused = c && c->reauth_until_ms > now_ms;
    bool probed = settle_breakers(call, c, s, o, now_ms);
    unsigned bits = news(c, s, now_ms);
    if (is_refused && !was_refused)
        bits |= GUARD_REFUSED_CREDENTIAL;
    if (take_events(call->provider, c, s) & BREAKER_FAILED)
        call->is_counted = true;
    pthread_mutex_unlock(&side->lock);
    if (probed)
        metric_add(METRIC_BREAKER_PROBES, 1, provider_name(call->provider), outcome_name(o));
    return bits;
}

static struct guard_state state_of(struct breaker *b, int64_t now_ms) {
    return (struct guard_state){ .breaker = breaker_state(b, now_ms),
                                 .failures = breaker_failures(b, now_ms),
                                 .remaining_ms = breaker_remaining_ms(b, now_ms) };
}

struct guard_state guard_state(struct guard *g, enum provider p, const char *host,
                               const char *credential, int64_t now_ms) {
    struct side *side = &g->sides[p];
    struct guard_state state = { .breaker = BREAKER_CLOSED };
    pthread_mutex_lock(&side->lock);
    if (credential) {
        struct guard_credential *c = guard_book_find_credential(&side->book, credential);
        if (c) {
            state = state_of(&c->breaker, now_ms);
            state.throttled_ms = max(0, c->throttled_until_ms - now_ms);
            state.needs_reauth = c->reauth_until_ms > now_ms;
            take_events(p, c, NULL);
        }
    } else {
        struct guard_scope *s = guard_book_find_scope(&side->book, host);
        if (s) {
            state = state_of(&s->breaker.breaker, now_ms);
            take_events(p, NULL, s);
        }
    }
    pthread_mutex_unlock(&side->lock);
    return state;
}

void guard_force_open(struct guard *g, enum provider p, const char *host, const char *credential,
                      int64_t now_ms) {
    struct side *side = &g->sides[p];
    pthread_mutex_lock(&side->lock);
    if (credential) {
        struct guard_credential *c = guard_book_credential(&side->book, credential, now_ms);
        breaker_open(&c->breaker, now_ms);
        take_events(p, c, NULL);
    } else {
        struct guard_scope *s = guard_book_scope(&side->book, host, now_ms);
        breaker_open(&s->breaker.breaker, now_ms);
        take_events(p, NULL, s);
    }
    pthread_mutex_unlock(&side->lock);
}

void guard_reset(struct guard *g, enum provider p, const char *host, const char *credential) {
    struct side *side = &g->sides[p];
    pthread_mutex_lock(&side->lock);
    if (credential) {
        struct guard_credential *c = guard_book_find_credential(&side->book, credential);
        if (c) {
            breaker_reset(&c->breaker);
            c->throttled_until_ms = c->reauth_until_ms = 0;
        }
    } else {
        struct guard_scope *s = guard_book_find_scope(&side->book, host);
        if (s)
            provider_breaker_reset(&s->breaker);
    }
    pthread_mutex_unlock(&side->lock);
}

/* The least open among those that matter now; BREAKER_CLOSED when none does. */
struct least {
    bool any;
    struct guard_state state;
};

static void least_add(struct least *l, const struct guard_thing *t, struct breaker *b,
                      int64_t now_ms) {
    struct guard_state state = state_of(b, now_ms);
    if (state.breaker == BREAKER_CLOSED && now_ms - t->called_at_ms > RECENT_MS)
        return;
    if (!l->any || state.breaker < l->state.breaker)
        l->state = state;
    l->any = true;
}

/* The worse of both, for one provider; *not_closed: credentials whose breaker is not. */
static struct guard_state overall(struct side *side, unsigned *not_closed, int64_t now_ms) {
    struct least credentials = { false, { .breaker = BREAKER_CLOSED } }, scopes = credentials;
    *not_closed = 0;
    pthread_mutex_lock(&side->lock);
    for (struct table_node *n = side->book.credentials.newest; n; n = n->older) {
        struct guard_credential *c = CONTAINER_OF(n, struct guard_credential, thing.node);
        *not_closed += breaker_state(&c->breaker, now_ms) != BREAKER_CLOSED;
        least_add(&credentials, &c->thing, &c->breaker, now_ms);
        take_events(side->provider, c, NULL);
    }
    for (struct table_node *n = side->book.scopes.newest; n; n = n->older) {
        struct guard_scope *s = CONTAINER_OF(n, struct guard_scope, thing.node);
        least_add(&scopes, &s->thing, &s->breaker.breaker, now_ms);
        take_events(side->provider, NULL, s);
    }
    pthread_mutex_unlock(&side->lock);
    return credentials.state.breaker > scopes.state.breaker ? credentials.state : scopes.state;
}

struct guard_state guard_overall(struct guard *g, enum provider p, int64_t now_ms) {
    unsigned not_closed;
    return overall(&g->sides[p], &not_closed, now_ms);
}

static void collect_side(struct side *side, int64_t now_ms) {
    unsigned not_closed;
    struct guard_state worse = overall(side, &not_closed, now_ms);
    metric_set(METRIC_BREAKER_STATE, worse.breaker, provider_name(side->provider));
    metric_set(METRIC_BREAKER_OPEN_CREDENTIALS, not_closed, provider_name(side->provider));
}

void guard_collect(void *guard) {
    struct guard *g = guard;
    for (enum provider p = 0; p < PROVIDER_COUNT; p++)
        collect_side(&g->sides[p], ava_now_ms());
}
