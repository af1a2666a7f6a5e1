#include "resilience/guard_book.h"

#include <stdlib.h>
#include <string.h>

#include "base/defs.h"
#include "base/memory.h"
#include "resilience/keyhash.h"

enum { CREDENTIALS_MAX = 16384, SCOPES_MAX = 1024, EVICTION_TRIES = 64 };

static bool is_named(const struct table_node *n, const void *name) {
    return strcmp(CONTAINER_OF(n, struct guard_thing, node)->name, name) == 0;
}

static struct guard_credential *credential_of(struct table_node *n) {
    return n ? CONTAINER_OF(n, struct guard_credential, thing.node) : NULL;
}

static struct guard_scope *scope_of(struct table_node *n) {
    return n ? CONTAINER_OF(n, struct guard_scope, thing.node) : NULL;
}

static struct table_node *find(const struct table *t, const char *name) {
    return table_find(t, keyhash_of(str_of(name)), is_named, name);
}

static void thing_add(struct guard_book *b, struct table *t, struct guard_thing *thing,
                      const char *name) {
    thing->serial = ++b->serials;
    thing->name = memory_copy(name);
    thing->called_at_ms = INT64_MIN / 2;
    table_add(t, &thing->node, keyhash_of(str_of(name)));
}

static void credential_drop(struct guard_book *b, struct guard_credential *c) {
    table_remove(&b->credentials, &c->thing.node);
    breaker_fini(&c->breaker);
    free(c->thing.name);
    free(c);
}

static void scope_drop(struct guard_book *b, struct guard_scope *c) {
    table_remove(&b->scopes, &c->thing.node);
    provider_breaker_fini(&c->breaker);
    free(c->thing.name);
    free(c);
}

static bool credential_matters(struct guard_credential *c, int64_t now_ms) {
    return breaker_state(&c->breaker, now_ms) != BREAKER_CLOSED || c->throttled_until_ms > now_ms ||
           c->reauth_until_ms > now_ms;
}

/* Makes room. One that still holds something back is given a second chance; when every one of a
 * few does, the longest unused goes all the same. */
static void credentials_trim(struct guard_book *b, int64_t now_ms) {
    if (b->credentials.count < b->credentials_max)
        return;
    for (int i = 0; i < EVICTION_TRIES; i++) {
        struct guard_credential *c = credential_of(b->credentials.oldest);
        if (!credential_matters(c, now_ms))
            break;
        table_touch(&b->credentials, &c->thing.node);
    }
    credential_drop(b, credential_of(b->credentials.oldest));
}

static void scopes_trim(struct guard_book *b, int64_t now_ms) {
    if (b->scopes.count < SCOPES_MAX)
        return;
    for (int i = 0; i < EVICTION_TRIES; i++) {
        struct guard_scope *c = scope_of(b->scopes.oldest);
        if (breaker_state(&c->breaker.breaker, now_ms) == BREAKER_CLOSED)
            break;
        table_touch(&b->scopes, &c->thing.node);
    }
    scope_drop(b, scope_of(b->scopes.oldest));
}

void guard_book_init(struct guard_book *b, const struct breaker_conf *conf,
                     size_t credentials_max) {
    *b = (struct guard_book){ .conf = conf,
                              .credentials_max =
                                  credentials_max ? credentials_max : CREDENTIALS_MAX };
}

void guard_book_fini(struct guard_book *b) {
    while (b->credentials.oldest)
        credential_drop(b, credential_of(b->credentials.oldest));
    while (b->scopes.oldest)
        scope_drop(b, scope_of(b->scopes.oldest));
    table_fini(&b->credentials);
    table_fini(&b->scopes);
}

struct guard_credential *guard_book_credential(struct guard_book *b, const char *id,
                                               int64_t now_ms) {
    struct guard_credential *c = credential_of(find(&b->credentials, id));
    if (c) {
        table_touch(&b->credentials, &c->thing.node);
        return c;
    }
    credentials_trim(b, now_ms);
    c = memory_zeroed(1, sizeof *c);
    thing_add(b, &b->credentials, &c->thing, id);
    breaker_init(&c->breaker, b->conf);
    c->version = INT64_MIN;
    return c;
}

struct guard_scope *guard_book_scope(struct guard_book *b, const char *host, int64_t now_ms) {
    const char *name = host ? host : "";
    struct guard_scope *c = scope_of(find(&b->scopes, name));
    if (c) {
        table_touch(&b->scopes, &c->thing.node);
        return c;
    }
    scopes_trim(b, now_ms);
    c = memory_zeroed(1, sizeof *c);
    thing_add(b, &b->scopes, &c->thing, name);
    provider_breaker_init(&c->breaker, b->conf);
    return c;
}

struct guard_credential *guard_book_find_credential(struct guard_book *b, const char *id) {
    return credential_of(find(&b->credentials, id));
}

struct guard_scope *guard_book_find_scope(struct guard_book *b, const char *host) {
    return scope_of(find(&b->scopes, host ? host : ""));
}
