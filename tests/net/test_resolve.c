#include "test.h"

#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/resolve.h"

static bool ask(const char *host, struct resolved *out) {
    *out = (struct resolved){ .count = 0 };
    return resolve_host("test", host, ava_now_ms() + 10000, out) == RESOLVE_FOUND;
}

TEST(finds_the_addresses_of_a_host) {
    struct resolved r;
    CHECK(ask("127.0.0.1", &r));
    CHECK_INT(r.count, 1);
    CHECK_INT(r.list[0].family, AF_INET);
    CHECK(!r.has_more);
    CHECK(ask("localhost", &r) && r.count >= 1);
    for (size_t i = 0; i < r.count; i++)
        CHECK(!address_is_public(&r.list[i]));
}

TEST(an_error_is_no_answer) {
    char longer[300];
    struct resolved r;
    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = 0;
    CHECK(!ask(longer, &r));
    CHECK(!ask("", &r) || !address_is_public(&r.list[0]));
    CHECK(!ask("not a host", &r));
}

TEST(whoever_asks_waits_until_then_and_no_longer) {
    struct resolved r;
    for (int i = 0; i < 20; i++) /* the answer comes after nobody waits for it any more */
        resolve_host("test", "localhost", ava_now_ms(), &r);
    CHECK(ask("127.0.0.1", &r));
}
