#include "providers/twilio_recordings.h"

#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "providers/twilio_page.h"

enum { NOT_READY_S = 5, RANGE_NOT_SATISFIABLE = 416 };

static const char LIST[] = "/Recordings.json";

bool twilio_is_recording_sid(struct str text) {
    unsigned char raw[16];
    return str_starts(text, STR("RE")) && text.len == 34 &&
           hex_decode((struct str){ text.ptr + 2, 32 }, raw, sizeof raw);
}

static void recording_write(struct ctx *ctx, struct jsonw *w, const json_t *r) {
    const char *sid = json_text(r, "sid"), *duration = json_text(r, "duration");
    int64_t seconds = -1;
    if (!sid || !twilio_is_recording_sid(str_of(sid)))
        return;
    if (duration)
        str_to_i64(str_of(duration), 0, INT64_MAX, &seconds);
    jsonw_object(w);
    jsonw_text_at(w, "id", sid);
    jsonw_text_at(w, "call_sid", json_text(r, "call_sid"));
    jsonw_text_at(w, "status", json_text(r, "status"));
    jsonw_i64_at(w, "duration_seconds", seconds);
    jsonw_i64_at(w, "channels", json_i64_or(r, "channels", 1));
    jsonw_i64_at(w, "created_ms", twilio_time(json_text(r, "date_created")));
    jsonw_object_end(w);
}

static bool to_page(struct ctx *ctx, const json_t *said, struct str *kept) {
    static const struct twilio_page PAGE = { LIST, "recordings", "recordings", recording_write };
    return twilio_page(ctx, said, &PAGE, kept);
}

static bool read_one(struct ctx *ctx, const json_t *said, void *into) {
    const char *sid = json_text(said, "sid");
    *(const char **)into = json_text(said, "status");
    return sid && twilio_is_recording_sid(str_of(sid));
}

static bool is_one_of(const char *word, const char *const *list) {
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

/* A recording has its audio once it is completed; a status that nobody documented is tried. */
static enum err check_status(struct ctx *ctx, const char *status) {
    static const char *const COMING[] = { "in-progress", "paused", "processing", "stopped", NULL };
    ctx->problem.service = provider_name(PROVIDER_TWILIO);
    if (status && is_one_of(status, COMING)) {
        ctx->problem.retry_after_s = NOT_READY_S;
        return ctx_fail(ctx, ERR_NOT_READY,
                        "Twilio still works on this recording (%s). Try again in %d s.", status,
                        NOT_READY_S);
    }
    if (status && strcmp(status, "absent") == 0)
        return ctx_fail(ctx, ERR_PROVIDER_RESOURCE_NOT_FOUND,
                        "There is nothing to hear: nothing was recorded.");
    if (status && strcmp(status, "failed") == 0)
        return ctx_fail(ctx, ERR_PROVIDER_RESOURCE_NOT_FOUND,
                        "There is nothing to hear: the recording failed at Twilio.");
    ctx->problem.service = NULL;
    return OK;
}

enum err twilio_recordings_read(struct ctx *ctx, const struct upstream_credential *c,
                                const char *account_sid, const struct twilio_recordings_wish *wish,
                                struct upstream_answer *out) {
    struct buf *query = buf_in(ctx->arena);
    const char *path;
    char since[32];
    twilio_pair(query, "CallSid", wish->call_sid);
    if (wish->since_ms) {
        clock_rfc3339(wish->since_ms, since);
        memcpy(strchr(since, '.'), "Z", 2); /* whole seconds, as in its samples */
        twilio_pair(query, "DateCreated>", since);
    }
    twilio_pair(query, "PageSize", arena_printf(ctx->arena, "%d", wish->limit));
    TRY(twilio_page_path(ctx, account_sid, LIST, buf_view(query), wish->cursor, &path));
    struct upstream_request req = twilio_request(c, "GET", "recordings.list", path);
    req.digest = to_page;
    return upstream_call(ctx, &req, out);
}

enum err twilio_recording_check(struct ctx *ctx, const struct upstream_credential *c,
                                const char *account_sid, const char *sid) {
    struct upstream_answer answer;
    struct upstream_request req = twilio_request(
        c, "GET", "recording.get", twilio_thing_path(ctx, account_sid, "/Recordings/", sid));
    static const char *const PATHS[] = { "sid", "status", NULL };
    const char *status = NULL;
    req.paths = PATHS;
    req.read = read_one;
    req.into = &status;
    TRY(upstream_call(ctx, &req, &answer));
    return check_status(ctx, status);
}

enum err twilio_recording_open(struct ctx *ctx, const struct upstream_credential *c,
                               const char *account_sid, const char *sid, const char *range,
                               struct upstream_head *head, struct upstream_flow **out) {
    const char *tail = arena_join(ctx->arena, "/Recordings/", sid, ".mp3");
    struct upstream_request req =
        twilio_request(c, "GET", "recording.audio", twilio_path(ctx, account_sid, tail));
    req.accept = "audio/mpeg";
    req.answer_max_bytes = TWILIO_AUDIO_MAX_BYTES;
    req.attempt_ms = TWILIO_AUDIO_MS;
    req.range = range;
    enum err e = upstream_open(ctx, &req, head, out);
    if (e == OK || !range || ctx->problem.upstream_status != RANGE_NOT_SATISFIABLE)
        return e;
    ctx_clear(ctx);
    req.range = NULL;
    return upstream_open(ctx, &req, head, out);
}
