/* event_content: what is sealed in the row of an event, as bytes.
 *
 * The body stands there as it came, whatever it is; one over 1 KiB is compressed (zlib). Rows of
 * before, which hold one JSON object of {"headers","query"?,"body"}, are read too. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

struct event_content {
    struct str headers; /* JSON object */
    struct str query;   /* JSON object; NULL ptr: there was none */
    struct str body;    /* as it came */
};

enum { EVENT_BODY_MAX_BYTES = 8 << 20 };

/* The bytes to seal, the arena's. Compressing 8 MiB takes some tens of milliseconds: see
 * fiber_offload. */
struct str event_content_pack(struct arena *a, const struct event_content *in);
/* Reads such bytes; *out is lent from plain, or the arena's. False when they are no such
 * content. */
bool event_content_unpack(struct arena *a, struct str plain, struct event_content *out);
