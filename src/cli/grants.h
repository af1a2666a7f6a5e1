/* grants: what the system grants this process, and what is promised of it. */
#pragma once

#include <stddef.h>

struct grants {
    size_t descriptors; /* the limit of open ones, raised as far as it was needed and allowed */
    size_t
        connections; /* of callers, of those that were wanted: the rest is for files and providers */
};

/* Raises the soft limit of descriptors for so many connections of callers on so many loops. */
struct grants grants_take(size_t connections, size_t loops);
