/* vapi: what all requests to Vapi share (https://api.vapi.ai, OpenAPI of 2026-08-20). */
#pragma once

#include <jansson.h>

#include "providers/upstream.h"

/* A request to Vapi with what all of them share, not cached; the caller adds the rest. */
struct upstream_request vapi_request(const struct upstream_credential *c, const char *method,
                                     const char *operation, const char *path);

/* A member that is a time, Unix ms; 0 when it is none. RFC 3339, or a number (as a text too) of seconds
 * or milliseconds since 1970, with a fraction or without. */
int64_t vapi_read_time(const json_t *thing, const char *name);
