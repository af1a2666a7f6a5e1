#include "tasks/jobs.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/memory.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "obs/spans.h"
#include "obs/tracer.h"
#include "store/due.h"
#include "tasks/hosts.h"

enum {
    RUNNING_MAX = 64,
    SLOW_MAX = 32,
    WISHES_MAX = 256,
    ROUND_MAX = 32, /* leased in one transaction */
    HEARTBEAT_MS = 20 * 1000,
    IDLE_MS = 5000,
    IDLE_AMONG_MS = 500, /* where other hosts may have made work, or left it */
    GATHER_MS = 25,      /* between two times that the same job is made among hosts */
    WRITE_MS = 10 * 1000,
    RELEASE_MS = 2000,
    COLLECT_MS = 5000, /* for a scrape */
    JOB_MS = 60 * 1000,
    ATTEMPTS_MAX = 8,
    AGAIN_MS = 5000,
    STORE_MS = 1000, /* between tries to tell it that a job comes again */
    AGAIN_MAX_MS = 6 * 3600 * 1000,
};

/* That a workspace shall have a job of a kind; kept after the job is on disk, so that the next
 * jobs_want is cheap. */
struct wish {
    const struct job_kind *kind;
    char workspace_id[40];
    uint64_t serial; /* which wish it is: one that was withdrawn and made again is another */
    bool is_made;    /* the job is on disk */
    /* When, monotonic: it is made anew GATHER_MS later at the earliest. 0: at once. */
    int64_t made_ms;
};

struct jobs {
    const struct parts *parts;
    const char *slow_kind; /* NULL: no kind is slow */
    pthread_mutex_t lock;
    struct fiber_parking *waiter; /* of the pump, while it sleeps */
    bool is_due;                  /* woken while it did not sleep */
    struct wish wishes[WISHES_MAX];
    size_t wish_count, unmade;
    uint64_t last_serial;
    atomic_bool stopping;
    struct jobs_burst burst;
    /* The pump's own: */
    size_t running, slow;
    struct task *tasks; /* those that run */
    char cursor[40];    /* the workspace served last */
    int64_t heartbeat_ms;
    bool is_among; /* other hosts, as of the last round */
};

/* The name of the one kind that may be slow, or NULL. Only one: the store excludes one name from
 * leasing. */
static const char *find_slow(const struct task_kinds *kinds) {
    const char *slow = NULL;
    for (size_t i = 0; i < kinds->job_count; i++) {
        if (!kinds->jobs[i]->is_slow)
            continue;
        assert(!slow);
        slow = kinds->jobs[i]->name;
    }
    return slow;
}

struct jobs *jobs_new(const struct parts *parts) {
    struct jobs *j = memory_zeroed(1, sizeof *j);
    j->parts = parts;
    j->slow_kind = find_slow(parts->kinds);
    pthread_mutex_init(&j->lock, NULL);
    return j;
}

void jobs_free(struct jobs *j) {
    if (!j)
        return;
    pthread_mutex_destroy(&j->lock);
    free(j);
}

void jobs_wake(struct jobs *j) {
    if (!j)
        return;
    pthread_mutex_lock(&j->lock);
    j->is_due = true;
    if (j->waiter)
        fiber_unpark(j->waiter);
    j->waiter = NULL;
    pthread_mutex_unlock(&j->lock);
}

/* The wish for a job of this kind and workspace, or NULL. Under the lock, as all wish_*. */
static struct wish *wish_of(struct jobs *j, const struct job_kind *kind, const char *workspace_id) {
    for (size_t i = 0; i < j->wish_count; i++)
        if (j->wishes[i].kind == kind && strcmp(j->wishes[i].workspace_id, workspace_id) == 0)
            return &j->wishes[i];
    return NULL;
}

/* Removes a wish; the last one moves into its place. */
static void wish_drop(struct jobs *j, struct wish *w) {
    j->unmade -= !w->is_made;
    *w = j->wishes[--j->wish_count];
}

