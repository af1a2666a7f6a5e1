/* Landlock by its system calls: the headers of Debian 12 and its C library know little of it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/defs.h"
#include "cli/cage.h"

/* The numbers are the same on every architecture. */
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 };
enum { ASK_VERSION = 1, PATH_BENEATH = 1 };

enum {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIR = 1 << 3,
    REMOVE_FILE = 1 << 5,
    MAKE_REG = 1 << 8,
    MAKE_SOCK = 1 << 9,
    REFER = 1 << 13,
    TRUNCATE = 1 << 14,
    IOCTL_DEV = 1 << 15,

    OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV,
    READ = READ_FILE | READ_DIR,
    ADD_TO = WRITE_FILE | MAKE_REG,
    KEEP = READ | WRITE_FILE | REMOVE_FILE | MAKE_REG | MAKE_SOCK | REFER | TRUNCATE,
};

enum { SCOPE_ABSTRACT_SOCKETS = 1 << 0, SCOPE_SIGNALS = 1 << 1 };

struct ruleset_attr {
    uint64_t fs, net, scoped;
};

struct path_attr {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

/* What each version of the interface can restrict; the newer ones are held to what is known here. */
static const struct {
    uint64_t fs, scoped;
    size_t size;
} VERSIONS[] = {
    { 0x1fff, 0, 8 },  { 0x3fff, 0, 8 },  { 0x7fff, 0, 8 },
    { 0x7fff, 0, 16 }, { 0xffff, 0, 16 }, { 0xffff, SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS, 24 },
};

/* What any Ava reads: libraries and their data, accounts and names (NSS), certificates, the resolver,
 * whose files others replace under it (so their folders), and what the C library asks of the kernel. */
static const char *const READABLE[] = {
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/var/lib/ca-certificates",
    "/var/lib/sss",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/run/nscd",
    "/proc/self",
    "/proc/sys/vm",
    "/proc/sys/kernel",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/cpuinfo",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/sys/kernel/mm/transparent_hugepage",
    "/dev/urandom",
    "/dev/random",
    "/dev/zero",
};

struct rules {
    int fd;
    uint64_t handled;
};

/* Allows this beneath the path, as far as the kernel can. What is not there is left out. */
static void allow(const struct rules *r, const char *path, uint64_t rights) {
    struct stat st;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rights &= OF_FILES;
    struct path_attr attr = { .allowed = rights & r->handled, .parent = fd };
    if (attr.allowed)
        syscall(ADD_RULE, r->fd, PATH_BENEATH, &attr, 0);
    close(fd);
}

/* The file, and whatever will stand in its place: a file that is replaced is another one. */
static void allow_again(const struct rules *r, const char *file, uint64_t rights) {
    char folder[PATH_MAX], whole[PATH_MAX];
    const char *paths[] = { file, realpath(file, whole) ? whole : file }; /* a link and its end */
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const char *slash = strrchr(paths[i], '/');
        allow(r, paths[i], rights);
        if (slash == paths[i])
            continue; /* not the whole system for one file */
        snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - paths[i]) : 1,
                 slash ? paths[i] : ".");
        allow(r, folder, rights);
    }
}

#ifdef AVA_SANITIZED
/* Where a sanitizer is to write its reports; it opens that file when it has something to say, or ends the process. */
static void allow_reports(const struct rules *r) {
    static const char *const OPTIONS[] = { "ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS" };
    static const char LOG[] = "log_path=";
    for (size_t i = 0; i < ARRAY_LEN(OPTIONS); i++) {
        const char *set = getenv(OPTIONS[i]), *at = set ? strstr(set, LOG) : NULL;
        char path[PATH_MAX];
        if (!at)
            continue;
        at += strlen(LOG);
        snprintf(path, sizeof path, "%.*s", (int)strcspn(at, ":"), at);
        allow_again(r, path, ADD_TO | TRUNCATE);
    }
}
#endif

static void allow_all(const struct rules *r, const struct cage_files *files) {
    static const char *const OF_TLS[] = { "CURL_CA_BUNDLE", "SSL_CERT_FILE" };
    for (size_t i = 0; i < ARRAY_LEN(READABLE); i++)
        allow(r, READABLE[i], READ);
    allow(r, "/dev/null", READ_FILE | WRITE_FILE);
    allow(r, files->data_dir, KEEP);
    if (files->backup_dir[0])
        allow(r, files->backup_dir, KEEP);
    if (files->log_file[0])
        allow_again(r, files->log_file, ADD_TO);
    allow_again(r, "/etc/resolv.conf", READ);
    for (size_t i = 0; i < ARRAY_LEN(OF_TLS); i++)
        if (getenv(OF_TLS[i]))
            allow_again(r, getenv(OF_TLS[i]), READ);
    if (getenv("SSL_CERT_DIR"))
        allow(r, getenv("SSL_CERT_DIR"), READ);
    for (size_t i = 0; i < files->again_count; i++)
        allow_again(r, files->again[i], READ);
}

bool cage_files(const struct cage_files *files, const char **why) {
    long version = syscall(CREATE_RULESET, NULL, 0, ASK_VERSION);
    if (version < 1) {
        *why = "this kernel or container has no Landlock";
        return false;
    }
    size_t known = (size_t)version < ARRAY_LEN(VERSIONS) ? (size_t)version : ARRAY_LEN(VERSIONS);
    struct ruleset_attr attr = { .fs = VERSIONS[known - 1].fs,
                                 .scoped = VERSIONS[known - 1].scoped };
#ifdef AVA_SANITIZED
    attr.fs &= ~(uint64_t)EXECUTE; /* the symbolizer of a report is a program */
#endif
    struct rules r = { (int)syscall(CREATE_RULESET, &attr, VERSIONS[known - 1].size, 0), attr.fs };
    if (r.fd < 0) {
        *why = "this container does not let Landlock be used";
        return false;
    }
    allow_all(&r, files);
#ifdef AVA_SANITIZED
    allow_reports(&r);
#endif
    bool good = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(RESTRICT_SELF, r.fd, 0) == 0;
    if (!good)
        *why = "this container does not let Landlock be used";
    close(r.fd);
    return good;
}
