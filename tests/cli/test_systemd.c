#include "cli/systemd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "test.h"

/* A supervisor's end: an abstract socket of this process. */
static int supervise(const char *watchdog_us, const char *whose) {
    char name[64];
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int len = snprintf(name, sizeof name, "@ava-test-%d", (int)getpid());
    memcpy(at.sun_path, name, (size_t)len);
    at.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    CHECK(bind(fd, (struct sockaddr *)&at,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)) == 0);
    setenv("NOTIFY_SOCKET", name, 1);
    setenv("WATCHDOG_USEC", watchdog_us, 1);
    setenv("WATCHDOG_PID", whose, 1);
    return fd;
}

static const char *mine(void) {
    static char text[16];
    snprintf(text, sizeof text, "%d", (int)getpid());
    return text;
}

/* What was told next; "" when nothing was. */
static const char *told(int fd) {
    static char text[256];
    ssize_t n = recv(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    return text;
}

TEST(says_what_it_is_told_to_and_leaves_no_variable_behind) {
    struct systemd d;
    int fd = supervise("0", mine());
    systemd_open(&d);
    CHECK(!getenv("NOTIFY_SOCKET") && !getenv("WATCHDOG_USEC") && !getenv("WATCHDOG_PID"));
    systemd_say(&d, "READY=1\nSTATUS=Serving on %s", "here");
    CHECK_TEXT(told(fd), "READY=1\nSTATUS=Serving on here");
    systemd_reloading(&d);
    CHECK(strncmp(told(fd), "RELOADING=1\nMONOTONIC_USEC=", 27) == 0);
    systemd_alive(&d, 0);
    CHECK_TEXT(told(fd), "");
    systemd_close(&d);
    close(fd);
}

TEST(gives_a_sign_of_life_in_time_and_none_while_a_loop_stands_still) {
    struct systemd d;
    int fd = supervise("60000000", mine());
    systemd_open(&d);
    systemd_alive(&d, 30 * 1000);
    CHECK_TEXT(told(fd), "");
    systemd_alive(&d, 100);
    CHECK_TEXT(told(fd), "WATCHDOG=1");
    systemd_alive(&d, 100);
    CHECK_TEXT(told(fd), ""); /* it was just given */
    d.alive_ms -= 20 * 1000;
    systemd_alive(&d, 100);
    CHECK_TEXT(told(fd), "WATCHDOG=1");
    systemd_close(&d);
    close(fd);
}

TEST(gives_none_for_another_process) {
    struct systemd d;
    int fd = supervise("60000000", "1");
    systemd_open(&d);
    systemd_alive(&d, 0);
    CHECK_TEXT(told(fd), "");
    systemd_close(&d);
    close(fd);
}

TEST(takes_no_sockets_of_another_process_and_knows_its_own_by_name) {
    struct systemd d;
    setenv("LISTEN_FDS", "2", 1);
    setenv("LISTEN_PID", "1", 1);
    systemd_open(&d);
    CHECK_INT(systemd_sockets(&d), 0);
    CHECK(!getenv("LISTEN_FDS") && !getenv("LISTEN_PID"));
    systemd_close(&d);
    d = (struct systemd){ .notify = -1, .first = 3, .count = 3, .names = strdup("http::metrics") };
    CHECK(systemd_is_named(&d, 0, "http") && !systemd_is_named(&d, 0, "metrics"));
    CHECK(!systemd_is_named(&d, 1, "http") && systemd_is_named(&d, 2, "metrics"));
    CHECK(!systemd_is_named(&d, 3, "metrics"));
    free(d.names);
}
