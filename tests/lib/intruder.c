/* Loaded into Ava by LD_PRELOAD: on SIGUSR2 it tries what somebody would who has broken into it, on the
 * thread that gets the signal, and writes into the file "intruder" what came of each, one line each.
 * Nothing of it does harm where it is not refused: what it names is not there. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int out;

static void say(const char *what, long result) {
    dprintf(out, "%s %s\n", what, result >= 0 ? "done" : strerrorname_np(errno));
}

static void try_call(const char *what, long number, long a, long b, long c, long d) {
    errno = 0;
    say(what, syscall(number, a, b, c, d, 0, 0));
}

static void try_open(const char *what, const char *path, int flags) {
    errno = 0;
    int fd = open(path, flags | O_CLOEXEC, 0600);
    say(what, fd);
    if (fd >= 0)
        close(fd);
}

static void *nothing(void *arg) {
    return arg;
}

static void try_calls(void) {
    char *const argv[] = { (char *)"true", NULL };
    struct rlimit core = { 0, 0 };
    try_call("execve", SYS_execve, (long)"/nowhere", (long)argv, (long)(argv + 1), 0);
    try_call("execveat", SYS_execveat, AT_FDCWD, (long)"/nowhere", (long)argv, 0);
    try_call("fork", SYS_clone, CLONE_SIGHAND, 0, 0, 0); /* an invalid one */
    try_call("ptrace", SYS_ptrace, 16, -1, 0, 0);        /* to attach to nobody */
    try_call("process_vm_readv", SYS_process_vm_readv, getppid(), 0, 0, 0);
    try_call("process_vm_writev", SYS_process_vm_writev, getppid(), 0, 0, 0);
    try_call("mount", SYS_mount, (long)"none", (long)"/nowhere", (long)"tmpfs", 0);
    try_call("umount2", SYS_umount2, (long)"/nowhere", 0, 0, 0);
    try_call("unshare", SYS_unshare, CLONE_NEWUSER, 0, 0, 0);
    try_call("setns", SYS_setns, -1, 0, 0, 0);
    try_call("chroot", SYS_chroot, (long)"/nowhere", 0, 0, 0);
    try_call("bpf", SYS_bpf, 0, 0, 0, 0);
    try_call("perf_event_open", SYS_perf_event_open, 0, 0, 0, 0);
    try_call("kexec_load", SYS_kexec_load, 0, 0, 0, 0);
    try_call("init_module", SYS_init_module, 0, 0, (long)"", 0);
    try_call("finit_module", SYS_finit_module, -1, (long)"", 0, 0);
    try_call("delete_module", SYS_delete_module, (long)"none", 0, 0, 0);
    try_call("keyctl", SYS_keyctl, 0, -3, 0, 0);
    try_call("add_key", SYS_add_key, (long)"user", (long)"x", (long)"y", 1);
    try_call("userfaultfd", SYS_userfaultfd, 0, 0, 0, 0);
    try_call("memfd_create", SYS_memfd_create, (long)"x", 0, 0, 0);
    try_call("setuid", SYS_setuid, getuid(), 0, 0, 0);
    try_call("seccomp", SYS_seccomp, -1, 0, 0, 0);
    try_call("socket", SYS_socket, AF_PACKET, SOCK_RAW, 0, 0);
    try_call("prctl", SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0);
    try_call("prlimit64", SYS_prlimit64, 0, RLIMIT_CORE, (long)&core, 0);
    try_call("kill", SYS_kill, getppid(), 0, 0, 0);
    try_call("ioctl", SYS_ioctl, 0, TIOCSTI, (long)"x", 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    try_call("listen", SYS_listen, fd, 8, 0, 0);
    close(fd);
    try_call("unheard_of", 1000, 0, 0, 0, 0);
}

static void try_files(void) {
    try_open("read_data", access("ava.db", F_OK) == 0 ? "ava.db" : "ava.lock", O_RDONLY);
    try_open("write_data", "made", O_WRONLY | O_CREAT);
    say("remove_data", unlink("made"));
    try_open("read_names", "/etc/hosts", O_RDONLY);
    try_open("read_outside", getenv("OUTSIDE"), O_RDONLY);
    try_open("write_outside", getenv("OUTSIDE"), O_WRONLY | O_APPEND);
    say("remove_outside", unlink(getenv("OUTSIDE")));
    try_open("read_others", "/proc/1/environ", O_RDONLY);
    try_open("write_settings", "/etc/ava-intruder", O_WRONLY | O_CREAT);
}

static void try_usual(void) {
    pthread_t thread;
    struct addrinfo *found = NULL;
    errno = pthread_create(&thread, NULL, nothing, NULL);
    say("thread", errno ? -1 : 0);
    if (!errno)
        pthread_join(thread, NULL);
    say("resolve", getaddrinfo("localhost", "80", NULL, &found) == 0 ? 0 : -1);
    if (found)
        freeaddrinfo(found);
}

static void intrude(int number) {
    (void)number;
    out = open("intruder.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    try_calls();
    try_files();
    try_usual();
    close(out);
    rename("intruder.new", "intruder");
}

__attribute__((constructor)) static void enter(void) {
    signal(SIGUSR2, intrude);
}
