#include "service/calls/recordings.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/shares.h"
#include "base/sift.h"
#include "providers/dialect.h"
#include "service/numbers/numbers.h"
#include "store/calls.h"
#include "vault/links.h"

static const char KIND[] = "recording";

enum { BUSY_S = 5 };

/* --- the list -------------------------------------------------------------------------------- */

/* *sid: what the carrier calls it; NULL: it never went over one. */
static enum err call_sid_of(struct ctx *ctx, const char *call_id, const char **sid) {
    struct call_row row;
    TRY(call_row_find(ctx, db_reader(ctx), ctx->who.workspace_id, call_id, &row));
    if (!row.id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such call.");
    const struct dialect_calls *calls = dialect_of(provider_parse(str_of(row.provider)))->calls;
    bool is_carried = calls && calls->carrier != PROVIDER_COUNT;
    *sid = is_carried ? row.carrier_id : row.provider_id;
    return OK;
}

/* The call it is of, at Twilio itself or through Vapi; NULL when Ava does not know it. */
static enum err call_id_of(struct ctx *ctx, const char *sid, const char **id) {
    struct db_conn *c = db_reader(ctx);
    const char *workspace_id = ctx->who.workspace_id;
    struct call_row row = { .id = NULL };
    if (sid)
        TRY(call_row_find_by_provider(ctx, c, workspace_id, provider_name(PROVIDER_TWILIO), sid,
                                      &row));
    if (sid && !row.id)
        TRY(call_row_find_carried(ctx, c, workspace_id, sid, &row));
    *id = row.id;
    return OK;
}

static enum err write_one(struct ctx *ctx, struct jsonw *w, const json_t *r) {
    const char *call_id, *sid = json_text(r, "call_sid");
    int64_t seconds = json_i64_or(r, "duration_seconds", -1);
    TRY(call_id_of(ctx, sid, &call_id));
    jsonw_object(w);
    jsonw_text_at(w, "id", json_text(r, "id"));
    jsonw_text_at(w, "call_id", call_id);
    jsonw_text_at(w, "call_provider_id", sid);
    jsonw_text_at(w, "status", json_text(r, "status"));
    jsonw_key(w, "duration_seconds");
    if (seconds < 0)
        jsonw_null(w);
    else
        jsonw_i64(w, seconds);
    jsonw_i64_at(w, "channels", json_i64_or(r, "channels", 1));
    jsonw_time_at(w, "created_at", json_i64_or(r, "created_ms", 0));
    jsonw_object_end(w);
    return OK;
}

enum err recordings_list(struct ctx *ctx, const struct recordings_wish *wish, struct jsonw *w) {
    struct lent lent;
    struct upstream_answer answer = { .body = STR("{}") };
    struct twilio_recordings_wish theirs = { NULL, wish->since_ms, wish->limit, wish->cursor };
    json_t *one;
    size_t i;
    if (wish->call_id)
        TRY(call_sid_of(ctx, wish->call_id, &theirs.call_sid));
    TRY(number_lend(ctx, &lent));
    if (theirs.call_sid || !wish->call_id)
        TRY(twilio_recordings_read(ctx, &lent.ref, lent.account.account_sid, &theirs, &answer));
    json_t *page = sift_own(ctx->arena, answer.body);
    jsonw_object(w);
    jsonw_key(w, "recordings");
    jsonw_list(w);
    json_array_foreach(json_object_get(page, "recordings"), i, one) {
        TRY(write_one(ctx, w, one));
    }
    jsonw_list_end(w);
    jsonw_text_at(w, "next_cursor", json_text(page, "next_cursor"));
    jsonw_object_end(w);
    return OK;
}

/* --- the audio ------------------------------------------------------------------------------- */

enum err recording_link(struct ctx *ctx, const char *id, const char **token) {
    struct lent lent;
    if (!twilio_is_recording_sid(str_of(id)))
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such recording.");
    TRY(number_lend(ctx, &lent));
    TRY(twilio_recording_check(ctx, &lent.ref, lent.account.account_sid, id));
    *token = link_make(ctx, KIND, id, RECORDING_LINK_MS);
    return OK;
}

static struct shares readers = SHARES(RECORDING_READERS_MAX, RECORDING_READERS_EACH_MAX, 0, 0);

static void leave(void *place) {
    shares_leave(&readers, place);
}

/* A place among those who listen, until the arena's end. */
static enum err take_place(struct ctx *ctx) {
    struct shares_place *place = arena_alloc(ctx->arena, sizeof *place);
    if (!shares_enter(&readers, place, ctx->who.workspace_id, 0)) {
        ctx->problem.retry_after_s = BUSY_S;
        return ctx_fail(ctx, ERR_OVERLOADED,
                        "As many recordings are being heard at once as Ava passes on; try again in "
                        "%d s.",
                        BUSY_S);
    }
    arena_defer(ctx->arena, leave, place);
    return OK;
}

enum err recording_open(struct ctx *ctx, struct str token, const char *range,
                        struct upstream_head *head, struct upstream_flow **out) {
    struct lent lent;
    const char *id;
    TRY(link_open(ctx, KIND, token, &id));
    if (out)
        TRY(take_place(ctx));
    TRY(number_lend(ctx, &lent));
    TRY(twilio_recording_check(ctx, &lent.ref, lent.account.account_sid, id));
    if (!out)
        return OK;
    ctx->deadline_ms = ava_now_ms() + TWILIO_AUDIO_MS; /* its head may take its time */
    return twilio_recording_open(ctx, &lent.ref, lent.account.account_sid, id, range, head, out);
}
