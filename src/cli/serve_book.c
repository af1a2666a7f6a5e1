/* The book's thread: it looks what has changed every two seconds, and moves what was spooled as soon as there is a
 * database to move it to. It waits for either, and the loops must not. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
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
    WORK_MS = 5000,
    ARENA_BYTES = 64 << 20,
    MOVES_MAX = 100, /* between two looks */
};

struct bookkeeper {
    struct serve *serve;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ends_now;
    bool ends;
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

/* Under the lock, which it gives up meanwhile. */
static void rest(struct bookkeeper *k) {
    struct timespec until = clock_in_us(TICK_MS * 1000);
    if (!k->ends)
        pthread_cond_timedwait(&k->ends_now, &k->lock, &until);
}

static void *keep_on(void *arg) {
    struct bookkeeper *k = arg;
    struct serve *s = k->serve;
    int64_t look_ms = 0;
    pthread_mutex_lock(&k->lock);
    while (!k->ends) {
        pthread_mutex_unlock(&k->lock);
        if (db_is_up(s->house.parts.db)) {
            move(s);
            if (ava_now_ms() >= look_ms) {
                look(s);
                look_ms = ava_now_ms() + LOOK_MS;
            }
        }
        pthread_mutex_lock(&k->lock);
        rest(k);
    }
    pthread_mutex_unlock(&k->lock);
    return NULL;
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
    begin(s, &ctx, WORK_MS);
    s->house.parts.book = book_open(&ctx, s->house.config.data_dir, hash_blake2b, &why);
    if (!s->house.parts.book)
        log_error(NULL, "book", L("why", why),
                  L("then", "the phone is not answered while the database is away"));
    else if (book_fill(&ctx) != OK)
        log_warn(NULL, "book", L("why", "it could not be filled yet"));
    arena_free(ctx.arena);
}

void serve_book_start(struct serve *s) {
    if (!s->house.parts.book)
        return;
    struct bookkeeper *k = memory_zeroed(1, sizeof *k);
    k->serve = s;
    pthread_mutex_init(&k->lock, NULL);
    clock_cond_init(&k->ends_now);
    errno = pthread_create(&k->thread, NULL, keep_on, k);
    if (errno != 0)
        abort(); /* at start */
    s->bookkeeper = k;
}

void serve_book_stop(struct serve *s) {
    struct bookkeeper *k = s->bookkeeper;
    if (!k)
        return;
    pthread_mutex_lock(&k->lock);
    k->ends = true;
    pthread_cond_signal(&k->ends_now);
    pthread_mutex_unlock(&k->lock);
    pthread_join(k->thread, NULL);
    pthread_mutex_destroy(&k->lock);
    pthread_cond_destroy(&k->ends_now);
    free(k);
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
