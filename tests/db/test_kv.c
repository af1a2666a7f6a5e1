#include "test.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/defs.h"
#include "db/temp_redis.h"
#include "obs/metrics.h"
#include "resilience/ratelimit.h"

static const struct kv_rule TEN = {
    .policy = "user-route", .key = { "k", 1 }, .is_sliding = true, .count = 10, .period_ms = 60000
};

/* Starts one, or skips. */
#define WITH_REDIS(t, ...)                                                   \
    struct temp_redis t = { 0 };                                             \
    if (!temp_redis_start(&t, (const char *const[]){ __VA_ARGS__, NULL })) { \
        print_message("# no redis-server on this machine\n");                \
        skip();                                                              \
    }

static struct kv_state state_of(struct kv *kv) {
    struct kv_state s;
    kv_look(kv, &s);
    return s;
}

/* Waits until it says why it is down; false: it says something else after 10 s. */
static bool says(struct kv *kv, const char *why) {
    int64_t until_ms = ava_now_ms() + 10000;
    while (!strstr(state_of(kv).why, why) && ava_now_ms() < until_ms)
        poll(NULL, 0, 1);
    if (!strstr(state_of(kv).why, why))
        print_message("# '%s' is not '%s'\n", state_of(kv).why, why);
    return strstr(state_of(kv).why, why) && !kv_is_up(kv);
}

static int admitted(struct kv *kv, const struct kv_rule *rule, int tries, int64_t now_us) {
    struct kv_verdict v;
    int n = 0;
    for (int i = 0; i < tries; i++)
        n += kv_limit(kv, rule, 1, now_us, &v) && v.is_allowed;
    return n;
}

TEST(no_redis_is_no_answer_at_once) {
    struct kv_verdict v;
    CHECK(!kv_is_up(NULL));
    struct kv *kv = temp_redis_kv("/nowhere/at/all", "");
    CHECK(says(kv, "connect"));
    CHECK(!kv_limit(kv, &TEN, 1, 0, &v));
    kv_close(kv);
}

TEST(a_limit_is_one_for_all_who_ask) {
    WITH_REDIS(t, "--maxmemory-policy", "noeviction");
    struct kv *one = temp_redis_kv(t.path, ""), *two = temp_redis_kv(t.path, "");
    CHECK(temp_redis_comes(one, true) && temp_redis_comes(two, true));
    CHECK(state_of(one).version[0] == '7' || state_of(one).version[0] == '8');
    CHECK_TEXT(state_of(one).policy, "noeviction");
    CHECK_INT(admitted(one, &TEN, 6, 0) + admitted(two, &TEN, 6, 0), 10);
    kv_close(one);
    kv_close(two);
    temp_redis_end(&t);
}

TEST(who_is_refused_by_one_rule_is_counted_by_none) {
    WITH_REDIS(t, "--databases", "1");
    struct kv *kv = temp_redis_kv(t.path, "");
    struct kv_rule both[2] = { TEN, { "workspace", { "w", 1 }, false, 2, 60000, 2 } };
    struct kv_verdict v;
    CHECK(temp_redis_comes(kv, true));
    CHECK(kv_limit(kv, both, 2, 1000000, &v) && v.is_allowed && v.now_us == 1000000);
    CHECK(kv_limit(kv, both, 2, 1000000, &v) && v.is_allowed && v.found[0].before == 1);
    for (int i = 0; i < 3; i++) {
        CHECK(kv_limit(kv, both, 2, 1000000, &v) && !v.is_allowed);
        CHECK_INT(v.found[0].before, 2);
        CHECK_INT(v.found[1].wait_us, 30000000);
    }
    kv_close(kv);
    temp_redis_end(&t);
}

TEST(emptied_and_without_its_scripts_it_begins_anew) {
    WITH_REDIS(t, "--databases", "1");
    struct kv *kv = temp_redis_kv(t.path, "");
    CHECK(temp_redis_comes(kv, true));
    CHECK_INT(admitted(kv, &TEN, 12, 0), 10);
    TEMP_REDIS_SAY(&t, "FLUSHALL");
    TEMP_REDIS_SAY(&t, "SCRIPT", "FLUSH");
    CHECK_INT(admitted(kv, &TEN, 12, 0), 10);
    CHECK(kv_is_up(kv));
    kv_close(kv);
    temp_redis_end(&t);
}

TEST(killed_it_is_known_and_comes_back) {
    WITH_REDIS(t, "--databases", "1");
    struct kv *kv = temp_redis_kv(t.path, "");
    struct kv_verdict v;
    CHECK(temp_redis_comes(kv, true));
    temp_redis_kill(&t);
    CHECK(temp_redis_comes(kv, false));
    CHECK(!kv_limit(kv, &TEN, 1, 0, &v));
    CHECK(temp_redis_start(&t, NULL) && temp_redis_comes(kv, true));
    CHECK(kv_limit(kv, &TEN, 1, 0, &v) && v.is_allowed);
    kv_close(kv);
    temp_redis_end(&t);
}

