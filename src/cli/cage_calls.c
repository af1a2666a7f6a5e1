/* seccomp: what may be called. The kernel hands every other call to a thread of ours, which counts it,
 * logs it and lets it fail; so a call that nobody thought of ends nothing, whatever the state of the
 * thread that makes it (ADR-005 says why not by a signal). */
#include <errno.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/memory.h"
#include "cli/cage.h"
#include "obs/log.h"
#include "obs/metrics.h"

enum { NUMBERS_MAX = 1024, LOG_EVERY_MS = 60 * 1000, END_S = 2 };

struct cage {
    int notify, quit;
    pthread_t thread;
    struct seccomp_notif *asked;
    struct seccomp_notif_resp *said;
    int64_t logged_ms[NUMBERS_MAX], count[NUMBERS_MAX]; /* by call; the thread's own */
};

/* clang-format off */
/* What Ava, libuv, curl, OpenSSL, SQLite, the C library and its resolver call while they run. */
static const char *const ALLOWED[] = {
    /* descriptors */
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2",
    "pwritev2", "lseek", "close", "close_range", "dup", "dup2", "dup3", "fcntl", "flock",
    "fsync", "fdatasync", "sync_file_range", "ftruncate", "fallocate", "fadvise64", "sendfile",
    "copy_file_range", "pipe2", "eventfd2", "poll", "ppoll", "select", "pselect6",
    "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "timerfd_create",
    "timerfd_settime", "timerfd_gettime", "signalfd4",
    /* files, as far as they can be reached */
    "open", "openat", "stat", "fstat", "lstat", "newfstatat", "statx", "statfs", "fstatfs",
    "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents64", "getcwd",
    "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir",
    "chmod", "fchmod", "fchmodat", "fchown", "utimensat", "umask",
    /* sockets; which families: below */
    "connect", "bind", "getsockname", "getpeername", "setsockopt", "getsockopt", "sendto",
    "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "shutdown", "accept", "accept4",
    /* memory */
    "mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "msync", "mincore", "mlock",
    "mlock2", "munlock", "membarrier",
    /* threads and signals within the process */
    "futex", "futex_waitv", "set_robust_list", "get_robust_list", "rseq", "set_tid_address",
    "exit", "exit_group", "gettid", "getpid", "getppid", "sched_yield", "sched_getaffinity",
    "sched_setaffinity", "sched_getparam", "sched_getscheduler", "sched_get_priority_max",
    "sched_get_priority_min", "getcpu", "getpriority", "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait", "rt_sigsuspend", "sigaltstack",
    "restart_syscall", "pause",
    /* time, chance and who we are */
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
    "getrandom", "getrusage", "times", "sysinfo", "uname", "getuid", "geteuid", "getgid",
    "getegid", "getresuid", "getresgid", "getgroups", "getpgrp", "getpgid", "getsid",
    "getrlimit", "capget",
};
/* clang-format on */

/* Newer ways to do what is allowed otherwise: their callers go on the older way, which can be judged. */
static const char *const NOT_THERE[] = { "clone3", "io_uring_setup", "io_uring_enter",
                                         "io_uring_register", "openat2" };

/* A way to do these is needed by the tools of sanitizers, in a process that looks for leaks. */
static const char *const OF_SANITIZERS[] = { "ptrace", "getdents",    "process_vm_readv",
                                             "wait4",  "clone",       "fork",
                                             "vfork",  "execve",      "kill",
                                             "tkill",  "prctl",       "prlimit64",
                                             "ioctl",  "socket",      "socketpair",
                                             "tgkill", "personality", "clone3" };

static const int FAMILIES[] = { AF_INET, AF_INET6, AF_UNIX, AF_NETLINK }; /* the last for NSS */

/* Names of threads and of memory; to give up even more. */
static const unsigned long PRCTLS[] = { PR_SET_NAME,   PR_GET_NAME,     PR_GET_DUMPABLE,
                                        PR_SET_VMA,    PR_CAPBSET_READ, PR_SET_NO_NEW_PRIVS,
                                        PR_GET_SECCOMP };

/* Of terminals their size at most: TIOCSTI would type into the operator's. */
static const unsigned IOCTLS[] = { FIONBIO,
                                   FIOCLEX,
                                   FIONCLEX,
                                   FIONREAD,
                                   TCGETS,
                                   TIOCGWINSZ,
                                   TIOCOUTQ,
                                   SIOCGIFCONF,
                                   SIOCGIFFLAGS,
                                   SIOCGIFINDEX,
                                   SIOCGIFNAME,
                                   (unsigned)SECCOMP_IOCTL_NOTIF_RECV,
                                   (unsigned)SECCOMP_IOCTL_NOTIF_SEND };

static bool add(scmp_filter_ctx f, uint32_t action, const char *name, unsigned count,
                struct scmp_arg_cmp *args) {
    int nr = seccomp_syscall_resolve_name(name);
    if (nr == __NR_SCMP_ERROR)
        return true; /* the library does not know it: then nobody calls it by its name */
    int e = seccomp_rule_add_array(f, action, nr, count, args);
    return e == 0 || e == -EDOM || e == -EEXIST;
}

