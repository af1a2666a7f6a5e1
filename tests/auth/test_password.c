#include "test.h"

#include "auth/home.h"
#include "net/loop.h"

TEST(a_password_is_verified_by_its_hash_and_nothing_else_is) {
    struct home h;
    const char *phc, *rehashed;
    bool good;
    home_open(&h);
    CHECK_INT(auth_password_hash(home_ctx(&h), STR(PASSWORD), &phc), OK);
    CHECK(strncmp(phc, "$argon2id$v=19$m=65536,t=3,p=1$", 31) == 0);
    CHECK_INT(auth_password_verify(home_ctx(&h), phc, STR(PASSWORD), &good, &rehashed), OK);
    CHECK(good && !rehashed);
    CHECK_INT(auth_password_verify(home_ctx(&h), phc, STR(PASSWORD " "), &good, &rehashed), OK);
    CHECK(!good);
    CHECK_INT(auth_password_verify(home_ctx(&h), NULL, STR(PASSWORD), &good, &rehashed), OK);
    CHECK(!good);
    home_close(&h);
}

enum { CROWD = 24 };

struct asking {
    struct home *h;
    const char *from; /* NULL: no peer */
    int done, refused, refused_first;
};

static void ask(void *arg) {
    struct asking *q = arg;
    struct arena *a = arena_new(1 << 20);
    struct ctx ctx;
    const char *phc;
    ctx_init(&ctx, &q->h->t.parts, a, 60000);
    ctx.peer_ip = q->from;
    enum err e = auth_password_hash(&ctx, STR(PASSWORD), &phc);
    if (e == OK) {
        q->done++;
    } else {
        CHECK_INT(e, ERR_OVERLOADED);
        CHECK(ctx.problem.retry_after_s > 0);
        q->refused++;
        q->refused_first += q->done == 0;
    }
    arena_free(a);
}

TEST(two_at_once_sixteen_wait_and_the_rest_is_told_so_at_once) {
    struct home h;
    struct asking q = { .h = &h };
    home_open(&h);
    struct loop *l = loop_new(0);
    for (int i = 0; i < CROWD; i++)
        CHECK(fiber_run(ask, &q));
    CHECK_INT(q.refused, CROWD - 18);
    loop_stop(l);
    loop_run(l);
    CHECK_INT(q.done, 18);
    CHECK_INT(q.refused, CROWD - 18);
    CHECK_INT(q.refused_first, CROWD - 18);
    loop_free(l);
    home_close(&h);
}

static void ask_from(struct asking *q, const char *from, int times) {
    q->from = from;
    for (int i = 0; i < times; i++)
        CHECK(fiber_run(ask, q));
}

static void known_from(struct home *h, const char *from) {
    struct ctx *ctx = home_ctx(h);
    ctx->peer_ip = from;
    auth_password_known(ctx);
}

TEST(one_address_waits_in_one_place_and_a_48_is_one) {
    struct home h;
    struct asking q = { .h = &h };
    home_open(&h);
    struct loop *l = loop_new(0);
    ask_from(&q, "192.0.2.1", 10); /* two at work, one waits */
    CHECK_INT(q.refused, 7);
    ask_from(&q, "::ffff:192.0.2.1", 1);
    CHECK_INT(q.refused, 8);
    ask_from(&q, "2001:db8:1:1::1", 1);
    ask_from(&q, "2001:db8:1:2::1", 5);
    CHECK_INT(q.refused, 13);
    ask_from(&q, "2001:db8:2:1::1", 1);
    ask_from(&q, "192.0.2.2", 1);
    CHECK_INT(q.refused, 13);
    loop_stop(l);
    loop_run(l);
    CHECK_INT(q.done, 6);
    loop_free(l);
    home_close(&h);
}

TEST(who_signed_in_before_finds_a_place_when_strangers_have_all_the_others) {
    struct home h;
    struct asking q = { .h = &h };
    char ip[CROWD][16];
    home_open(&h);
    struct loop *l = loop_new(0);
    known_from(&h, "203.0.113.5");
    for (int i = 0; i < CROWD; i++) {
        snprintf(ip[i], sizeof ip[i], "198.51.100.%d", i);
        ask_from(&q, ip[i], 1);
    }
    CHECK_INT(q.refused, CROWD - 18);
    ask_from(&q, "203.0.113.6", 1);
    CHECK_INT(q.refused, CROWD - 18 + 1);
    ask_from(&q, "203.0.113.5", 6);
    CHECK_INT(q.refused, CROWD - 18 + 1 + 2);
    loop_stop(l);
    loop_run(l);
    CHECK_INT(q.done, 18 + 4);
    loop_free(l);
    home_close(&h);
}