/* Room for a new wish, or NULL. When the table is full, wishes whose job is on disk are dropped:
 * they are only made anew. NULL means that the pump is far behind; the sweep (inbox_recover) finds
 * what this wish was for. */
static struct wish *wish_place(struct jobs *j) {
    for (size_t i = 0; j->wish_count == WISHES_MAX && i < WISHES_MAX; i++)
        if (j->wishes[i].is_made)
            wish_drop(j, &j->wishes[i]);
    return j->wish_count < WISHES_MAX ? &j->wishes[j->wish_count++] : NULL;
}

static bool is_among_hosts(const struct jobs *j) {
    return hosts_alive(j->parts->hosts) > 1;
}

/* Says that a wish's job is to be made (once more). True: nobody had said so. */
static bool wish_open(struct jobs *j, struct wish *w) {
    bool was_made = w->is_made;
    w->serial = ++j->last_serial;
    w->is_made = false;
    j->unmade += was_made;
    return was_made;
}

void jobs_want(struct jobs *j, const struct job_kind *kind, const char *workspace_id) {
    if (!j)
        return;
    pthread_mutex_lock(&j->lock);
    struct wish *w = wish_of(j, kind, workspace_id);
    bool is_news = false;
    if (w && is_among_hosts(j)) { /* another host may have ended its job, and told nobody here */
        is_news = wish_open(j, w);
    } else if (!w && (w = wish_place(j))) {
        *w = (struct wish){ .kind = kind, .serial = ++j->last_serial };
        str_copy(w->workspace_id, sizeof w->workspace_id, str_of(workspace_id));
        j->unmade++;
        is_news = true;
    }
    pthread_mutex_unlock(&j->lock);
    if (is_news)
        jobs_wake(j);
}

void jobs_unwant(struct jobs *j, const struct job_kind *kind, const char *workspace_id) {
    if (!j)
        return;
    pthread_mutex_lock(&j->lock);
    struct wish *w = wish_of(j, kind, workspace_id);
    if (w)
        wish_drop(j, w);
    pthread_mutex_unlock(&j->lock);
}

struct jobs_burst *jobs_burst(struct jobs *j) {
    return &j->burst;
}

void jobs_stop(struct jobs *j) {
    if (!j)
        return;
    atomic_store(&j->stopping, true);
    jobs_wake(j);
}

/* Makes all jobs leased by this process ready again. */
static enum err release_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return job_rows_give_back(ctx, tx, ctx->parts->run_id);
}

void jobs_release(struct jobs *j) {
    struct arena *a = arena_new(4096);
    struct ctx ctx;
    ctx_init(&ctx, j->parts, a, RELEASE_MS);
    if (db_write_beside(&ctx, release_write, NULL) != OK) /* the next start takes them back */
        log_warn(&ctx, "leases not released", L("run", j->parts->run_id));
    arena_free(a);
}

bool jobs_is_stopping(const struct jobs *j) {
    return j && atomic_load(&j->stopping);
}

struct confirmed {
    const struct job_row *job;
    db_fn *fn;
    void *arg;
    bool is_mine;
};

static enum err confirm_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct confirmed *c = arg;
    TRY(job_row_confirm(ctx, tx, c->job, ctx->parts->run_id, ava_steady_ms() + JOB_LEASE_MS,
                        &c->is_mine));
    return c->is_mine ? c->fn(ctx, tx, c->arg) : OK;
}

enum err job_write_as(struct ctx *ctx, const struct job_row *job, const char *name, db_fn *fn,
                      void *arg, bool *is_mine) {
    struct confirmed c = { job, fn, arg, false };
    TRY(db_write_as(ctx, name, DB_ALONE_IN_WORKSPACE, confirm_write, &c));
    if (!c.is_mine)
        metric_add(METRIC_JOBS_LOST, 1, job->kind);
    if (is_mine)
        *is_mine = c.is_mine;
    return OK;
}

/* --- one job --------------------------------------------------------------------------------- */

struct task {
    struct task *next;
    struct jobs *jobs;
    struct arena *arena;
    struct ctx ctx;
    struct job_row row;
};

