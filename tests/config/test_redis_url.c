#include "test.h"

#include <string.h>

#include "base/defs.h"
#include "config/redis_url.h"

static struct redis_url good(const char *text) {
    struct redis_url url;
    const char *why = "";
    if (!redis_url_parse(str_of(text), &url, &why))
        fail_msg("%s: %s", text, why);
    return url;
}

TEST(a_host_has_a_port_and_a_database_of_its_own_unless_told) {
    struct redis_url u = good("redis://cache.example");
    CHECK_TEXT(u.host, "cache.example");
    CHECK_TEXT(u.port, "6379");
    CHECK(!u.database && !u.user[0] && !u.password[0] && !u.path[0]);
    u = good("redis://[::1]:7000/3");
    CHECK_TEXT(u.host, "::1");
    CHECK_TEXT(u.port, "7000");
    CHECK_INT(u.database, 3);
    CHECK_INT(good("redis://h/").database, 0);
}

TEST(user_and_password_are_decoded) {
    struct redis_url u = good("redis://ava:p%40ss%3Aw%2Frd@h:1/2");
    CHECK_TEXT(u.user, "ava");
    CHECK_TEXT(u.password, "p@ss:w/rd");
    CHECK_TEXT(u.host, "h");
    u = good("redis://:only@h");
    CHECK(!u.user[0]);
    CHECK_TEXT(u.password, "only");
    CHECK_TEXT(good("redis://u:a@b@h").password, "a@b"); /* unescaped, but clear */
    CHECK_TEXT(good("redis://u:a:b@h").password, "a:b");
}

TEST(a_socket_has_a_path) {
    struct redis_url u = good("unix:/run/redis/redis.sock");
    CHECK_TEXT(u.path, "/run/redis/redis.sock");
    CHECK(!u.host[0]);
    u = good("unix://ava:pw@/run/r.sock");
    CHECK_TEXT(u.path, "/run/r.sock");
    CHECK_TEXT(u.password, "pw");
    CHECK_TEXT(good("unix:///run/r.sock").path, "/run/r.sock");
}

TEST(what_is_none_is_refused_without_showing_it) {
    static const char *const BAD[] = {
        "",
        "redis",
        "redis:",
        "redis://",
        "http://h",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:x",
        "redis://h/x",
        "redis://h/-1",
        "redis://:6379",
        "redis://u@h",
        "redis://u:@h",
        "redis://u:%zz@h",
        "redis://u:%0@h",
        "redis://u:%00@h",
        "redis://a b",
        "redis://[::1",
        "redis://[::1]x",
        "redis://h?db=1",
        "unix:",
        "unix:run/r",
        "unix://u:p@run",
        "rediss://h",
        "redis://hunter2:hunter2:hunter2@",
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct redis_url u;
        const char *why = NULL;
        if (redis_url_parse(str_of(BAD[i]), &u, &why))
            fail_msg("%s is taken", BAD[i]);
        CHECK(why && !strstr(why, "hunter2"));
    }
}

TEST(a_password_longer_than_its_room_is_refused_not_cut) {
    char text[REDIS_URL_WORD_MAX + 32] = "redis://:";
    struct redis_url u;
    const char *why;
    memset(text + 9, 'x', REDIS_URL_WORD_MAX);
    memcpy(text + 9 + REDIS_URL_WORD_MAX, "@h", 3);
    CHECK(!redis_url_parse(str_of(text), &u, &why));
}

TEST(wiped_nothing_is_left) {
    struct redis_url u = good("redis://u:secret@h");
    static const struct redis_url NONE;
    redis_url_wipe(&u);
    CHECK(memcmp(&u, &NONE, sizeof u) == 0);
}
