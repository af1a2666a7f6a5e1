/* events: the inbox of what providers sent. Taken in durably before anybody is answered; bodies
 * are sealed. */
#pragma once

#include "store/sealed.h"

struct incoming {
    const char *workspace_id, *endpoint_id, *provider, *type, *resource;
    struct str dedupe;  /* what makes it the same event when it comes again */
    struct str content; /* JSON {"headers":{...},"body":{...}} */
    bool touch_endpoint;
};

/* Durable when OK. *is_new false for a repeat, which changes nothing. */
enum err event_take(struct ctx *ctx, const struct incoming *in, bool *is_new);

enum err event_list(struct ctx *ctx, const struct event_filter *filter, int limit,
                    struct event_row *out, size_t *count);
/* content as taken in. ERR_NOT_FOUND for a foreign or missing id alike. */
enum err event_read(struct ctx *ctx, const char *id, struct event_row *out, struct str *content);