/* Moves a failed job: to a random time, within a bound that doubles with each attempt, or to the
 * dead after ATTEMPTS_MAX. Kinds that last keep the first bound, and never die. */
static enum err again_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct job_row *row = arg;
    const struct job_kind *kind = job_kind_of(ctx->parts, row->kind);
    bool lasts = kind && kind->lasts;
    if (row->attempts >= ATTEMPTS_MAX && !lasts)
        return job_row_bury(ctx, tx, row->id);
    int64_t bound = AGAIN_MS;
    for (int64_t k = 1; !lasts && k < row->attempts && bound < AGAIN_MAX_MS; k++)
        bound *= 2;
    struct job_row next = *row;
    next.run_at_ms = ava_steady_ms() + 1 + (int64_t)ava_rand_below((uint64_t)bound);
    return job_row_put(ctx, tx, &next, NULL, 0);
}

/* Schedules the job again, however long the store takes to be there for it: until then it would stay
 * leased by this process. */
static void come_again(struct jobs *j, struct ctx *ctx, struct job_row *row) {
    for (;;) {
        ctx->deadline_ms = ava_now_ms() + WRITE_MS;
        if (job_write(ctx, row, again_write, row, NULL) == OK || atomic_load(&j->stopping))
            return;
        fiber_sleep(STORE_MS);
    }
}

/* Logs the failure and schedules the job again. */
static void failed(struct task *t, enum err e) {
    log_warn(&t->ctx, "job failed", L("job", t->row.id), L("kind", t->row.kind),
             L("attempts", (long)t->row.attempts), L("code", err_info(e)->code));
    come_again(t->jobs, &t->ctx, &t->row);
}

static bool is_slow(const struct jobs *j, const char *kind) {
    return j->slow_kind && strcmp(kind, j->slow_kind) == 0;
}

/* Takes the job out of the counts of the pump, and frees it. */
static void end_task(struct task *t) {
    struct jobs *j = t->jobs;
    struct task **at = &j->tasks;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    j->running--;
    j->slow -= is_slow(j, t->row.kind);
    arena_free(t->arena);
}

/* A wish that came while the job ran may have found it on disk, where this run had it, and had ended it then without
 * knowing: its job is made once more. Where it is there, that changes nothing. */
static void wish_anew(struct jobs *j, const struct job_row *row) {
    pthread_mutex_lock(&j->lock);
    struct wish *w = wish_of(j, job_kind_of(j->parts, row->kind), row->workspace_id);
    if (w && w->is_made) {
        wish_open(j, w);
        w->made_ms = 0;
    }
    pthread_mutex_unlock(&j->lock);
}

/* The fiber of a job: runs its handler, and wakes the pump since there is room again. */
static void task_run(void *arg) {
    struct task *t = arg;
    struct jobs *j = t->jobs;
    const struct job_kind *kind = job_kind_of(j->parts, t->row.kind);
    spans_begin(&t->ctx, SPAN_INTERNAL, "job", kind ? kind->name : NULL);
    span_text(spans_root(&t->ctx), "ava.job.id", t->row.id);
    span_number(spans_root(&t->ctx), "ava.job.attempts", t->row.attempts);
    enum err e = kind ? kind->work(&t->ctx, &t->row) : ERR_INTERNAL;
    metric_add(METRIC_JOBS_RUN, 1, t->row.kind, e == OK ? "ok" : "failed");
    if (e != OK)
        failed(t, e);
    spans_end(&t->ctx, e == OK ? NULL : err_info(e)->code);
    wish_anew(j, &t->row);
    end_task(t);
    jobs_wake(j);
}

/* On the stack of the loop: counts the job as running and gives it a fiber. NULL in arg then: there
 * was no room for one. */
static void task_begin(void *arg) {
    struct task **t = arg;
    struct jobs *j = (*t)->jobs;
    (*t)->next = j->tasks;
    j->tasks = *t;
    j->running++;
    j->slow += is_slow(j, (*t)->row.kind);
    if (fiber_run(task_run, *t))
        return;
    end_task(*t);
    *t = NULL;
}

