/* events: the inbox of what providers sent. Taken in durably before anybody is answered; bodies
 * are sealed. What they mean is worked out afterwards, by inbox.h. */
#pragma once

#include "base/jsonw.h"
#include "store/event_content.h"
#include "store/events.h"

struct incoming {
    const char *workspace_id, *endpoint_id, *provider, *type, *resource;
    struct str dedupe; /* what makes it the same event when it comes again */
    struct event_content content;
    bool touch_endpoint;
};

/* Durable when OK, and will be worked on. *is_new false for a repeat, which changes nothing. */
enum err event_take(struct ctx *ctx, const struct incoming *in, bool *is_new);

enum err event_list(struct ctx *ctx, const struct event_filter *filter, int limit,
                    struct event_row *out, size_t *count);
/* content as it was taken in; the arena's. ERR_NOT_FOUND for a foreign or missing id alike. */
enum err event_read(struct ctx *ctx, const char *id, struct event_row *out,
                    struct event_content *content);

/* Worked on once more, under the same identity; audited. ERR_NOT_FOUND as above; *out: as it is
 * now. */
enum err event_replay(struct ctx *ctx, const char *id, struct event_row *out);

enum { EVENT_REPLAYS_MAX = 10000 };
/* All settled ones that the filter names, oldest first, at most EVENT_REPLAYS_MAX. */
enum err events_replay(struct ctx *ctx, const struct event_filter *filter, int64_t *count);

/* The members of the object people get, without its braces. */
void event_write(struct jsonw *w, const struct event_row *e);

enum { EVENT_KEPT_DAYS = 30 };
enum err events_forget_old(struct ctx *ctx);

void events_collect(void *parts); /* for metrics_before_scrape */
