/* asker: who asks, by API key or session. */
#pragma once

#include "http/message.h"
#include "obs/ctx.h"

/* Fills ctx->who, for one request. A session id that was rotated counts as stolen (auth/identity.h). */
enum err asker_identify(struct ctx *ctx, const struct http_req *req, bool *found);

/* The same for answers that stay open, and for what comes after a long absence: is the session or API key of this
 * request still good? An error is the store's. */
enum err asker_lasts(struct ctx *ctx, const struct http_req *req, bool *found);
