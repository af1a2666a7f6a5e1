/* router: which of a fixed list of path templates a request means.
 *
 * "/api/v1/events/{id}" matches one segment at {id}, never an empty one. Segments are compared and
 * given as they came, percent-encoded. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "http/message.h"

enum { ROUTER_SEGMENTS_MAX = 10, ROUTER_PARAMS_MAX = 3, ROUTER_NONE = -1 };

struct router;

struct router_template {
    enum http_method method;
    const char *path;
};

struct router_match {
    int index;                            /* of the template, or ROUTER_NONE */
    bool path_exists;                     /* another method has it: 405 */
    unsigned allowed;                     /* bit per enum http_method, when path_exists */
    struct str params[ROUTER_PARAMS_MAX]; /* in template order, still encoded */
};

/* templates point into the caller's table, stride bytes apart; the table must outlive it. */
struct router *router_new(const struct router_template *first, size_t stride, size_t count);
void router_free(struct router *r);

/* HEAD finds what GET has. */
void router_find(const struct router *r, enum http_method method, struct str path,
                 struct router_match *out);

/* "GET, HEAD, PUT, OPTIONS" for the Allow header. */
const char *router_allow(struct arena *a, unsigned allowed);
