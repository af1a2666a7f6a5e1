#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/door.h"
#include "test.h"

enum { VISITORS = 12 };

struct house {
    uv_loop_t loop;
    struct door door;
    int entered;
};

static void enter(void *arg, int fd) {
    ((struct house *)arg)->entered++;
    close(fd);
}

static void starved(void *arg) {
    (void)arg;
}

static void open_house(struct house *h, int fd, bool is_shared) {
    uv_loop_init(&h->loop);
    h->entered = 0;
    CHECK(door_open(&h->door, &h->loop, fcntl(fd, F_DUPFD_CLOEXEC, 3), enter, starved, h));
    h->door.is_shared = is_shared;
}

static void close_house(struct house *h) {
    door_shut(&h->door);
    uv_run(&h->loop, UV_RUN_DEFAULT);
    CHECK_INT(uv_loop_close(&h->loop), 0);
}

static int listen_here(struct sockaddr_in *at) {
    socklen_t len = sizeof *at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    *at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    CHECK(bind(fd, (struct sockaddr *)at, len) == 0 && listen(fd, VISITORS) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)at, &len) == 0);
    return fd;
}

static int knock(const struct sockaddr_in *at) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(fd, (const struct sockaddr *)at, sizeof *at) == 0);
    return fd;
}

TEST(of_a_shared_socket_each_loop_takes_a_few_at_a_time_and_another_may_have_been_faster) {
    struct sockaddr_in at;
    struct house one, other;
    int fd = listen_here(&at), visitors[VISITORS];
    open_house(&one, fd, true);
    open_house(&other, fd, true);
    for (int i = 0; i < VISITORS; i++)
        visitors[i] = knock(&at);
    uv_run(&one.loop, UV_RUN_NOWAIT);
    CHECK(one.entered > 0 && one.entered < VISITORS / 2);
    while (one.entered + other.entered < VISITORS) {
        uv_run(&other.loop, UV_RUN_NOWAIT);
        uv_run(&one.loop, UV_RUN_NOWAIT);
    }
    CHECK(one.entered >= VISITORS / 3 && other.entered >= VISITORS / 3);
    for (int i = 0; i < VISITORS; i++)
        close(visitors[i]);
    close_house(&one);
    close_house(&other);
    close(fd);
}

TEST(who_waits_at_a_shared_socket_is_taken_by_another_once_a_door_is_shut) {
    struct sockaddr_in at;
    struct house one, other;
    int fd = listen_here(&at);
    open_house(&one, fd, true);
    int visitor = knock(&at);
    close_house(&one);
    open_house(&other, fd, true);
    while (!other.entered)
        uv_run(&other.loop, UV_RUN_NOWAIT);
    CHECK_INT(one.entered, 0);
    close(visitor);
    close_house(&other);
    close(fd);
}

TEST(a_socket_of_its_own_is_emptied_in_one_turn) {
    struct sockaddr_in at;
    struct house h;
    int fd = listen_here(&at), visitors[VISITORS];
    open_house(&h, fd, false);
    for (int i = 0; i < VISITORS; i++)
        visitors[i] = knock(&at);
    uv_run(&h.loop, UV_RUN_NOWAIT);
    CHECK_INT(h.entered, VISITORS);
    for (int i = 0; i < VISITORS; i++)
        close(visitors[i]);
    close_house(&h);
    close(fd);
}
