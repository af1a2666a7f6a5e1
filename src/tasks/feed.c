#include "tasks/feed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/memory.h"
#include "obs/metrics.h"

enum { BUCKETS = 1024, ID_BYTES = 40, QUEUE_FIRST = 8 };

static const char LOST[] = "lost";

/* Shared by the ring and every queue it waits in. */
struct message {
    struct feed_event event; /* first: what subscribers get to see */
    atomic_uint holders;
    char workspace_id[ID_BYTES]; /* empty: for everybody */
    char text[];
};

struct feed_sub {
    struct feed *feed;
    char workspace_id[ID_BYTES], user_id[ID_BYTES];
    void (*wake)(void *arg);
    void *arg;
    struct feed_sub *next_of_workspace, *next_of_user;
    struct message **queue; /* a ring of room entries */
    size_t first, count, room, bytes;
    int64_t lost_id; /* 0: nothing was lost since the last take */
};

struct feed {
    pthread_mutex_t lock;
    struct feed_sub *by_workspace[BUCKETS], *by_user[BUCKETS];
    size_t sub_count, subs_max;
    struct message *ring[FEED_RING_MAX];
    size_t first, count, bytes;
    int64_t last_id, forgotten_id; /* the newest of all; the newest that left the ring */
};

/* FNV-1a of an id, over the buckets. */
static size_t bucket_of(const char *id) {
    uint32_t h = 2166136261u;
    for (; *id; id++)
        h = (h ^ (unsigned char)*id) * 16777619u;
    return h % BUCKETS;
}

/* The clock in microseconds, or one more than the last id where that is greater. */
static int64_t next_id(struct feed *f) {
    int64_t now = ava_wall_ms() * 1000;
    f->last_id = now > f->last_id ? now : f->last_id + 1;
    return f->last_id;
}

/* --- messages -------------------------------------------------------------------------------- */

/* A copy of the event, held once, by the caller; one that is too large becomes "lost". */
static struct message *message_new(const char *workspace_id, const char *event, struct str json) {
    if (json.len > FEED_EVENT_BYTES_MAX) {
        event = LOST;
        json = STR("{}");
    }
    struct message *m = memory_take(sizeof *m + json.len);
    memcpy(m->text, json.ptr, json.len);
    m->event = (struct feed_event){ 0, event, { m->text, json.len } };
    atomic_init(&m->holders, 1);
    str_copy(m->workspace_id, sizeof m->workspace_id, str_of(workspace_id ? workspace_id : ""));
    return m;
}

void feed_release(const struct feed_event *e) {
    struct message *m = e ? CONTAINER_OF(e, struct message, event) : NULL;
    if (m && atomic_fetch_sub(&m->holders, 1) == 1)
        free(m);
}

/* --- the queue of a subscriber --------------------------------------------------------------- */

/* The oldest that waits; who held it for the queue holds it for the caller now. */
static struct message *pop(struct feed_sub *s) {
    struct message *m = s->queue[s->first];
    s->first = (s->first + 1) % s->room;
    s->count--;
    s->bytes -= m->event.json.len;
    return m;
}

/* All that waits is out of date then: it must read anew in any case. */
static void lose(struct feed_sub *s, int64_t id) {
    while (s->count)
        feed_release(&pop(s)->event);
    if (!s->lost_id)
        metric_add(METRIC_STREAM_LOST, 1, NULL);
    s->lost_id = id;
}

/* Doubles the queue, from QUEUE_FIRST on: most subscribers never need FEED_QUEUE_MAX. */
static void grow(struct feed_sub *s) {
    size_t room = s->room ? s->room * 2 : QUEUE_FIRST;
    struct message **queue = memory_take(room * sizeof(struct message *));
    for (size_t i = 0; i < s->count; i++)
        queue[i] = s->queue[(s->first + i) % s->room];
    free(s->queue);
    s->queue = queue;
    s->room = room;
    s->first = 0;
}