/* Gives a leased job an arena and a ctx of its own, and starts it, or makes it wait when there is no
 * room. Copies the row. */
static void start(struct jobs *j, struct ctx *ctx, struct job_row *row) {
    struct arena *a = arena_new(4 << 20);
    struct task *t = arena_alloc(a, sizeof *t);
    *t = (struct task){ .jobs = j, .arena = a, .row = *row };
    ctx_init(&t->ctx, j->parts, a, JOB_MS);
    tracer_choose(j->parts->tracer, &t->ctx.trace, ava_now_ms());
    str_copy(t->ctx.who.workspace_id, sizeof t->ctx.who.workspace_id, str_of(row->workspace_id));
    t->row.id = arena_strdup(a, row->id);
    t->row.workspace_id = arena_strdup(a, row->workspace_id);
    t->row.kind = arena_strdup(a, row->kind);
    t->row.object = arena_strdup(a, row->object);
    fiber_on_loop(task_begin, &t);
    if (!t)
        come_again(j, ctx, row);
}

/* --- the pump -------------------------------------------------------------------------------- */

struct round {
    struct jobs *jobs;
    struct job_row rows[ROUND_MAX];
    size_t count, room, slow;       /* room, slow: as it stood when the round began */
    struct wish wanted[WISHES_MAX]; /* whose jobs are to be made now */
    size_t wanted_count;
    int64_t gather_ms; /* until the next of those that are to be made later */
};

/* The pumps of all hosts make jobs in one order, and none waits for one that waits for it. */
static int by_job(const void *a, const void *b) {
    const struct wish *x = a, *y = b;
    int by_kind = strcmp(x->kind->name, y->kind->name);
    return by_kind ? by_kind : strcmp(x->workspace_id, y->workspace_id);
}

/* Copies the wishes whose jobs are to be made into the round: at once where nobody made the job just now. */
static void wishes_read(struct jobs *j, struct round *r) {
    int64_t now_ms = ava_now_ms();
    r->gather_ms = INT64_MAX;
    pthread_mutex_lock(&j->lock);
    for (size_t i = 0; j->unmade && i < j->wish_count; i++) {
        const struct wish *w = &j->wishes[i];
        int64_t in_ms = w->made_ms ? w->made_ms + GATHER_MS - now_ms : 0;
        if (!w->is_made && in_ms <= 0)
            r->wanted[r->wanted_count++] = *w;
        else if (!w->is_made && in_ms < r->gather_ms)
            r->gather_ms = in_ms;
    }
    pthread_mutex_unlock(&j->lock);
    qsort(r->wanted, r->wanted_count, sizeof *r->wanted, by_job);
}

/* Marks the wishes of the round as made, once their jobs are on disk. One that has another serial by now
 * came after a handler, here or at another host, may have ended the job of the round: it is still to be made. */
static void wishes_made(struct jobs *j, const struct round *r) {
    int64_t now_ms = ava_now_ms();
    pthread_mutex_lock(&j->lock);
    for (size_t i = 0; i < r->wanted_count; i++) {
        struct wish *w = wish_of(j, r->wanted[i].kind, r->wanted[i].workspace_id);
        if (!w)
            continue;
        w->made_ms = is_among_hosts(j) ? now_ms : 0;
        if (w->serial != r->wanted[i].serial)
            continue;
        j->unmade--;
        w->is_made = true;
    }
    pthread_mutex_unlock(&j->lock);
}

/* The kind not to lease now because SLOW_MAX of it are running; NULL: lease any kind. */
static const char *not_kind(const struct round *r) {
    size_t slow = r->slow;
    for (size_t i = 0; i < r->count; i++)
        slow += is_slow(r->jobs, r->rows[i].kind);
    return slow >= SLOW_MAX ? r->jobs->slow_kind : NULL;
}

