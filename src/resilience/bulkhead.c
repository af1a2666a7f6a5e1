#include "resilience/bulkhead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/fiber.h"
#include "base/memory.h"
#include "obs/metrics.h"
#include "resilience/keyhash.h"
#include "resilience/table.h"

enum { WORKSPACES_MAX = 4096, EVICTION_TRIES = 8 };

/* A limit that breathes: additive increase, multiplicative decrease. */
struct breath {
    double limit;
    unsigned max, successes;
    uint64_t cut_at; /* calls that entered up to then do not cut again */
};

struct waiter { /* on the waiting caller's stack */
    struct fiber_parking parking;
    struct waiter *next, *before;
    uint64_t entered;
    bool is_granted;
};

struct bulkhead_workspace {
    struct table_node node;
    char *id;
    struct breath breath;
    unsigned in_flight, waiting;
    struct waiter *first, *last;
    struct bulkhead_workspace *next, *before; /* in the round of those who wait */
};

struct side { /* one provider */
    pthread_mutex_t lock;
    struct breath breath;
    unsigned workspace_max;
    unsigned in_flight, waiting;
    uint64_t entered;
    uint64_t troubled; /* hash of the workspace whose trouble was last; 0: none */
    struct table workspaces;
    struct bulkhead_workspace *turn; /* whose turn it is; NULL when nobody waits */
};

struct bulkhead {
    int64_t wait_ms;
    struct side sides[PROVIDER_COUNT];
};

static unsigned limit_min(const struct breath *b) {
    return b->max < BULKHEAD_LIMIT_MIN ? b->max : BULKHEAD_LIMIT_MIN;
}

static unsigned limit_of(const struct breath *b) {
    return (unsigned)b->limit;
}

/* Sets the limit, within BULKHEAD_LIMIT_MIN and the maximum. */
static void breath_set(struct breath *b, double limit) {
    if (limit < limit_min(b))
        limit = limit_min(b);
    b->limit = limit > b->max ? b->max : limit;
    b->successes = 0;
}

/* A success: after as many as the limit, the limit grows by one. */
static void breath_in(struct breath *b) {
    if (++b->successes >= limit_of(b))
        breath_set(b, b->limit + 1);
}

/* Trouble: a tenth less, unless the call had begun before the last cut. */
static void breath_out(struct breath *b, uint64_t entered, uint64_t newest) {
    if (entered <= b->cut_at)
        return;
    breath_set(b, b->limit * 0.9);
    b->cut_at = newest;
}

/* What an outcome does to the limits: the workspace's at once, the provider's when two different
 * workspaces had trouble. */
static void learn(struct side *s, struct bulkhead_workspace *w, uint64_t entered, enum outcome o,
                  bool timed_out) {
    uint64_t who = w->node.hash;
    if (o == OUTCOME_OK || o == OUTCOME_SLOW) {
        breath_in(&s->breath);
        breath_in(&w->breath);
        if (s->troubled != who)
            s->troubled = 0;
    } else if (o == OUTCOME_THROTTLE || (o == OUTCOME_FAIL && timed_out)) {
        breath_out(&w->breath, entered, s->entered);
        if (s->troubled && s->troubled != who)
            breath_out(&s->breath, entered, s->entered);
        s->troubled = who;
    }
}

static bool is_named(const struct table_node *n, const void *id) {
    return strcmp(CONTAINER_OF(n, struct bulkhead_workspace, node)->id, id) == 0;
}

static struct bulkhead_workspace *workspace_of(struct table_node *n) {
    return n ? CONTAINER_OF(n, struct bulkhead_workspace, node) : NULL;
}

static struct bulkhead_workspace *workspace_find(const struct side *s, const char *id) {
    return workspace_of(table_find(&s->workspaces, keyhash_of(str_of(id)), is_named, id));
}

static void workspace_drop(struct side *s, struct bulkhead_workspace *w) {
    table_remove(&s->workspaces, &w->node);
    free(w->id);
    free(w);
}

/* Only idle ones go; those that are not are bounded by the places and the queue. */
static void workspaces_trim(struct side *s) {
    for (int i = 0; i < EVICTION_TRIES && s->workspaces.count >= WORKSPACES_MAX; i++) {
        struct bulkhead_workspace *w = workspace_of(s->workspaces.oldest);
        if (w->in_flight || w->waiting)
            table_touch(&s->workspaces, &w->node);
        else
            workspace_drop(s, w);
    }
}

