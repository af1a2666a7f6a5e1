/* pg_locks: the names under which transactions wait for each other in PostgreSQL. */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/defs.h"

#define PG_LOCK_ALL \
    "all" /* shared by every transaction of a workspace; alone by one for all of them */
#define PG_LOCK_SERVE \
    "serve" /* a session's: shared by all who work with this database; alone by who copies into it */
#define PG_LOCK_MIGRATE "migrate" /* a session's: who changes the schema */

/* Of a lock that a transaction takes while it runs (db_lock), in the order in which it may: each has a larger one. */
static inline unsigned pg_lock_bit(const char *name) {
    static const char *const ORDER[] = { "lines", "audit" };
    for (size_t i = 0; i < ARRAY_LEN(ORDER); i++)
        if (strcmp(ORDER[i], name) == 0)
            return 1u << i;
    abort(); /* no such lock */
}

/* The number of a name, for the functions pg_advisory_... (FNV-1a, 64 bits, of "ava:" and the name). Where two names had
 * the same, one would wait for the other, and that is all. */
static inline int64_t pg_lock_key(const char *name) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (const char *p = "ava:"; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 0x100000001B3u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001B3u;
    return (int64_t)hash;
}