TEST(frozen_it_keeps_three_waiting_and_nobody_after) {
    WITH_REDIS(t, "--databases", "1");
    struct kv *kv = temp_redis_kv(t.path, "");
    struct kv_verdict v;
    CHECK(temp_redis_comes(kv, true));
    temp_redis_signal(&t, SIGSTOP);
    for (int i = 0; i < 100; i++)
        CHECK(!kv_limit(kv, &TEN, 1, 0, &v));
    CHECK(!kv_is_up(kv));
    CHECK(says(kv, "answer in time"));
    temp_redis_signal(&t, SIGCONT);
    CHECK(temp_redis_comes(kv, true));
    kv_close(kv);
    temp_redis_end(&t);
}

TEST(a_wrong_password_is_told_and_never_shown) {
    WITH_REDIS(t, "--requirepass", "right-one");
    struct kv *kv = temp_redis_kv(t.path, "wrong-one"), *none = temp_redis_kv(t.path, "");
    CHECK(says(kv, "refuses the password: WRONGPASS") && !strstr(state_of(kv).why, "wrong-one"));
    CHECK(says(none, "NOAUTH"));
    struct kv *good = temp_redis_kv(t.path, "right-one");
    CHECK(temp_redis_comes(good, true));
    kv_close(kv);
    kv_close(none);
    kv_close(good);
    temp_redis_end(&t);
}

TEST(the_rights_that_the_documentation_names_are_enough) {
    WITH_REDIS(t, "--databases", "1");
    CHECK_TEXT(TEMP_REDIS_SAY(&t, "ACL", "SETUSER", "default", "reset", "on", ">right-one",
                              "~ava:*", "+auth", "+select", "+info", "+script|load", "+evalsha",
                              "+set", "+get", "+pexpire", "+zadd", "+zcard", "+zrange",
                              "+zremrangebyscore", "+time"),
               "+OK");
    struct kv *kv = temp_redis_kv(t.path, "right-one");
    struct kv_rule both[2] = { TEN, { "workspace", { "w", 1 }, false, 2, 60000, 2 } };
    struct kv_verdict v;
    CHECK(temp_redis_comes(kv, true));
    CHECK(kv_limit(kv, both, 2, 0, &v) && v.is_allowed);
    kv_close(kv);
    temp_redis_end(&t);
}

TEST(a_full_one_and_one_that_only_reads_are_down_until_they_take_writes) {
    WITH_REDIS(t, "--maxmemory-policy", "noeviction");
    struct kv *kv = temp_redis_kv(t.path, "");
    CHECK(temp_redis_comes(kv, true));
    TEMP_REDIS_SAY(&t, "CONFIG", "SET", "maxmemory", "1");
    CHECK(says(kv, "OOM"));
    TEMP_REDIS_SAY(&t, "CONFIG", "SET", "maxmemory", "0");
    CHECK(temp_redis_comes(kv, true));
    TEMP_REDIS_SAY(&t, "CONFIG", "SET", "masterauth", "x");
    TEMP_REDIS_SAY(&t, "REPLICAOF", "127.0.0.1", "1");
    CHECK(temp_redis_comes(kv, false));
    CHECK(says(kv, "READONLY") || says(kv, "MASTERDOWN"));
    TEMP_REDIS_SAY(&t, "REPLICAOF", "NO", "ONE");
    CHECK(temp_redis_comes(kv, true));
    kv_close(kv);
    temp_redis_end(&t);
}

/* --- what is no Redis ------------------------------------------------------------------------------- */

/* Says the same to everybody who connects, whatever they ask, and then nothing. */
struct liar {
    struct temp_redis place;
    const char *text;
    int fd, held[64];
    size_t count;
    pthread_t thread;
};

static void *lie(void *arg) {
    struct liar *l = arg;
    for (int fd; l->count < ARRAY_LEN(l->held) && (fd = accept(l->fd, NULL, NULL)) >= 0;) {
        l->held[l->count++] = fd;
        if (send(fd, l->text, strlen(l->text), MSG_NOSIGNAL) < 0)
            continue;
    }
    return NULL;
}

static void liar_start(struct liar *l, const char *text) {
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    *l = (struct liar){ .text = text };
    snprintf(l->place.dir, sizeof l->place.dir, "/tmp/ava-liar-XXXXXX");
    CHECK(mkdtemp(l->place.dir) != NULL);
    snprintf(l->place.path, sizeof l->place.path, "%s/s", l->place.dir);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", l->place.path);
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(l->fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(l->fd, 64) == 0);
    CHECK(pthread_create(&l->thread, NULL, lie, l) == 0);
}

static void liar_end(struct liar *l) {
    shutdown(l->fd, SHUT_RDWR);
    pthread_join(l->thread, NULL);
    close(l->fd);
    for (size_t i = 0; i < l->count; i++)
        close(l->held[i]);
    temp_redis_end(&l->place);
}

