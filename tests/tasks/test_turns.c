#include "tasks/turns.h"

#include "resilience/fake_host.h"
#include "test.h"

static struct turns *line;
static int served;

struct visitor {
    struct arena *arena;
    struct parts parts;
    struct ctx ctx;
    struct turn turn;
    const char *what;
    bool is_shared;
    enum err got;
    int order; /* 0: still waits */
};

static void visit(void *arg) {
    struct visitor *v = arg;
    v->got = turn_take(&v->ctx, v->what, v->is_shared, &v->turn);
    v->order = ++served;
}

static void come_as(struct visitor *v, const char *what, bool is_shared, int64_t patience_ms) {
    *v = (struct visitor){ .arena = arena_new(1 << 16),
                           .parts = { .turns = line },
                           .what = what,
                           .is_shared = is_shared };
    ctx_init(&v->ctx, &v->parts, v->arena, patience_ms);
    fiber_run(visit, v);
}

static void come(struct visitor *v, const char *what, int64_t patience_ms) {
    come_as(v, what, false, patience_ms);
}

static void leave(struct visitor *v) {
    turn_give(&v->turn);
    arena_free(v->arena);
    fake_drain();
}

static void begin(void) {
    fake_begin();
    served = 0;
    line = turns_new();
}

static void end(void) {
    turns_free(line);
    fake_end();
}

TEST(a_turn_that_is_wanted_now_or_never_is_not_waited_for) {
    struct visitor a, b;
    struct turn turn;
    begin();
    come(&a, "x", 1000);
    CHECK(!turn_take_now(&a.ctx, "x", &turn));
    CHECK(turn_take_now(&a.ctx, "y", &turn));
    come(&b, "y", 1000);
    CHECK_INT(b.order, 0);
    turn_give(&turn);
    fake_drain();
    CHECK_INT(b.order, 2);
    leave(&b);
    leave(&a);
    end();
}

TEST(one_at_a_time_in_the_order_they_came_and_others_are_not_held_up) {
    struct visitor a, b, c, other;
    begin();
    come(&a, "x", 1000);
    come(&b, "x", 1000);
    come(&c, "x", 1000);
    come(&other, "y", 1000);
    CHECK(a.order == 1 && !b.order && !c.order && other.order == 2);
    leave(&a);
    CHECK(b.order == 3 && b.got == OK && !c.order);
    leave(&b);
    CHECK(c.order == 4 && c.got == OK);
    leave(&c);
    leave(&other);
    end();
}

TEST(those_who_share_go_together_and_overtake_nobody) {
    struct visitor a, b, alone, c;
    begin();
    come_as(&a, "x", true, 1000);
    CHECK(turn_is_alone(&a.turn));
    come_as(&b, "x", true, 1000);
    CHECK(b.order == 2 && !turn_is_alone(&a.turn) && !turn_is_alone(&b.turn));
    come(&alone, "x", 1000);
    come_as(&c, "x", true, 1000);
    CHECK(!alone.order && !c.order);
    leave(&a);
    CHECK(!alone.order && turn_is_alone(&b.turn));
    leave(&b);
    CHECK(alone.order == 3 && !c.order && turn_is_alone(&alone.turn));
    leave(&alone);
    CHECK(c.order == 4);
    leave(&c);
    end();
}

TEST(who_waits_too_long_leaves_the_line_without_harm) {
    struct visitor a, b, c;
    begin();
    come(&a, "x", 10000);
    come(&b, "x", 100);
    come(&c, "x", 10000);
    fake_advance(101);
    CHECK(b.order && b.got == ERR_PROVIDER_BUSY && b.ctx.problem.retry_after_s == 1);
    leave(&b);
    CHECK(!c.order);
    leave(&a);
    CHECK(c.order && c.got == OK);
    leave(&c);
    end();
}

TEST(what_was_not_taken_can_be_given_back) {
    struct turn t = { .is_mine = false };
    turn_give(&t);
}
