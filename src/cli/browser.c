#include "cli/browser.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "routes/pages.h"

/* Waits for the path of the file, or for the end of who would name it. */
_Noreturn static void wait_and_open(int fd) {
    char path[PATH_MAX];
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    ssize_t n = read(fd, path, sizeof path - 1);
    if (n > 0) {
        path[n] = 0;
        execlp("xdg-open", "xdg-open", path, (char *)NULL);
    }
    _exit(0);
}

int browser_prepare(void) {
    int pair[2];
    if (!isatty(STDOUT_FILENO) || (!getenv("DISPLAY") && !getenv("WAYLAND_DISPLAY")) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        close(pair[0]);
        wait_and_open(pair[1]);
    }
    close(pair[1]);
    if (child < 0) {
        close(pair[0]);
        return -1;
    }
    return pair[0];
}

static void file_of(const char *data_dir, char path[PATH_MAX]) {
    snprintf(path, PATH_MAX, "%s/open-setup.html", data_dir);
}

/* A page that leads to the link at once. */
static void write_page(struct buf *b, const char *link) {
    buf_text(b, "<!doctype html><meta charset=\"utf-8\"><title>Ava</title>"
                "<meta http-equiv=\"refresh\" content=\"0;url=");
    pages_escape(b, link);
    buf_text(b, "\">\n");
}

static bool write_file(const char *path, const char *link) {
    struct buf page = { 0 };
    write_page(&page, link);
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write(fd, page.ptr, page.len) == (ssize_t)page.len;
    if (fd >= 0)
        close(fd);
    explicit_bzero(page.ptr, page.len);
    buf_fini(&page);
    return good;
}

void browser_open(int fd, const char *data_dir, const char *link) {
    char path[PATH_MAX], whole[PATH_MAX];
    file_of(data_dir, path);
    if (fd >= 0 && link && write_file(path, link) && realpath(path, whole))
        send(fd, whole, strlen(whole), MSG_NOSIGNAL);
    if (fd >= 0)
        close(fd);
}

void browser_forget(const char *data_dir) {
    char path[PATH_MAX];
    file_of(data_dir, path);
    unlink(path);
}