TEST(whatever_answers_nobody_falls) {
    static const struct {
        const char *text, *why;
    } ALL[] = {
        { "HTTP/1.1 400 Bad Request\r\n\r\n", "not the protocol" },
        { "$1073741824\r\nx", "no answer in time" },
        { "*2147483647\r\n", "not the protocol" },
        { "*99999999999999999999\r\n", "not the protocol" },
        { "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", "not the protocol" },
        { "+OK", "no answer in time" },
        { "", "no answer in time" },
        { "-LOADING Redis is loading the dataset in memory\r\n", "LOADING" },
        { "-DENIED Redis is running in protected mode\r\n", "DENIED" },
        { "-ERR \x1b[31m\x01\r\n", "ERR ?[31m?" },
        { "$22\r\nredis_version:6.2.14\r\n\r\n$-1\r\n", "Redis 6.2.14; Ava needs 7" },
        { "$22\r\nredis_version:7.2.14\r\n\r\n$-1\r\n$3\r\nabc\r\n", "takes no script" },
        { "$22\r\nredis_version:x.2.14\r\n\r\n$-1\r\n", "which version" },
    };
    for (size_t i = 0; i < ARRAY_LEN(ALL); i++) {
        struct liar l;
        liar_start(&l, ALL[i].text);
        struct kv *kv = temp_redis_kv(l.place.path, "");
        CHECK(says(kv, ALL[i].why));
        kv_close(kv);
        liar_end(&l);
    }
}

/* --- many ------------------------------------------------------------------------------------------- */

struct many {
    struct kv *kv;
    atomic_int allowed, answered;
};

static void *ask_often(void *arg) {
    struct many *m = arg;
    struct kv_verdict v;
    for (int i = 0; i < 500; i++)
        if (kv_limit(m->kv, &TEN, 1, 0, &v)) {
            atomic_fetch_add(&m->answered, 1);
            atomic_fetch_add(&m->allowed, v.is_allowed);
        }
    return NULL;
}

TEST(many_at_once_get_their_own_answers_while_it_dies_and_comes_back) {
    WITH_REDIS(t, "--databases", "1");
    struct many m = { .kv = temp_redis_kv(t.path, "") };
    pthread_t threads[8];
    CHECK(temp_redis_comes(m.kv, true));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_create(&threads[i], NULL, ask_often, &m);
    temp_redis_kill(&t);
    CHECK(temp_redis_start(&t, NULL));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    CHECK(m.allowed <= 20); /* of two Redis that know nothing of each other */
    CHECK(temp_redis_comes(m.kv, true));
    CHECK(admitted(m.kv, &TEN, 12, 0) <= 10);
    kv_close(m.kv);
    temp_redis_end(&t);
}

/* --- the same verdicts as this process's ---------------------------------------------------------------- */

enum { STEPS = 100 * 1000, KEYS = 7 };

/* Rates whose step is a whole number of us, which is as exact as Redis counts. */
static struct ratelimit_rule random_rule(uint64_t which) {
    static const struct ratelimit_rule ALL[] = {
        { "s1", RATELIMIT_SLIDING, 10, 60000, 0 }, { "s2", RATELIMIT_SLIDING, 1, 1000, 0 },
        { "s3", RATELIMIT_SLIDING, 3, 5, 0 },      { "g1", RATELIMIT_GCRA, 20, 1000, 40 },
        { "g2", RATELIMIT_GCRA, 1, 60000, 1 },     { "g3", RATELIMIT_GCRA, 600, 60000, 0 },
    };
    return ALL[which % ARRAY_LEN(ALL)];
}

TEST(the_script_gives_the_verdicts_of_this_process) {
    WITH_REDIS(t, "--databases", "1");
    struct kv *kv = temp_redis_kv(t.path, "");
    struct ratelimit *r = ratelimit_new();
    int64_t now_ms = 1000 * 1000, refusals = 0, asked = 0;
    int missed = 0;
    uint64_t seed = 42;
    CHECK(temp_redis_comes(kv, true));
    for (int i = 0; asked < STEPS; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t dice = seed >> 33;
        struct ratelimit_rule rule = random_rule(dice);
        char name[16];
        snprintf(name, sizeof name, "%c%d", (char)('a' + dice / 64 % KEYS), missed);
        now_ms += dice / 1024 % 8 ? 0 : (int64_t)(dice / 8192 % 997);
        struct kv_rule same = { rule.policy, str_of(name),   rule.kind == RATELIMIT_SLIDING,
                                rule.count,  rule.period_ms, rule.burst ? rule.burst : rule.count };
        struct kv_verdict v;
        struct ratelimit_result local = ratelimit_take(r, &rule, str_of(name), now_ms);
        if (!kv_limit(kv, &same, 1, now_ms * 1000, &v)) { /* counted or not: all keys begin anew */
            CHECK(++missed < 1000 && temp_redis_comes(kv, true));
            continue;
        }
        asked++;
        refusals += !v.is_allowed;
        if (v.is_allowed != local.is_allowed)
            fail_msg("step %d of %s at %lld", i, rule.policy, (long long)now_ms);
    }
    CHECK(asked == STEPS && refusals > STEPS / 10 && refusals < STEPS * 9 / 10);
    ratelimit_free(r);
    kv_close(kv);
    temp_redis_end(&t);
}
