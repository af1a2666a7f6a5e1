/* resolve: a host's addresses, asked of the system's resolver beside the loop.
 *
 * One short-lived thread per question, RESOLVE_AT_ONCE_MAX at most in the process, and of those
 * RESOLVE_EACH_MAX for one asker (a workspace), since each may take as long as the resolver is patient:
 * a name server that does not answer holds up nobody but who asked for its names, and neither the loop
 * nor the pool that passwords are hashed on. */
#pragma once

#include <stdint.h>

#include "base/address.h"

enum { RESOLVE_AT_ONCE_MAX = 64, RESOLVE_EACH_MAX = 8, RESOLVE_ADDRESSES_MAX = 16 };

struct resolved {
    struct address list[RESOLVE_ADDRESSES_MAX]; /* in the order they should be tried */
    size_t count;
    bool has_more; /* than fit: they are not known, so not judged either */
};

enum resolve_result {
    RESOLVE_FOUND,
    RESOLVE_NONE, /* no answer in time, an error, or an empty one */
    RESOLVE_BUSY, /* not asked: whose has as many questions open as it may, or we lack what it takes */
};

/* Waits until until_ms (monotonic) at most, up to half of that for its turn; as a fiber or a plain
 * thread. *out is good when it is found. */
enum resolve_result resolve_host(const char *whose, const char *host, int64_t until_ms,
                                 struct resolved *out);

/* For tests: from now on resolve_host asks this, which says whether it knows the host; NULL puts the
 * system's resolver back. Not thread safe. */
void resolve_replace(bool (*with)(const char *host, struct resolved *out));
