#include "test.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/server.h"

static struct arena *arena;
static const char *why;

static int open_first(const struct http_address *at) {
    return http_listen(at->text, at->how | HTTP_LISTEN_FIRST, arena, &why);
}

/* A free port, as text behind a colon. */
static const char *free_port(void) {
    int fd = http_listen("127.0.0.1:0", HTTP_LISTEN_FIRST, arena, &why);
    const char *port = strrchr(http_listen_address(fd, arena), ':');
    close(fd);
    return port;
}

static bool has_v6(void) {
    int fd = http_listen("[::1]:0", HTTP_LISTEN_FIRST, arena, &why);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool is_let_in(int family, const char *port) {
    struct sockaddr_in v4 = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)strtol(port + 1, NULL, 10)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
                               .sin6_port = v4.sin_port,
                               .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int e = family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof v4)
                              : connect(fd, (struct sockaddr *)&v6, sizeof v6);
    close(fd);
    return e == 0;
}

TEST(both_families_on_one_port) {
    arena = arena_new(1 << 20);
    if (!has_v6()) {
        arena_free(arena);
        skip();
    }
    const char *port = free_port();
    struct http_address list[4];
    const char *both = arena_printf(arena, "[::]%s, 127.0.0.1%s", port, port);
    CHECK_INT(http_addresses(both, list, 4, arena, &why), 2);
    CHECK_INT(list[0].how, HTTP_LISTEN_V6_ONLY);
    int six = open_first(&list[0]), four = open_first(&list[1]);
    CHECK(six >= 0 && four >= 0);
    CHECK(is_let_in(AF_INET, port) && is_let_in(AF_INET6, port));
    close(six);
    close(four);
    CHECK_INT(http_addresses(arena_join(arena, "[::]", port), list, 4, arena, &why), 1);
    six = open_first(&list[0]); /* alone it takes both in */
    CHECK(is_let_in(AF_INET, port) && is_let_in(AF_INET6, port));
    close(six);
    arena_free(arena);
}

TEST(a_list_names_each_address_once) {
    struct http_address list[2];
    arena = arena_new(1 << 20);
    CHECK_INT(http_addresses("127.0.0.1:8123,127.0.0.1:8123", list, 2, arena, &why), 1);
    CHECK_TEXT(list[0].text, "127.0.0.1:8123");
    CHECK_INT(http_addresses("127.0.0.1:8123, 127.0.0.2:8123", list, 2, arena, &why), 2);
    CHECK_INT(http_addresses("127.0.0.1:1,127.0.0.1:2,127.0.0.1:3", list, 2, arena, &why), -1);
    CHECK_TEXT(why, "more than 2 addresses");
    CHECK_INT(http_addresses("127.0.0.1", list, 2, arena, &why), -1);
    int count = http_addresses("localhost:8123", list, 2, arena, &why);
    CHECK_INT(count, has_v6() ? count : 1);
    CHECK(count >= 1);
    arena_free(arena);
}

TEST(a_port_that_is_taken_is_named_and_how_to_find_who_has_it) {
    arena = arena_new(1 << 20);
    int fd = http_listen("127.0.0.1:0", HTTP_LISTEN_FIRST, arena, &why);
    const char *address = http_listen_address(fd, arena);
    CHECK_INT(http_listen(address, HTTP_LISTEN_FIRST, arena, &why), -1);
    CHECK(strstr(why, address) && strstr(why, "another Ava") && strstr(why, "ss -ltnp"));
    close(fd);
    arena_free(arena);
}