/* Calls of which only some are allowed. */
static bool add_judged(scmp_filter_ctx f) {
    struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
    struct scmp_arg_cmp ours = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
    struct scmp_arg_cmp no_new = SCMP_A2(SCMP_CMP_EQ, 0);
    bool good = add(f, SCMP_ACT_ALLOW, "clone", 1, &thread) &&
                add(f, SCMP_ACT_ALLOW, "tgkill", 1, &ours) && /* abort and its like */
                add(f, SCMP_ACT_ALLOW, "kill", 1, &ours) &&
                add(f, SCMP_ACT_ALLOW, "prlimit64", 1, &no_new);
    for (size_t i = 0; i < ARRAY_LEN(FAMILIES) && good; i++) {
        struct scmp_arg_cmp family = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)FAMILIES[i]);
        good = add(f, SCMP_ACT_ALLOW, "socket", 1, &family) &&
               add(f, SCMP_ACT_ALLOW, "socketpair", 1, &family);
    }
    for (size_t i = 0; i < ARRAY_LEN(PRCTLS) && good; i++) {
        struct scmp_arg_cmp what = SCMP_A0(SCMP_CMP_EQ, PRCTLS[i]);
        good = add(f, SCMP_ACT_ALLOW, "prctl", 1, &what);
    }
    for (size_t i = 0; i < ARRAY_LEN(IOCTLS) && good; i++) {
        struct scmp_arg_cmp what = SCMP_A1(SCMP_CMP_EQ, IOCTLS[i]);
        good = add(f, SCMP_ACT_ALLOW, "ioctl", 1, &what);
    }
    return good;
}

static bool add_all(scmp_filter_ctx f, bool is_sanitized) {
    bool good = true;
    for (size_t i = 0; i < ARRAY_LEN(ALLOWED) && good; i++)
        good = add(f, SCMP_ACT_ALLOW, ALLOWED[i], 0, NULL);
    for (size_t i = 0; i < ARRAY_LEN(OF_SANITIZERS) && good && is_sanitized; i++)
        good = add(f, SCMP_ACT_ALLOW, OF_SANITIZERS[i], 0, NULL);
    for (size_t i = 0; i < ARRAY_LEN(NOT_THERE) && good; i++)
        if (!is_sanitized || strcmp(NOT_THERE[i], "clone3") != 0)
            good = add(f, SCMP_ACT_ERRNO(ENOSYS), NOT_THERE[i], 0, NULL);
    return good && (is_sanitized || add_judged(f));
}

#ifdef AVA_SANITIZED
enum { IS_SANITIZED = 1 };
#else
enum { IS_SANITIZED = 0 };
#endif

/* A filter that does this with all that is not allowed, in force; NULL when it can not be. */
static scmp_filter_ctx load(uint32_t other) {
    scmp_filter_ctx f = seccomp_init(other);
    bool good = f && seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM)) == 0 &&
                seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1) == 0 &&
                seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0 && /* by a tree */
                add_all(f, IS_SANITIZED) && seccomp_load(f) == 0;
    if (!good && f)
        seccomp_release(f);
    return good ? f : NULL;
}

/* --- hearing of it --------------------------------------------------------------------------- */

static void tell(struct cage *c, int nr) {
    char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
    size_t slot = (size_t)nr < NUMBERS_MAX ? (size_t)nr : NUMBERS_MAX - 1;
    int64_t now_ms = ava_now_ms();
    c->count[slot]++;
    metric_add(METRIC_CALLS_DENIED, 1, name ? name : "unknown");
    if (c->count[slot] == 1 || now_ms - c->logged_ms[slot] >= LOG_EVERY_MS) {
        c->logged_ms[slot] = now_ms;
        log_error(NULL, "call_denied", L("call", name ? name : "unknown"), L("number", (long)nr),
                  L("times", (long)c->count[slot]),
                  L("why", "Ava never needs this: somebody may be breaking in, or a library has "
                           "changed (AVA_CAGE)"));
    }
    free(name);
}

static void answer(struct cage *c) {
    memset(c->asked, 0, sizeof *c->asked);
    if (seccomp_notify_receive(c->notify, c->asked) != 0)
        return; /* whoever called is gone */
    *c->said = (struct seccomp_notif_resp){ .id = c->asked->id, .error = -EPERM };
    seccomp_notify_respond(c->notify, c->said);
    tell(c, c->asked->data.nr);
}

/* It is under the filter itself, and nobody answers what it calls: it makes allowed calls only. */
static void *watch(void *arg) {
    struct cage *c = arg;
    struct pollfd fds[] = { { .fd = c->notify, .events = POLLIN },
                            { .fd = c->quit, .events = POLLIN } };
    while (!fds[1].revents) {
        if (poll(fds, ARRAY_LEN(fds), -1) > 0 && fds[0].revents & POLLIN)
            answer(c);
    }
    return NULL;
}

struct cage *cage_calls(bool *is_told, const char **why) {
    struct cage *c = memory_zeroed(1, sizeof *c);
    c->notify = -1;
    c->quit = eventfd(0, EFD_CLOEXEC);
    bool may_listen = c->quit >= 0 && seccomp_notify_alloc(&c->asked, &c->said) == 0;
    scmp_filter_ctx f = may_listen ? load(SCMP_ACT_NOTIFY) : NULL;
    *is_told = f != NULL;
    if (f)
        c->notify = seccomp_notify_fd(f); /* which releasing f leaves open */
    else
        f = load(
            SCMP_ACT_ERRNO(EPERM)); /* somebody else listens to us already, as some containers do */
    if (!f) {
        *why = "this kernel or container has no seccomp filters";
        cage_free(c);
        return NULL;
    }
    seccomp_release(f);
    if (*is_told && pthread_create(&c->thread, NULL, watch, c) != 0) {
        close(c->notify); /* with nobody listening the kernel refuses by itself */
        c->notify = -1;
        *is_told = false;
    }
    return c;
}

void cage_free(struct cage *c) {
    if (!c)
        return;
    if (c->notify >= 0) {
        struct timespec until;
        eventfd_write(c->quit, 1);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += END_S;
        if (pthread_timedjoin_np(c->thread, NULL, &until) != 0)
            return; /* the process ends all the same */
        close(c->notify);
    }
    seccomp_notify_free(c->asked, c->said);
    if (c->quit >= 0)
        close(c->quit);
    free(c);
}
