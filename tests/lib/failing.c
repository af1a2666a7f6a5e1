/* Loaded into Ava by LD_PRELOAD: system calls fail as the file named by FAILING says, which a test writes and
 * reads while Ava runs (a struct control, mapped). One kind of call at a time: from its use number `first` on,
 * `times` uses of it (-1: all) give `error`; uses are counted from the moment `armed` was set.
 *
 * What libc does inside itself (its resolver, stdio, malloc) does not come through here, nor does what ld.so
 * does before main. Reads and writes of eventfds, and of pipes that are not stdin, stdout or stderr, only meet
 * what the kernel has for them: EINTR and EAGAIN. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
    _Atomic int32_t armed, error, first, times, used, failed;
    char kind[40];
};

static struct control *control;

__attribute__((constructor(101))) static void enter(void) {
    const char *path = getenv("FAILING");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *at = fd >= 0 ? mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                       : MAP_FAILED;
    if (fd >= 0)
        close(fd);
    control = at == MAP_FAILED ? NULL : at;
}

/* True when this use of it is to fail; errno says how. */
static bool fails(const char *kind) {
    struct control *c = control;
    if (!c || !atomic_load(&c->armed) || strcmp(c->kind, kind) != 0)
        return false;
    int use = atomic_fetch_add(&c->used, 1) + 1, first = atomic_load(&c->first),
        times = atomic_load(&c->times);
    if (use < first || (times >= 0 && use >= first + times))
        return false;
    atomic_fetch_add(&c->failed, 1);
    errno = atomic_load(&c->error);
    return true;
}

static bool is_wakeup(int fd) {
    struct stat st;
    int was = errno;
    bool is = fstat(fd, &st) == 0 &&
              ((st.st_mode & S_IFMT) == 0 || (S_ISFIFO(st.st_mode) && fd > STDERR_FILENO));
    errno = was;
    return is;
}

static bool fails_at(const char *kind, int fd) {
    struct control *c = control;
    if (!c || !atomic_load(&c->armed) || strcmp(c->kind, kind) != 0)
        return false;
    int error = atomic_load(&c->error);
    return (error == EINTR || error == EAGAIN || !is_wakeup(fd)) && fails(kind);
}

/* The next one of that name: libc's. */
#define REAL(name)                 \
    static __typeof__(&name) real; \
    if (!real)                     \
    real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define WRAP(kind, type, name, params, args, failed) \
    type name params {                               \
        REAL(name);                                  \
        return fails(#kind) ? (failed) : real args;  \
    }

#define WRAP_FD(kind, type, name, params, args)      \
    type name params {                               \
        REAL(name);                                  \
        return fails_at(#kind, fd) ? -1 : real args; \
    }

WRAP_FD(read, ssize_t, read, (int fd, void *to, size_t n), (fd, to, n))
WRAP_FD(write, ssize_t, write, (int fd, const void *from, size_t n), (fd, from, n))
WRAP(readv, ssize_t, readv, (int fd, const struct iovec *v, int n), (fd, v, n), -1)
WRAP(writev, ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n), -1)
WRAP(pread, ssize_t, pread64, (int fd, void *to, size_t n, off64_t at), (fd, to, n, at), -1)
WRAP(pwrite, ssize_t, pwrite64, (int fd, const void *from, size_t n, off64_t at), (fd, from, n, at),
     -1)
WRAP(recv, ssize_t, recv, (int fd, void *to, size_t n, int flags), (fd, to, n, flags), -1)
WRAP(send, ssize_t, send, (int fd, const void *from, size_t n, int flags), (fd, from, n, flags), -1)
WRAP(recvmsg, ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags), -1)
WRAP(sendmsg, ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags), -1)
WRAP(fsync, int, fsync, (int fd), (fd), -1)
WRAP(fdatasync, int, fdatasync, (int fd), (fd), -1)
WRAP(ftruncate, int, ftruncate64, (int fd, off64_t to), (fd, to), -1)
WRAP(lseek, off64_t, lseek64, (int fd, off64_t to, int from), (fd, to, from), -1)
WRAP(mmap, void *, mmap64, (void *at, size_t n, int prot, int flags, int fd, off64_t off),
     (at, n, prot, flags, fd, off), MAP_FAILED)
WRAP(mmap, void *, mmap, (void *at, size_t n, int prot, int flags, int fd, off_t off),
     (at, n, prot, flags, fd, off), MAP_FAILED)
WRAP(mprotect, int, mprotect, (void *at, size_t n, int prot), (at, n, prot), -1)
WRAP(madvise, int, madvise, (void *at, size_t n, int advice), (at, n, advice), -1)
WRAP(mlock, int, mlock, (const void *at, size_t n), (at, n), -1)
WRAP(fstat, int, fstat64, (int fd, struct stat64 *st), (fd, st), -1)
WRAP(fstat, int, fstat, (int fd, struct stat *st), (fd, st), -1)
WRAP(stat, int, stat64, (const char *path, struct stat64 *st), (path, st), -1)
WRAP(stat, int, stat, (const char *path, struct stat *st), (path, st), -1)
WRAP(lstat, int, lstat64, (const char *path, struct stat64 *st), (path, st), -1)
WRAP(statx, int, statx, (int fd, const char *p, int flags, unsigned mask, struct statx *st),
     (fd, p, flags, mask, st), -1)
