/* zone: time zones by name, through ICU, which brings its own data.
 *
 * Names are those of the IANA ("Europe/Berlin"); a name that is none is never taken for another. Not for two
 * threads at once; a zone is cheap enough to be opened for each use (some microseconds). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct zone;

/* The arena's; NULL when there is no zone of that name. */
struct zone *zone_open(struct arena *a, struct str name);
/* The same by a name that Windows has for it ("W. Europe Standard Time"), or by an IANA one. */
struct zone *zone_open_windows(struct arena *a, struct str name);
const char *zone_name(const struct zone *z);

/* How far its clocks are ahead of UTC at that time, in seconds. */
int32_t zone_offset_s(struct zone *z, int64_t unix_ms);
/* When its clocks show local_ms (the milliseconds that would be Unix time, were the zone UTC). Of a time
 * that the clocks pass over, the one they show then; of one that they show twice, the first. */
int64_t zone_from_local_ms(struct zone *z, int64_t local_ms);

/* RFC 3339 with the offset of the zone at that time, "2026-11-20T09:00:00+01:00"; out has 32 bytes. */
void zone_rfc3339(struct zone *z, int64_t unix_ms, char out[32]);

/* Reads "2026-11-20T09:00[:00[.fraction]]" without an offset, and "2026-11-20", as if the zone were UTC. */
bool zone_parse_local(struct str text, int64_t *local_ms);
bool zone_parse_date(struct str text, int64_t *local_ms);
