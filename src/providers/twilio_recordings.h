/* twilio_recordings: recordings of calls: Recordings.json, Recordings/{Sid}.mp3 (API 2010-04-01). */
#pragma once

#include "providers/twilio.h"

/* One is a few kB for each second of the call. */
enum { TWILIO_AUDIO_MAX_BYTES = 16 << 20, TWILIO_AUDIO_MS = 25 * 1000 };

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
/* The MP3, the arena's. ERR_PROVIDER_BAD_RESPONSE when it is larger than the most above. */
enum err twilio_recording_audio(struct ctx *ctx, const struct upstream_credential *c,
                                const char *account_sid, const char *sid, struct str *audio);
