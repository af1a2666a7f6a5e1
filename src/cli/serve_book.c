/* The book's thread: it looks what has changed every two seconds, and moves what was spooled as soon as there is a
 * database to move it to. It waits for either, and the loops must not. */
#include "base/clock.h"
#include "cli/repeat.h"
#include "cli/serve.h"
#include "crypto/hash.h"
#include "db/db.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "service/inbox/spool.h"
#include "tasks/book.h"

enum {
    TICK_MS = 250,
    LOOK_MS = 2000,
    COMPARE_MS = 10 * 60 * 1000,
    WORK_MS =
        2000, /* so that a server that comes back does not find us waiting for what it was asked before */
    FILL_MS = 5000,
    ARENA_BYTES = 64 << 20,
    MOVES_MAX = 100, /* between two looks */
};

static void begin(struct serve *s, struct ctx *ctx, int64_t ms) {
    house_ctx(&s->house, ctx, arena_new(ARENA_BYTES));
    ctx->deadline_ms = ava_now_ms() + ms;
}

static void move(struct serve *s) {
    size_t count = 1, all = 0;
    for (int i = 0; i < MOVES_MAX && count && db_is_up(s->house.parts.db); i++) {
        struct ctx ctx;
        begin(s, &ctx, WORK_MS);
        if (spool_move(&ctx, &count) != OK)
            count = 0;
        all += count;
        arena_free(ctx.arena);
    }
    if (all)
        log_info(NULL, "spool", L("moved", (long)all));
}

static void look(struct serve *s) {
    struct ctx ctx;
    begin(s, &ctx, WORK_MS);
    book_look(&ctx);
    arena_free(ctx.arena);
}

static void compare(struct serve *s) {
    struct ctx ctx;
    int64_t found;
    begin(s, &ctx, WORK_MS);
    book_compare(&ctx, &found);
    arena_free(ctx.arena);
    if (!found)
        return;
    metric_add(METRIC_BOOK_DRIFTS, found);
    log_error(NULL, "book", L("why", "rows in it were not those of the database"),
              L("places", (long)found), L("then", "they were put right"));
}

static int64_t keep(void *serve) {
    struct serve *s = serve;
    if (!db_is_up(s->house.parts.db))
        return TICK_MS;
    move(s);
    if (ava_now_ms() >= s->look_ms) {
        look(s);
        s->look_ms = ava_now_ms() + LOOK_MS;
    }
    if (ava_now_ms() >= s->compare_ms) {
        if (s->compare_ms)
            compare(s);
        /* Not all hosts at once. */
        s->compare_ms = ava_now_ms() + COMPARE_MS + (int64_t)ava_rand_below(COMPARE_MS / 10);
    }
    return TICK_MS;
}

static bool is_wanted(const struct serve *s) {
    struct db_place place;
    return db_place(s->house.parts.db, &place);
}

void serve_book_open(struct serve *s) {
    struct ctx ctx;
    const char *why = "";
    if (!is_wanted(s))
        return;
    begin(s, &ctx, FILL_MS);
    s->house.parts.book = book_open(&ctx, s->house.config.data_dir, hash_blake2b, &why);
    if (!s->house.parts.book)
        log_error(NULL, "book", L("why", why),
                  L("then", "the phone is not answered while the database is away"));
    else if (book_fill(&ctx) != OK)
        log_warn(NULL, "book", L("why", "it could not be filled yet"));
    arena_free(ctx.arena);
}

void serve_book_start(struct serve *s) {
    if (s->house.parts.book)
        s->bookkeeper = repeat_start(keep, s, 0);
}

void serve_book_stop(struct serve *s) {
    repeat_stop(s->bookkeeper);
    s->bookkeeper = NULL;
}

void serve_book_collect(void *serve) {
    struct serve *s = serve;
    struct arena *a = arena_new(4096);
    struct ctx ctx;
    struct book_state state = { .age_ms = -1 };
    ctx_init(&ctx, &s->house.parts, a, 1000);
    if (is_wanted(s)) {
        enum err e = ctx.parts->book ? book_state(&ctx, &state) : ERR_STORAGE_UNAVAILABLE;
        int64_t age_ms = state.age_ms < 0 ? ava_now_ms() - s->began_ms : state.age_ms;
        metric_set(METRIC_BOOK_AGE, (double)age_ms / 1000, NULL);
        if (e == OK)
            metric_set(METRIC_BOOK_SPOOLED, (double)state.spooled, NULL);
    }
    arena_free(a);
}
