#include "cli/grants.h"

#include <sys/resource.h>

enum {
    OWN = 48,         /* database, key files, log, control, the sandbox's own ports */
    OWN_PER_LOOP = 8, /* its loop, its reader, its listening sockets */
    OUT_PART = 4,     /* one in so many is for connections to providers and receivers */
    OUT_MAX = 2048,
};

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* The limit as it is after it was raised to what is needed, or to what may be had. */
static size_t raise_to(size_t needed) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return needed;
    rlim_t wanted =
        limit.rlim_max == RLIM_INFINITY || limit.rlim_max > needed ? needed : limit.rlim_max;
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= needed)
        return needed;
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = wanted;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? wanted : before;
}

struct grants grants_take(size_t connections, size_t loops) {
    size_t own = OWN + OWN_PER_LOOP * loops;
    struct grants g = { .descriptors = raise_to(own + connections + OUT_MAX) };
    size_t out = smaller(g.descriptors / OUT_PART, OUT_MAX);
    size_t left = g.descriptors > own + out ? g.descriptors - own - out : 0;
    g.connections = smaller(connections, left);
    return g;
}
