/* assets: files built into the program (dashboard, contract), served with their encodings. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "http/message.h"

struct asset_body {
    const unsigned char *data;
    size_t len;
};

struct asset {
    const char *path; /* "/assets/app-1a2b.js" */
    const char *type;
    const char *etag; /* quoted */
    bool immutable;
    struct asset_body plain, gzip, brotli; /* the compressed ones may be empty */
};

/* Made by tools/embed at build. */
extern const struct asset assets[];
extern const size_t assets_count;

const struct asset *asset_find(struct str path); /* NULL when there is none */

/* Answers with the smallest encoding the request accepts, or 304 when it has it already. */
void asset_reply(const struct asset *asset, const struct http_req *req, struct http_reply *reply);