/* Puts a message into the queue of one subscriber; a full queue is dropped and becomes "lost". */
static void push(struct feed_sub *s, struct message *m) {
    if (s->count == FEED_QUEUE_MAX || s->bytes + m->event.json.len > FEED_QUEUE_BYTES_MAX) {
        lose(s, m->event.id); /* this one too: it is part of what must be read anew */
        return;
    }
    if (s->count == s->room)
        grow(s);
    s->queue[(s->first + s->count++) % s->room] = m;
    s->bytes += m->event.json.len;
    atomic_fetch_add(&m->holders, 1);
}

/* True for a message of the same workspace, and for one to everybody. */
static bool concerns(const struct message *m, const struct feed_sub *s) {
    return !m->workspace_id[0] || strcmp(m->workspace_id, s->workspace_id) == 0;
}

/* Queues a message for those subscribers of a bucket whom it concerns, and wakes them. */
static void tell(struct feed_sub *first, struct message *m) {
    for (struct feed_sub *s = first; s; s = s->next_of_workspace) {
        if (!concerns(m, s))
            continue;
        push(s, m);
        s->wake(s->arg);
    }
}

/* --- the ring of the installation ------------------------------------------------------------ */

/* Drops the oldest of the ring: who comes back without having seen it is told "lost". */
static void forget_oldest(struct feed *f) {
    struct message *m = f->ring[f->first];
    f->first = (f->first + 1) % FEED_RING_MAX;
    f->count--;
    f->bytes -= m->event.json.len;
    f->forgotten_id = m->event.id;
    feed_release(&m->event);
}

/* Puts a message into the ring, making room by count and by bytes; takes over its reference. */
static void remember(struct feed *f, struct message *m) {
    while (f->count == FEED_RING_MAX ||
           (f->count && f->bytes + m->event.json.len > FEED_RING_BYTES_MAX))
        forget_oldest(f);
    f->ring[(f->first + f->count++) % FEED_RING_MAX] = m;
    f->bytes += m->event.json.len;
}

/* Queues what happened since last_id, if all of it is still known; returns the id it begins from, 0
 * where it is lost. Somebody who is cut before the first of it arrives comes back with that id. */
static int64_t replay(struct feed *f, struct feed_sub *s, struct str last_id) {
    int64_t last;
    if (!str_to_i64(last_id, 0, INT64_MAX, &last) || last < f->forgotten_id || last > f->last_id) {
        lose(s, f->last_id);
        return 0;
    }
    for (size_t i = 0; i < f->count; i++) {
        struct message *m = f->ring[(f->first + i) % FEED_RING_MAX];
        if (m->event.id > last && concerns(m, s))
            push(s, m);
    }
    return last;
}

/* --- the feed -------------------------------------------------------------------------------- */

/* Starts with nothing known of what was before, so that an id from a former process is "lost". */
struct feed *feed_new(size_t subs_max) {
    struct feed *f = memory_zeroed(1, sizeof *f);
    pthread_mutex_init(&f->lock, NULL);
    f->subs_max = subs_max;
    f->forgotten_id = next_id(f); /* of what was before, nothing is known */
    metric_set(METRIC_STREAM_CONNECTIONS, 0, NULL);
    metric_add(METRIC_STREAM_LOST, 0, NULL);
    return f;
}

