/* listing: lists that people read page by page as JSON, and may take away whole, as a file. */
#pragma once

#include "routes/reply.h"

struct listing {
    const char *name;           /* "calls": of the member with the entries */
    const char *file;           /* of the file; NULL: the same */
    const char *const *filters; /* query parameters besides limit and cursor; NULL-ended */
    const char *const *columns; /* of CSV: members of an entry, "cost.currency" too; NULL-ended */
    size_t filter_bytes;
    /* What is wrong is noted in ctx. The filter lasts as long as the request. */
    enum err (*read_filter)(struct ctx *ctx, struct call *call, void *filter);
    /* Writes up to limit entries from there on (cursor NULL: the first), and where the next page begins; NULL:
     * this was the last. */
    enum err (*page)(struct ctx *ctx, const void *filter, int limit, const char *cursor,
                     struct jsonw *w, const char **next);
};

/* GET of a page: {"calls":[...],"next_cursor":...}. */
enum err listing_reply(struct ctx *ctx, struct call *call, const struct listing *l);

/* GET of all that the filter lets through, format=csv or jsonl: an answer that comes in pieces, page by page, at the
 * pace of its reader. One that cannot be finished is reset, so that nobody takes a part for the whole. */
enum err listing_export(struct ctx *ctx, struct call *call, const struct listing *l);
