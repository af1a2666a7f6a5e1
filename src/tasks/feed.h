/* feed: what just happened in a workspace, for whoever watches it now.
 *
 * Anybody publishes, from any thread and without waiting; subscribers take what concerns their
 * workspace, and nothing of another one. A subscriber that does not keep up never holds anybody
 * back: what it did not take in time is dropped, and it gets one event "lost" instead, which says
 * that it must read anew what it shows. So the feed only ever hints at what the API answers; it is
 * no log, and does not outlive the process.
 *
 * Ids rise, over restarts too (they are made of the clock, so they tell nothing of how much others
 * do). Who was away comes with the last id it saw, and gets what happened since if that is still in
 * the ring of the installation, else "lost". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct feed;
struct feed_sub;

enum {
    FEED_QUEUE_MAX = 256,              /* events that wait for one subscriber */
    FEED_QUEUE_BYTES_MAX = 192 * 1024, /* of JSON that queues and ring share */
    FEED_EVENT_BYTES_MAX = 64 * 1024,
    FEED_RING_MAX = 1024, /* events kept for those who come back */
    FEED_RING_BYTES_MAX = 1 << 20,
    FEED_PER_USER_MAX = 32,
};

/* subs_max: how many may be subscribed at once, in all. */
struct feed *feed_new(size_t subs_max);
void feed_free(struct feed *f); /* with nobody subscribed; NULL is fine */

/* Queues the event for all who watch the workspace; any thread, without waiting. event: a literal.
 * workspace_id NULL: for everybody. json: copied; one above FEED_EVENT_BYTES_MAX becomes "lost". f
 * NULL is fine. */
void feed_publish(struct feed *f, const char *workspace_id, const char *event, struct str json);

/* The same for what is over in a moment: who comes back later is not told it, nor that it was lost. */
void feed_hint(struct feed *f, const char *workspace_id, const char *event, struct str json);

struct feed_place {
    const char *workspace_id, *user_id;
    struct str last_id; /* what it saw last, as it says; NULL ptr: it comes for the first time */
    void (*wake)(void *arg); /* any thread, under the feed's lock: there is something to take */
    void *arg;
};

/* Subscribes until feed_unsubscribe, and queues what happened since place->last_id, or "lost".
 * ERR_RATE_LIMITED when this user has FEED_PER_USER_MAX already, ERR_OVERLOADED when all places are
 * taken. *since: the id to come back with before anything was taken; 0 (which is lost) in front of
 * "lost". */
enum err feed_subscribe(struct feed *f, const struct feed_place *place, struct feed_sub **out,
                        int64_t *since);
/* The id to come back with now that all was taken; 0 while something waits. Who is told it now and
 * then is not "lost" only because much happened to others meanwhile. */
int64_t feed_mark(struct feed_sub *s);
void feed_unsubscribe(struct feed_sub *s); /* wake is not called once this has returned */

struct feed_event {
    int64_t id;
    const char *name;
    struct str json; /* one line */
};

/* The oldest that waits, or NULL; the caller releases it. */
const struct feed_event *feed_take(struct feed_sub *s);
void feed_release(const struct feed_event *e);
