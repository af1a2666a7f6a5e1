/* origin: is a write meant by our own page? (CSRF), and may another site's page read? (CORS) */
#pragma once

#include "routes/entry.h"

/* ERR_CSRF_FAILED when Origin or Sec-Fetch-Site names another site. Both may be missing, as from
 * programs. */
enum err origin_check(struct ctx *ctx, struct entry *e, const struct http_req *req);

/* Is it asked by a name that is surely this machine's: an address, localhost, or the host of our public
 * address? Any other name may be somebody's who lets it lead here, so that a page of theirs is of our
 * origin (DNS rebinding). */
bool origin_names_us(const struct ctx *ctx, const struct http_req *req);

/* ERR_CSRF_FAILED unless the X-CSRF-Token is that of this session. */
enum err origin_check_token(struct ctx *ctx, const struct http_req *req);

/* Adds CORS headers when the Origin is one of CORS_ALLOWED_ORIGINS; true when it is. */
bool origin_allow(struct entry *e, const struct http_req *req, struct http_reply *reply);
