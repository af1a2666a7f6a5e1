#include "net/patience.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <time.h>

enum { TRIES = 50, REST_NS = 10 * 1000 * 1000 };

typedef int control_fn(int, int, int, struct epoll_event *);

static _Atomic(control_fn *) control;

void patience_begin(void) {
    atomic_store(&control, (control_fn *)dlsym(RTLD_NEXT, "epoll_ctl"));
    assert(atomic_load(&control));
}

int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event) {
    const struct timespec rest = { .tv_nsec = REST_NS };
    if (!atomic_load(&control))
        patience_begin();
    for (int try = 0;; try++) {
        int rc = atomic_load(&control)(epoll, what, fd, event);
        if (rc == 0 || (errno != ENOMEM && errno != ENOSPC) || try == TRIES)
            return rc;
        int e = errno;
        nanosleep(&rest, NULL);
        errno = e;
    }
}