/* Leases one job that is due, of the next workspace after this one. row->id NULL: there is none. */
static enum err lease_one(struct ctx *ctx, struct db_conn *tx, const struct round *r,
                          const char *after, struct job_row *row) {
    int64_t now_ms = ava_steady_ms();
    return job_row_lease(ctx, tx,
                         &(struct job_bid){ .after = after,
                                            .not_kind = not_kind(r),
                                            .now_ms = now_ms,
                                            .owner = ctx->parts->run_id,
                                            .lease_until_ms = now_ms + JOB_LEASE_MS },
                         row);
}

/* One transaction: makes the jobs that were wished for, then leases up to r->room of those due,
 * each time of the next workspace; after the last workspace comes the first again. */
static enum err lease_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct round *r = arg;
    char cursor[sizeof r->jobs->cursor];
    str_copy(cursor, sizeof cursor, str_of(r->jobs->cursor));
    for (size_t i = 0; i < r->wanted_count; i++)
        TRY(r->wanted[i].kind->want(ctx, tx, r->wanted[i].workspace_id));
    for (r->count = 0; r->count < r->room; r->count++) {
        struct job_row *row = &r->rows[r->count];
        TRY(lease_one(ctx, tx, r, cursor, row));
        if (!row->id && cursor[0])
            TRY(lease_one(ctx, tx, r, "", row));
        if (!row->id)
            break;
        str_copy(cursor, sizeof cursor, str_of(row->workspace_id));
    }
    return OK;
}

/* What runs when the pump looks; copied, since it may end while the writer works. */
struct beat {
    struct job_row rows[RUNNING_MAX];
    size_t count;
};

/* Notes the clock, extends the leases of what runs here, and takes back those that ran out. */
static enum err beat_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct beat *b = arg;
    int64_t now_ms = ava_steady_ms();
    TRY(due_note(ctx, tx, now_ms));
    for (size_t i = 0; i < b->count; i++)
        TRY(job_row_extend(ctx, tx, &b->rows[i], ctx->parts->run_id, now_ms + JOB_LEASE_MS));
    return job_rows_reclaim(ctx, tx, now_ms, NULL);
}

static void beat(struct jobs *j, struct ctx *ctx) {
    struct beat *b = arena_alloc(ctx->arena, sizeof *b);
    b->count = 0;
    for (const struct task *t = j->tasks; t && b->count < RUNNING_MAX; t = t->next)
        b->rows[b->count++] = (struct job_row){ .id = arena_strdup(ctx->arena, t->row.id),
                                                .attempts = t->row.attempts };
    db_write_beside(ctx, beat_write, b);
}

static int64_t idle_ms(const struct jobs *j) {
    return is_among_hosts(j) ? IDLE_AMONG_MS : IDLE_MS;
}

/* Since another host came, what was made may be over: it is made once more. */
static void wishes_renew(struct jobs *j) {
    bool was = j->is_among;
    j->is_among = is_among_hosts(j);
    if (was || !j->is_among)
        return;
    pthread_mutex_lock(&j->lock);
    for (size_t i = 0; i < j->wish_count; i++)
        wish_open(j, &j->wishes[i]);
    pthread_mutex_unlock(&j->lock);
}

/* One round of the pump: extends leases, makes wished jobs, leases and starts what is due. Returns
 * for how many ms there is nothing to do; 0: go round again. */
static int64_t go_round(struct jobs *j, struct ctx *ctx) {
    struct round *r = arena_alloc(ctx->arena, sizeof *r);
    r->jobs = j;
    r->room = RUNNING_MAX - j->running;
    r->slow = j->slow;
    int64_t due_ms = INT64_MAX, idle = idle_ms(j);
    if (r->room > ROUND_MAX)
        r->room = ROUND_MAX;
    if (ava_now_ms() >= j->heartbeat_ms) {
        j->heartbeat_ms = ava_now_ms() + HEARTBEAT_MS;
        beat(j, ctx);
    }
    if (r->room == 0)
        return idle;
    wishes_renew(j);
    wishes_read(j, r);
    if (r->gather_ms < idle)
        idle = r->gather_ms;
    if (job_rows_next_due(ctx, db_reader(ctx), not_kind(r), &due_ms) != OK)
        return idle;
    int64_t in_ms = due_ms == INT64_MAX ? idle : due_ms - ava_steady_ms();
    if (in_ms > 0 && !r->wanted_count)
        return in_ms < idle ? in_ms : idle;
    if (db_write_beside(ctx, lease_write, r) != OK)
        return idle;
    wishes_made(j, r);
    for (size_t i = 0; i < r->count; i++)
        start(j, ctx, &r->rows[i]);
    if (r->count)
        str_copy(j->cursor, sizeof j->cursor, str_of(r->rows[r->count - 1].workspace_id));
    return r->count ? 0 : idle;
}

