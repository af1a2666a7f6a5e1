/* resolve: a host's addresses, asked of the system's resolver beside the loop.
 *
 * One short-lived thread per question, RESOLVE_AT_ONCE_MAX at most in the process: a name server
 * that does not answer holds up nobody but who asked for its names, and neither the loop nor the
 * pool that passwords are hashed on. */
#pragma once

#include <stdint.h>

#include "base/address.h"

enum { RESOLVE_AT_ONCE_MAX = 64, RESOLVE_ADDRESSES_MAX = 16 };

struct resolved {
    struct address list[RESOLVE_ADDRESSES_MAX]; /* in the order they should be tried */
    size_t count;
    bool has_more; /* than fit: they are not known, so not judged either */
};

/* False when there is no answer by until_ms (monotonic), the answer is an error or empty, or too
 * many questions are open. Waits as a fiber or a plain thread. */
bool resolve_host(const char *host, int64_t until_ms, struct resolved *out);

/* For tests: from now on resolve_host asks this, which says whether it knows the host; NULL puts the
 * system's resolver back. Not thread safe. */
void resolve_replace(bool (*with)(const char *host, struct resolved *out));
