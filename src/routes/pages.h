/* pages: the dashboard's files, with the policy that lets them run nothing but themselves. */
#pragma once

#include "routes/entry.h"

/* A page, an asset, or ERR_NOT_FOUND. */
enum err pages_serve(struct ctx *ctx, struct call *call);

/* Serves the asset at this path as a page (policy, caching). */
enum err pages_asset(struct ctx *ctx, struct call *call, const char *path);

struct page {
    const char *language;     /* "en" */
    struct buf *title, *body; /* escaped by the caller (pages_escape) */
};

/* A page the server writes itself, in the dashboard's frame. */
enum err pages_frame(struct ctx *ctx, struct call *call, const struct page *page);
void pages_escape(struct buf *out, const char *text);