WRAP(access, int, access, (const char *path, int mode), (path, mode), -1)
WRAP(unlink, int, unlink, (const char *path), (path), -1)
WRAP(rename, int, rename, (const char *from, const char *to), (from, to), -1)
WRAP(mkdir, int, mkdir, (const char *path, mode_t mode), (path, mode), -1)
WRAP(fchmod, int, fchmod, (int fd, mode_t mode), (fd, mode), -1)
WRAP(readlink, ssize_t, readlink, (const char *path, char *to, size_t n), (path, to, n), -1)
WRAP(fopen, FILE *, fopen64, (const char *path, const char *how), (path, how), NULL)
WRAP(fopen, FILE *, fopen, (const char *path, const char *how), (path, how), NULL)
WRAP(epoll_create, int, epoll_create1, (int flags), (flags), -1)
WRAP(epoll_ctl, int, epoll_ctl, (int ep, int op, int fd, struct epoll_event *e), (ep, op, fd, e),
     -1)
WRAP(epoll_wait, int, epoll_wait, (int ep, struct epoll_event *e, int n, int ms), (ep, e, n, ms),
     -1)
WRAP(epoll_wait, int, epoll_pwait,
     (int ep, struct epoll_event *e, int n, int ms, const sigset_t *set), (ep, e, n, ms, set), -1)
WRAP(accept, int, accept4, (int fd, struct sockaddr *a, socklen_t *len, int flags),
     (fd, a, len, flags), -1)
WRAP(socket, int, socket, (int family, int type, int protocol), (family, type, protocol), -1)
WRAP(socketpair, int, socketpair, (int family, int type, int protocol, int fds[2]),
     (family, type, protocol, fds), -1)
WRAP(bind, int, bind, (int fd, const struct sockaddr *a, socklen_t len), (fd, a, len), -1)
WRAP(listen, int, listen, (int fd, int backlog), (fd, backlog), -1)
WRAP(connect, int, connect, (int fd, const struct sockaddr *a, socklen_t len), (fd, a, len), -1)
WRAP(getsockopt, int, getsockopt, (int fd, int level, int name, void *to, socklen_t *len),
     (fd, level, name, to, len), -1)
WRAP(setsockopt, int, setsockopt, (int fd, int level, int name, const void *v, socklen_t len),
     (fd, level, name, v, len), -1)
WRAP(getsockname, int, getsockname, (int fd, struct sockaddr *a, socklen_t *len), (fd, a, len), -1)
WRAP(getpeername, int, getpeername, (int fd, struct sockaddr *a, socklen_t *len), (fd, a, len), -1)
WRAP(getrandom, ssize_t, getrandom, (void *to, size_t n, unsigned flags), (to, n, flags), -1)
WRAP(getentropy, int, getentropy, (void *to, size_t n), (to, n), -1)
WRAP(eventfd, int, eventfd, (unsigned count, int flags), (count, flags), -1)
WRAP(pipe, int, pipe2, (int fds[2], int flags), (fds, flags), -1)
WRAP(signalfd, int, signalfd, (int fd, const sigset_t *set, int flags), (fd, set, flags), -1)
WRAP(poll, int, poll, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms), -1)
WRAP(sem_wait, int, sem_wait, (sem_t * s), (s), -1)
WRAP(nanosleep, int, nanosleep, (const struct timespec *t, struct timespec *left), (t, left), -1)
WRAP(getrlimit, int, getrlimit64, (__rlimit_resource_t what, struct rlimit64 *to), (what, to), -1)
WRAP(setrlimit, int, setrlimit64, (__rlimit_resource_t what, const struct rlimit64 *to), (what, to),
     -1)
WRAP(thread, int, pthread_create,
     (pthread_t * t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg),
     (t, attr, fn, arg), errno)

/* EAGAIN of a name is EAI_AGAIN, any other error EAI_SYSTEM. */
WRAP(getaddrinfo, int, getaddrinfo,
     (const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **to),
     (name, service, hints, to), errno == EAGAIN ? EAI_AGAIN : EAI_SYSTEM)

#define REST(type, after, value)     \
    va_list list;                    \
    va_start(list, after);           \
    type value = va_arg(list, type); \
    va_end(list)

#define WRAP_OPEN(name)                                      \
    int name(const char *path, int flags, ...) {             \
        REAL(name);                                          \
        REST(int, flags, mode);                              \
        return fails("open") ? -1 : real(path, flags, mode); \
    }
WRAP_OPEN(open)
WRAP_OPEN(open64)

static const char *kind_of_fcntl(int what, const void *arg) {
    if (what != F_SETLK && what != F_SETLKW && what != F_OFD_SETLK && what != F_OFD_SETLKW)
        return "fcntl";
    return ((const struct flock *)arg)->l_type == F_UNLCK ? "unlock" : "lock";
}

#define WRAP_FCNTL(name)                                                   \
    int name(int fd, int what, ...) {                                      \
        REAL(name);                                                        \
        REST(void *, what, arg);                                           \
        return fails(kind_of_fcntl(what, arg)) ? -1 : real(fd, what, arg); \
    }
WRAP_FCNTL(fcntl)
WRAP_FCNTL(fcntl64)

int ioctl(int fd, unsigned long what, ...) {
    static int (*real)(int, unsigned long, ...);
    if (!real)
        real = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    REST(void *, what, arg);
    return fails("ioctl") ? -1 : real(fd, what, arg);
}

int prctl(int what, ...) {
    static int (*real)(int, ...);
    if (!real)
        real = (int (*)(int, ...))dlsym(RTLD_NEXT, "prctl");
    va_list list;
    va_start(list, what);
    unsigned long a = va_arg(list, unsigned long), b = va_arg(list, unsigned long),
                  c = va_arg(list, unsigned long), d = va_arg(list, unsigned long);
    va_end(list);
    return fails("prctl") ? -1 : real(what, a, b, c, d);
}

long syscall(long number, ...) {
    static long (*real)(long, ...);
    if (!real)
        real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    va_list list;
    va_start(list, number);
    long a[6];
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    return fails("syscall") ? -1 : real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