/* Registers the pump as asleep. False when it was woken meanwhile, and must not sleep. */
static bool lie_down(struct jobs *j, struct fiber_parking *parking) {
    pthread_mutex_lock(&j->lock);
    bool is_due = j->is_due;
    j->is_due = false;
    j->waiter = is_due ? NULL : parking;
    pthread_mutex_unlock(&j->lock);
    return !is_due;
}

static void get_up(struct jobs *j) {
    pthread_mutex_lock(&j->lock);
    j->waiter = NULL;
    j->is_due = false;
    pthread_mutex_unlock(&j->lock);
}

/* Sleeps until that time, or until jobs_wake. */
static void sleep_until(struct jobs *j, int64_t until_ms) {
    struct fiber_parking parking;
    fiber_parking_init(&parking);
    if (!lie_down(j, &parking))
        return;
    fiber_park(&parking, until_ms, NULL, NULL);
    get_up(j);
}

/* The fiber that goes round until jobs_stop; each round has an arena of its own. */
static void pump(void *arg) {
    struct jobs *j = arg;
    while (!atomic_load(&j->stopping)) {
        struct arena *a = arena_new(1 << 20);
        struct ctx ctx;
        ctx_init(&ctx, j->parts, a, WRITE_MS);
        int64_t rest_ms = go_round(j, &ctx);
        arena_free(a);
        if (rest_ms > 0)
            sleep_until(j, ava_now_ms() + rest_ms);
    }
}

void jobs_start(struct jobs *j) {
    j->heartbeat_ms = ava_now_ms() + HEARTBEAT_MS;
    if (!fiber_run(pump, j))
        abort(); /* the first fiber of its loop */
}

/* --- seen from outside ----------------------------------------------------------------------- */

/* The counts of one kind from the store; zeros where the store does not answer. */
static struct job_counts count(struct ctx *ctx, const char *kind) {
    struct job_counts counts = { 0 };
    SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx);
    if (job_rows_count(ctx, db_reader(ctx), kind, ava_steady_ms(), &counts) != OK)
        counts = (struct job_counts){ 0 };
    return counts;
}

struct jobs_state jobs_state(struct ctx *ctx) {
    struct jobs_state state = { 0 };
    int64_t now_ms = ava_steady_ms();
    const struct task_kinds *kinds = ctx->parts->kinds;
    for (size_t i = 0; i < kinds->job_count; i++) {
        struct job_counts c = count(ctx, kinds->jobs[i]->name);
        state.waiting += c.ready;
        state.dead += c.dead;
        if (c.oldest_due_ms && now_ms - c.oldest_due_ms > state.oldest_ms)
            state.oldest_ms = now_ms - c.oldest_due_ms;
    }
    return state;
}

void jobs_collect(void *arg) {
    struct jobs *j = arg;
    const struct task_kinds *kinds = j->parts->kinds;
    struct arena *a = arena_new(4096);
    struct ctx ctx;
    ctx_init(&ctx, j->parts, a, COLLECT_MS);
    for (size_t i = 0; i < kinds->job_count; i++) {
        const char *name = kinds->jobs[i]->name;
        struct job_counts c = count(&ctx, name);
        metric_set(METRIC_JOBS_READY, (double)c.ready, name);
        metric_set(METRIC_JOBS_DEAD, (double)c.dead, name);
    }
    metric_set(METRIC_JOBS_OLDEST, (double)jobs_state(&ctx).oldest_ms / 1000, NULL);
    arena_free(a);
}
