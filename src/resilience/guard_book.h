/* guard_book: the credentials and scopes one provider's guard remembers; guard.c's own.
 *
 * A scope is what one provider breaker is for: the provider, or one host of it (SMTP). Bounded:
 * past the bound the longest unused goes, those that hold something back last. No lock. */
#pragma once

#include "resilience/provider_breaker.h"
#include "resilience/table.h"

/* Serials tell a remembered thing from
 * a later one of the same name, so that a ticket can not meet the wrong breaker. */
struct guard_thing {
    struct table_node node;
    uint64_t serial;
    int64_t called_at_ms;
    char *name;
};

struct guard_credential {
    struct guard_thing thing;
    struct breaker breaker;
    int64_t version;
    int64_t throttled_until_ms, reauth_until_ms;
};

struct guard_scope {
    struct guard_thing thing;
    struct provider_breaker breaker;
};

struct guard_book {
    const struct breaker_conf *conf; /* lent */
    size_t credentials_max;
    uint64_t serials;
    struct table credentials, scopes;
};

void guard_book_init(struct guard_book *b, const struct breaker_conf *conf, size_t credentials_max);
void guard_book_fini(struct guard_book *b);

/* Finds or makes, and marks as used. host NULL: the provider itself. */
struct guard_credential *guard_book_credential(struct guard_book *b, const char *id,
                                               int64_t now_ms);
struct guard_scope *guard_book_scope(struct guard_book *b, const char *host, int64_t now_ms);

/* NULL when not remembered. */
struct guard_credential *guard_book_find_credential(struct guard_book *b, const char *id);
struct guard_scope *guard_book_find_scope(struct guard_book *b, const char *host);
