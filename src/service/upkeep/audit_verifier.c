#include "service/upkeep/audit_verifier.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/memory.h"
#include "obs/log.h"
#include "tasks/jobs.h"

enum { ROOM = 1 << 20, WORDS = 512, BEGIN_MS = 30 * 1000 };

struct audit_verifier {
    const struct parts *parts;
    _Atomic int64_t rows;
    pthread_mutex_t lock; /* guards what follows */
    bool is_running;
    struct audit_verification last;
    char wrong[WORDS];
};

struct audit_verifier *audit_verifier_new(const struct parts *parts) {
    struct audit_verifier *v = memory_zeroed(1, sizeof *v);
    v->parts = parts;
    v->last.state = "never";
    pthread_mutex_init(&v->lock, NULL);
    return v;
}

void audit_verifier_free(struct audit_verifier *v) {
    if (!v)
        return;
    pthread_mutex_destroy(&v->lock);
    free(v);
}

struct check {
    struct audit_verifier *v;
    struct ctx ctx;
    struct audit_check found;
    enum err err;
};

static bool go_on(void *arg, int64_t rows) {
    struct audit_verifier *v = arg;
    atomic_store(&v->rows, rows);
    return !jobs_is_stopping(v->parts->jobs);
}

static void look(void *arg) {
    static const struct audit_head NONE;
    struct check *k = arg;
    struct audit_watch watch = { go_on, k->v };
    k->err = audit_check(&k->ctx, &NONE, &watch, &k->found);
}

static void keep(struct audit_verifier *v, const struct check *k) {
    pthread_mutex_lock(&v->lock);
    v->is_running = false;
    v->last.state = k->err == OK ? "done" : "failed";
    v->last.ended_ms = ava_wall_ms();
    v->last.rows = k->found.rows;
    v->last.found = k->found;
    str_copy(v->wrong, sizeof v->wrong, str_of(k->found.wrong ? k->found.wrong : ""));
    pthread_mutex_unlock(&v->lock);
}

/* On a fiber of its own: whoever asked has its answer already. */
static void run(void *arg) {
    struct audit_verifier *v = arg;
    struct check k = { .v = v };
    struct arena *a = arena_new(ROOM);
    ctx_init(&k.ctx, v->parts, a, BEGIN_MS);
    fiber_offload(look, &k);
    keep(v, &k);
    if (k.err != OK)
        log_error(&k.ctx, "audit_verify", L("failed", k.ctx.problem.detail));
    else if (k.found.wrong)
        log_error(&k.ctx, "audit_verify", L("row", (long)k.found.bad_seq),
                  L("wrong", k.found.wrong));
    else
        log_info(&k.ctx, "audit_verify", L("rows", (long)k.found.rows));
    arena_free(a);
}

struct begin {
    struct audit_verifier *v;
    bool has_begun;
};

static void begin(void *arg) {
    struct begin *b = arg;
    b->has_begun = fiber_run(run, b->v);
}

enum err audit_verifier_begin(struct ctx *ctx, struct audit_verifier *v) {
    struct begin b = { v, false };
    struct audit_verification before;
    pthread_mutex_lock(&v->lock);
    bool is_ours = !v->is_running;
    before = v->last;
    if (is_ours) {
        v->is_running = true;
        v->last = (struct audit_verification){ .state = "running", .began_ms = ava_wall_ms() };
        atomic_store(&v->rows, 0);
    }
    pthread_mutex_unlock(&v->lock);
    if (!is_ours)
        return OK;
    fiber_on_loop(begin, &b);
    if (b.has_begun)
        return OK;
    pthread_mutex_lock(&v->lock);
    v->is_running = false;
    v->last = before;
    pthread_mutex_unlock(&v->lock);
    ctx->problem.retry_after_s = 1;
    return ctx_fail(ctx, ERR_OVERLOADED, "Ava is busy; try again in a second.");
}

void audit_verifier_read(struct ctx *ctx, struct audit_verifier *v,
                         struct audit_verification *out) {
    pthread_mutex_lock(&v->lock);
    *out = v->last;
    out->found.wrong = v->last.found.wrong ? arena_strdup(ctx->arena, v->wrong) : NULL;
    if (v->is_running)
        out->rows = atomic_load(&v->rows);
    pthread_mutex_unlock(&v->lock);
}
