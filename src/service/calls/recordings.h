/* recordings: what Twilio recorded of the workspace's calls.
 *
 * Twilio gives the audio only to who has the account's token. A redirect there would fail for a
 * browser, or would have to carry the token; so Ava redirects to an address of its own, good for
 * a minute and for one recording (links.h), and there fetches the audio itself, within a bound.
 * Whoever has that address hears the recording and nothing else; what is fetched is passed on at
 * the pace of whoever listens, and kept nowhere. */
#pragma once

#include "base/jsonw.h"
#include "providers/twilio_recordings.h"

enum { RECORDING_LINK_MS = 60 * 1000 };

/* How many are heard at once, in all and of one workspace: each holds some 100 kB of memory, and two
 * connections, for as long as its listener likes. */
enum { RECORDING_READERS_MAX = 256, RECORDING_READERS_EACH_MAX = 64 };

struct recordings_wish {
    const char *call_id; /* Ava's; NULL: of any call */
    int64_t since_ms;
    int limit;
    const char *cursor;
};

/* Writes {"recordings":[{"id","call_id","call_provider_id","status","duration_seconds","channels",
 * "created_at"}],"next_cursor"}. ERR_NOT_FOUND for a call that is not the workspace's. */
enum err recordings_list(struct ctx *ctx, const struct recordings_wish *wish, struct jsonw *w);

/* *token: for recording_audio, good for RECORDING_LINK_MS. ERR_NOT_FOUND for an id of another form,
 * ERR_PROVIDER_RESOURCE_NOT_FOUND when the account has none with it. */
enum err recording_link(struct ctx *ctx, const char *id, const char **token);
/* The audio for anybody who has the token, audio/mpeg, as twilio_recording_open; *out lives until the
 * arena's end. ERR_NOT_FOUND when the token is over or not ours, ERR_OVERLOADED when as many are heard
 * at once as may. out NULL: asks only whether there is something to hear. */
enum err recording_open(struct ctx *ctx, struct str token, const char *range,
                        struct upstream_head *head, struct upstream_flow **out);
