#include "cli/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/control.h"

enum { HOLDER_BYTES = 128 };

/* Who wrote the lock file last, in parentheses with a blank before; "" when it says nothing. */
static const char *holder(int fd, struct arena *a) {
    char text[HOLDER_BYTES], *host;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    long pid = strtol(text, &host, 10);
    host[strcspn(host, "\n")] = 0;
    if (pid <= 0)
        return "";
    return *host == ' ' ? arena_printf(a, " (process %ld on %s)", pid, cli_printable(a, host + 1))
                        : arena_printf(a, " (process %ld)", pid);
}

/* Leaves word of this process for the one that is refused; nothing depends on it. */
static void sign(int fd) {
    char host[64] = "", text[HOLDER_BYTES];
    gethostname(host, sizeof host - 1);
    int n = snprintf(text, sizeof text, "%ld %s\n", (long)getpid(), host);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
        return; /* a full disk: then it is refused without a name */
}

static int refuse(const char *data_dir, const char *who) {
    return cli_fail(
        EXIT_CONFIG,
        "another Ava is serving from %s%s; stop it first, or give this one a data folder "
        "of its own (AVA_DATA_DIR)",
        data_dir, who);
}

/* EXIT_OK, or a status after saying why fd cannot be the lock of the folder. */
static int lock_file(int fd, const char *data_dir, const char *path, struct arena *a) {
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return cli_fail(EXIT_CONFIG, "AVA_DATA_DIR: %s is not a file; remove it: rm -r %s", path,
                        path);
    if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
        return EXIT_OK;
    if (errno == EAGAIN || errno == EACCES)
        return refuse(data_dir, holder(fd, a));
    return cli_fail(
        EXIT_CONFIG,
        "AVA_DATA_DIR: the file system of %s cannot lock files (%s), so that nothing would "
        "keep two servers apart; use a local disk",
        data_dir, strerror(errno));
}

static int open_lock(const char *path) {
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
}

int owner_take(const char *data_dir, struct arena *a, int *lock) {
    const char *path = arena_printf(a, "%s/ava.lock", data_dir);
    int fd = open_lock(path);
    if (fd < 0)
        return cli_fail(EXIT_CONFIG, "AVA_DATA_DIR: cannot open the lock file %s: %s", path,
                        strerror(errno));
    int status = lock_file(fd, data_dir, path, a);
    /* Somebody may have removed the file that the other one's lock is on. */
    if (status == EXIT_OK && control_is_served(data_dir))
        status = refuse(data_dir, "");
    if (status != EXIT_OK) {
        close(fd);
        return status;
    }
    sign(fd);
    *lock = fd;
    return EXIT_OK;
}

int owner_try(const char *data_dir, struct arena *a) {
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int fd = open_lock(arena_printf(a, "%s/ava.lock", data_dir));
    if (fd >= 0 && (fcntl(fd, F_OFD_SETLK, &whole) != 0 || control_is_served(data_dir))) {
        close(fd);
        return -1;
    }
    if (fd >= 0)
        sign(fd);
    return fd;
}

void owner_leave(int lock) {
    if (lock >= 0)
        close(lock);
}