/* The record of a workspace, made at first sight. */
static struct bulkhead_workspace *workspace_get(struct side *s, const char *id) {
    struct bulkhead_workspace *w = workspace_find(s, id);
    if (w) {
        table_touch(&s->workspaces, &w->node);
        return w;
    }
    workspaces_trim(s);
    w = memory_zeroed(1, sizeof *w);
    w->id = memory_copy(id);
    w->breath = (struct breath){ .limit = s->workspace_max, .max = s->workspace_max };
    table_add(&s->workspaces, &w->node, keyhash_of(str_of(id)));
    return w;
}

/* A workspace begins to wait: it comes behind all others of the round. */
static void round_join(struct side *s, struct bulkhead_workspace *w) {
    if (!s->turn) {
        s->turn = w->next = w->before = w;
        return;
    }
    w->next = s->turn; /* behind everybody else */
    w->before = s->turn->before;
    w->before->next = w;
    s->turn->before = w;
}

/* A workspace has nobody waiting any more. */
static void round_leave(struct side *s, struct bulkhead_workspace *w) {
    if (s->turn == w)
        s->turn = w->next == w ? NULL : w->next;
    w->before->next = w->next;
    w->next->before = w->before;
    w->next = w->before = NULL;
}

static void queue(struct side *s, struct bulkhead_workspace *w, struct waiter *me) {
    me->next = NULL;
    me->before = w->last;
    if (w->last)
        w->last->next = me;
    else
        w->first = me;
    w->last = me;
    s->waiting++;
    if (w->waiting++ == 0)
        round_join(s, w);
}

static void unqueue(struct side *s, struct bulkhead_workspace *w, struct waiter *me) {
    if (me->before)
        me->before->next = me->next;
    else
        w->first = me->next;
    if (me->next)
        me->next->before = me->before;
    else
        w->last = me->before;
    s->waiting--;
    if (--w->waiting == 0)
        round_leave(s, w);
}

static bool has_room(const struct side *s, const struct bulkhead_workspace *w) {
    return s->in_flight < limit_of(&s->breath) && w->in_flight < limit_of(&w->breath);
}

static uint64_t take(struct side *s, struct bulkhead_workspace *w) {
    s->in_flight++;
    w->in_flight++;
    return ++s->entered;
}

/* The next workspace, in turn, that may have another place. */
static struct bulkhead_workspace *whose_turn(const struct side *s) {
    struct bulkhead_workspace *w = s->turn;
    do {
        if (!w || has_room(s, w))
            return w;
        w = w->next;
    } while (w != s->turn);
    return NULL;
}

/* Gives free places to waiters, one per workspace and round. */
static void pump(struct side *s) {
    while (s->turn && s->in_flight < limit_of(&s->breath)) {
        struct bulkhead_workspace *w = whose_turn(s);
        if (!w)
            return;
        struct waiter *lucky = w->first;
        s->turn = w->next;
        unqueue(s, w, lucky);
        lucky->entered = take(s, w);
        lucky->is_granted = true;
        fiber_unpark(&lucky->parking);
    }
}

static void breath_retune(struct breath *b, unsigned max) {
    double limit = b->limit * max / b->max;
    b->max = max;
    breath_set(b, limit);
}

void bulkhead_retune(struct bulkhead *b, const struct bulkhead_conf *conf) {
    for (enum provider p = 0; p < PROVIDER_COUNT; p++) {
        struct side *s = &b->sides[p];
        pthread_mutex_lock(&s->lock);
        if (s->breath.max != conf->provider_max)
            breath_retune(&s->breath, conf->provider_max);
        for (struct table_node *n = s->workspaces.newest; n; n = n->older)
            if (workspace_of(n)->breath.max != conf->workspace_max)
                breath_retune(&workspace_of(n)->breath, conf->workspace_max);
        s->workspace_max = conf->workspace_max;
        pump(s); /* there may be room for those who wait */
        pthread_mutex_unlock(&s->lock);
    }
}

static void count_rejection(enum provider p, const char *reason) {
    metric_add(METRIC_BULKHEAD_REJECTIONS, 1, provider_name(p), reason);
}

