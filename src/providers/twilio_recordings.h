/* twilio_recordings: recordings of calls: Recordings.json, Recordings/{Sid}.mp3 (API 2010-04-01). */
#pragma once

#include "providers/twilio.h"

/* One is a few kB for each second of the call, which may last for a day; its first byte may take as
 * long. */
enum { TWILIO_AUDIO_MAX_BYTES = 1 << 30, TWILIO_AUDIO_MS = 25 * 1000 };

bool twilio_is_recording_sid(struct str text); /* "RE" and 32 hex digits */

struct twilio_recordings_wish {
    const char *call_sid; /* NULL: of any call */
    int64_t since_ms;     /* wall clock; 0: from the first */
    int limit;
    const char *cursor; /* NULL: the newest; else one that came from here */
};
/* out->body: {"recordings":[{"id","call_sid","status","duration_seconds","channels","created_ms"}],
 * "next_cursor"}, newest first, past the cache. */
enum err twilio_recordings_read(struct ctx *ctx, const struct upstream_credential *c,
                                const char *account_sid, const struct twilio_recordings_wish *wish,
                                struct upstream_answer *out);

/* Is there one with this sid, and can it be heard? ERR_PROVIDER_RESOURCE_NOT_FOUND when nothing will
 * ever be heard, ERR_NOT_READY while Twilio works on it. */
enum err twilio_recording_check(struct ctx *ctx, const struct upstream_credential *c,
                                const char *account_sid, const char *sid);
/* The MP3 as it comes, whole or the part that range ("bytes=0-1", as HTTP has it; NULL: all) names;
 * where there is no such part, or Twilio gives none, the whole: head->status says which. */
enum err twilio_recording_open(struct ctx *ctx, const struct upstream_credential *c,
                               const char *account_sid, const char *sid, const char *range,
                               struct upstream_head *head, struct upstream_flow **out);