void feed_free(struct feed *f) {
    if (!f)
        return;
    while (f->count)
        forget_oldest(f);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

/* Queues the event for all whom it concerns, and keeps it in the ring or not. */
static void publish(struct feed *f, const char *workspace_id, const char *event, struct str json,
                    bool is_kept) {
    if (!f)
        return;
    struct message *m = message_new(workspace_id, event, json);
    pthread_mutex_lock(&f->lock);
    m->event.id = next_id(f);
    if (is_kept)
        remember(f, m);
    for (size_t i = 0; !workspace_id && i < BUCKETS; i++)
        tell(f->by_workspace[i], m);
    if (workspace_id)
        tell(f->by_workspace[bucket_of(workspace_id)], m);
    pthread_mutex_unlock(&f->lock);
    if (!is_kept)
        feed_release(&m->event);
    metric_add(METRIC_STREAM_EVENTS, 1, event);
}

void feed_publish(struct feed *f, const char *workspace_id, const char *event, struct str json) {
    publish(f, workspace_id, event, json, true);
}

void feed_hint(struct feed *f, const char *workspace_id, const char *event, struct str json) {
    publish(f, workspace_id, event, json, false);
}

/* Whether there is a place for one more of this user. Under the lock. */
static enum err admit(const struct feed *f, const char *user_id) {
    size_t mine = 0;
    for (const struct feed_sub *s = f->by_user[bucket_of(user_id)]; s; s = s->next_of_user)
        mine += strcmp(s->user_id, user_id) == 0;
    if (mine >= FEED_PER_USER_MAX)
        return ERR_RATE_LIMITED;
    return f->sub_count >= f->subs_max ? ERR_OVERLOADED : OK;
}

/* Links a subscriber into the buckets of its workspace and of its user. Under the lock. */
static void enter(struct feed *f, struct feed_sub *s) {
    struct feed_sub **w = &f->by_workspace[bucket_of(s->workspace_id)];
    struct feed_sub **u = &f->by_user[bucket_of(s->user_id)];
    s->next_of_workspace = *w;
    s->next_of_user = *u;
    *w = *u = s;
    metric_set(METRIC_STREAM_CONNECTIONS, (double)++f->sub_count, NULL);
}

enum err feed_subscribe(struct feed *f, const struct feed_place *place, struct feed_sub **out,
                        int64_t *since) {
    struct feed_sub *s = memory_zeroed(1, sizeof *s);
    s->feed = f;
    s->wake = place->wake;
    s->arg = place->arg;
    str_copy(s->workspace_id, sizeof s->workspace_id, str_of(place->workspace_id));
    str_copy(s->user_id, sizeof s->user_id, str_of(place->user_id));
    pthread_mutex_lock(&f->lock);
    enum err e = admit(f, s->user_id);
    if (e == OK) {
        enter(f, s);
        *since = place->last_id.ptr ? replay(f, s, place->last_id) : next_id(f);
        *out = s;
    }
    pthread_mutex_unlock(&f->lock);
    if (e != OK)
        free(s);
    return e;
}

int64_t feed_mark(struct feed_sub *s) {
    pthread_mutex_lock(&s->feed->lock);
    int64_t id = s->count || s->lost_id ? 0 : next_id(s->feed);
    pthread_mutex_unlock(&s->feed->lock);
    return id;
}

void feed_unsubscribe(struct feed_sub *s) {
    struct feed *f = s->feed;
    pthread_mutex_lock(&f->lock);
    struct feed_sub **w = &f->by_workspace[bucket_of(s->workspace_id)];
    while (*w != s)
        w = &(*w)->next_of_workspace;
    *w = s->next_of_workspace;
    struct feed_sub **u = &f->by_user[bucket_of(s->user_id)];
    while (*u != s)
        u = &(*u)->next_of_user;
    *u = s->next_of_user;
    metric_set(METRIC_STREAM_CONNECTIONS, (double)--f->sub_count, NULL);
    pthread_mutex_unlock(&f->lock);
    while (s->count)
        feed_release(&pop(s)->event);
    free(s->queue);
    free(s);
}

const struct feed_event *feed_take(struct feed_sub *s) {
    struct message *m = NULL;
    pthread_mutex_lock(&s->feed->lock);
    int64_t lost_id = s->lost_id;
    s->lost_id = 0;
    if (!lost_id && s->count)
        m = pop(s);
    pthread_mutex_unlock(&s->feed->lock);
    if (lost_id) {
        m = message_new(s->workspace_id, LOST, STR("{}"));
        m->event.id = lost_id;
    }
    return m ? &m->event : NULL;
}