struct bulkhead *bulkhead_new(const struct bulkhead_conf *conf) {
    struct bulkhead *b = memory_zeroed(1, sizeof *b);
    b->wait_ms = conf->wait_ms;
    for (enum provider p = 0; p < PROVIDER_COUNT; p++) {
        pthread_mutex_init(&b->sides[p].lock, NULL);
        b->sides[p].breath =
            (struct breath){ .limit = conf->provider_max, .max = conf->provider_max };
        b->sides[p].workspace_max = conf->workspace_max;
        metric_add(METRIC_BULKHEAD_REJECTIONS, 0, provider_name(p), "queue_full");
        metric_add(METRIC_BULKHEAD_REJECTIONS, 0, provider_name(p), "waited");
    }
    return b;
}

void bulkhead_free(struct bulkhead *b) {
    for (enum provider p = 0; b && p < PROVIDER_COUNT; p++) {
        struct side *s = &b->sides[p];
        while (s->workspaces.oldest)
            workspace_drop(s, workspace_of(s->workspaces.oldest));
        table_fini(&s->workspaces);
        pthread_mutex_destroy(&s->lock);
    }
    free(b);
}

/* Waits its turn; the lock is held before and after, not while. */
static bool wait_turn(struct side *s, struct bulkhead_workspace *w, int64_t until_ms,
                      uint64_t *entered) {
    struct waiter me = { .is_granted = false };
    fiber_parking_init(&me.parking);
    queue(s, w, &me);
    pthread_mutex_unlock(&s->lock);
    fiber_park(&me.parking, until_ms, NULL, NULL);
    pthread_mutex_lock(&s->lock);
    if (!me.is_granted)
        unqueue(s, w, &me);
    *entered = me.entered;
    return me.is_granted;
}

bool bulkhead_enter(struct bulkhead *b, enum provider p, const char *workspace_id, int64_t until_ms,
                    struct bulkhead_place *out) {
    struct side *s = &b->sides[p];
    const char *refusal = NULL;
    uint64_t entered = 0;
    int64_t patience_ms = ava_now_ms() + b->wait_ms;
    pthread_mutex_lock(&s->lock);
    struct bulkhead_workspace *w = workspace_get(s, workspace_id);
    if (has_room(s, w)) /* then nobody of w waits: pump left none behind */
        entered = take(s, w);
    else if (s->waiting >= limit_of(&s->breath) || w->waiting >= limit_of(&w->breath))
        refusal = "queue_full";
    else if (!wait_turn(s, w, until_ms < patience_ms ? until_ms : patience_ms, &entered))
        refusal = "waited";
    if (!refusal)
        *out = (struct bulkhead_place){ .provider = p, .workspace = w, .entered = entered };
    pthread_mutex_unlock(&s->lock);
    if (refusal)
        count_rejection(p, refusal);
    return !refusal;
}

void bulkhead_leave(struct bulkhead *b, struct bulkhead_place *place, enum outcome o,
                    bool timed_out) {
    struct bulkhead_workspace *w = place->workspace;
    if (!w)
        return;
    place->workspace = NULL;
    struct side *s = &b->sides[place->provider];
    pthread_mutex_lock(&s->lock);
    s->in_flight--;
    w->in_flight--;
    learn(s, w, place->entered, o, timed_out);
    pump(s);
    pthread_mutex_unlock(&s->lock);
}

void bulkhead_restart(struct bulkhead *b, enum provider p, const char *workspace_id) {
    struct side *s = &b->sides[p];
    pthread_mutex_lock(&s->lock);
    struct breath *breath = &s->breath;
    if (workspace_id)
        breath = &workspace_get(s, workspace_id)->breath;
    breath_set(breath, breath->max / 4);
    pthread_mutex_unlock(&s->lock);
}

struct bulkhead_state bulkhead_state(struct bulkhead *b, enum provider p,
                                     const char *workspace_id) {
    struct side *s = &b->sides[p];
    pthread_mutex_lock(&s->lock);
    struct bulkhead_state state = { .limit = s->workspace_max };
    const struct bulkhead_workspace *w = workspace_id ? workspace_find(s, workspace_id) : NULL;
    if (w)
        state = (struct bulkhead_state){ w->in_flight, limit_of(&w->breath), w->waiting };
    else if (!workspace_id)
        state = (struct bulkhead_state){ s->in_flight, limit_of(&s->breath), s->waiting };
    pthread_mutex_unlock(&s->lock);
    return state;
}

void bulkhead_collect(void *bulkhead) {
    for (enum provider p = 0; p < PROVIDER_COUNT; p++)
        metric_set(METRIC_BULKHEAD_IN_FLIGHT, bulkhead_state(bulkhead, p, NULL).in_flight,
                   provider_name(p));
}
