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
    int done, refused, refused_first;
};

static void ask(void *arg) {
    struct asking *q = arg;
    struct arena *a = arena_new(1 << 20);
    struct ctx ctx;
    const char *phc;
    ctx_init(&ctx, &q->h->t.parts, a, 60000);
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
