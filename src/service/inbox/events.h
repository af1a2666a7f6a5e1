/* events: the inbox of what providers sent. Taken in durably before anybody is answered; bodies
 * are sealed. What they mean is worked out afterwards, by inbox.h. */
#pragma once

#include "base/jsonw.h"
#include "store/event_content.h"
#include "store/events.h"

struct incoming {
    const char *workspace_id, *provider, *type, *resource;
    struct str dedupe; /* what makes it the same event when it comes again */
    struct event_content content;
};

/* Stores the event, sealed; durable when OK, and a job will work on it. *is_new: false when it was
 * stored before, which changes nothing. */
enum err event_take(struct ctx *ctx, const struct incoming *in, bool *is_new);

/* By its id; *count: 0 or 1. */
enum err event_find(struct ctx *ctx, const char *id, struct event_row *out, size_t *count);
enum err event_list(struct ctx *ctx, const struct event_filter *filter, int limit,
                    struct event_row *out, size_t *count, struct page_end *end);
/* content: as it was taken in; the arena's. ERR_NOT_FOUND for another workspace's id as for a
 * missing one. */
enum err event_read(struct ctx *ctx, const char *id, struct event_row *out,
                    struct event_content *content);

/* Makes an event due once more, under the same id; audited. ERR_NOT_FOUND as above. *out:
 * the event as it is now. */
enum err event_replay(struct ctx *ctx, const char *id, struct event_row *out);

enum { EVENT_REPLAYS_MAX = 10000 };
/* The same for all settled events that the filter names, oldest first, at most EVENT_REPLAYS_MAX.
 * *count: how many. */
enum err events_replay(struct ctx *ctx, const struct event_filter *filter, int64_t *count);

/* The members of the object people get, without its braces. */
void event_write(struct jsonw *w, const struct event_row *e);

enum { EVENT_KEPT_DAYS = 30 };
/* Deletes some events older than EVENT_KEPT_DAYS; called now and then. */
enum err events_forget_old(struct ctx *ctx, int64_t within_ms, bool *is_done);

void events_collect(void *parts); /* for metrics_before_scrape */
