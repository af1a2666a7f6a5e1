#include "db/locks.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include "obs/log.h"

enum { TRIES = 3 };

/* Asks again, then says that it was given back. So the kernel may hold more for this process than it knows
 * of: that keeps nobody in this process waiting, and other processes until the same bytes are given back
 * the next time. */
static int give_back(int fd, int what, struct flock *lock) {
    static atomic_flag said = ATOMIC_FLAG_INIT;
    for (int i = 0; i < TRIES; i++) {
        if (fcntl(fd, what, lock) == 0)
            return 0;
        if (errno == EBADF || errno == EINVAL) /* our mistake */
            return -1;
    }
    if (!atomic_flag_test_and_set(&said))
        log_warn(NULL, "database", L("lock", "not given back"), L("why", strerrorname_np(errno)),
                 L("then", "commands beside this process may wait for a moment"));
    return 0;
}

/* What SQLite calls in place of fcntl. */
static int control(int fd, int what, ...) {
    va_list list;
    va_start(list, what);
    void *arg = va_arg(list, void *);
    va_end(list);
    if ((what == F_SETLK || what == F_SETLKW) && ((struct flock *)arg)->l_type == F_UNLCK)
        return give_back(fd, what, arg);
    return fcntl(fd, what, arg);
}

static void take_place(void) {
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    if (vfs && vfs->xSetSystemCall)
        vfs->xSetSystemCall(vfs, "fcntl", (sqlite3_syscall_ptr)control);
}

void locks_begin(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, take_place);
}
