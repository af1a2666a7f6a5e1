#include "service/calls/call_news.h"

#include <string.h>

#include "base/clock.h"
#include "obs/metrics.h"
#include "service/calls/call_status.h"
#include "service/calls/ended.h"
#include "service/calls/missed.h"
#include "store/call_limits.h"
#include "store/events.h"
#include "store/fallbacks.h"
#include "tasks/happened.h"
#include "tasks/jobs.h"

/* By which the call is known, told of by whomever: an id of ours may go when two rows turn out to be one call. */
static const char *cause_of(struct ctx *ctx, const struct call_row *row) {
    return row->provider_id ? arena_join(ctx->arena, row->provider, ":", row->provider_id)
                            : row->id;
}

/* Did Ava itself answer this call of Twilio's, with words or a voicemail? One that it passed on to a person tells of that
 * as a reason where nobody picked up. */
static enum err heard_fallback(struct ctx *ctx, struct db_conn *tx, const struct call_row *row,
                               bool *heard) {
    struct event_filter f = { .provider = row->provider,
                              .type = "voice",
                              .resource = row->provider_id };
    struct event_row voice;
    struct fallback_row fallback;
    struct page_end end;
    size_t count;
    *heard = false;
    if (!row->provider_id || strcmp(row->status, "completed") != 0)
        return OK;
    TRY(event_rows_list(ctx, tx, row->workspace_id, &f, 1, &voice, &count, &end));
    TRY(fallback_row_find(ctx, tx, row->workspace_id, &fallback));
    *heard = count && (!fallback.kind || strcmp(fallback.kind, "forward") != 0);
    return OK;
}

enum err call_news_tell(struct ctx *ctx, struct db_conn *tx, const struct call_row *row) {
    struct call_row was;
    bool heard;
    if (!call_is_over(row))
        return OK;
    TRY(call_row_find(ctx, tx, row->workspace_id, row->id, &was));
    if (row->ended_reason && !(was.id && call_is_over(&was) && was.ended_reason))
        metric_add(METRIC_CALLS_ENDED, 1, ended_label(row->ended_reason));
    if (was.id && call_is_over(&was) && (was.ended_reason || !row->ended_reason))
        return OK; /* told already */
    bool comes_in = strcmp(row->direction, "inbound") == 0;
    struct happening h = { .event = "call.ended",
                           .cause = cause_of(ctx, row),
                           .who = comes_in ? row->from : row->to,
                           .line = comes_in ? row->to : row->from,
                           .call_id = row->id,
                           .reason = row->ended_reason ? row->ended_reason : row->status,
                           .direction = row->direction };
    TRY(happened(ctx, tx, row->workspace_id, &h));
    TRY(heard_fallback(ctx, tx, row, &heard));
    if (!call_is_missed(row, heard))
        return OK;
    h.event = "call.missed";
    return happened(ctx, tx, row->workspace_id, &h);
}

static enum err refused_write(struct ctx *ctx, struct db_conn *tx, void *said) {
    int64_t day = call_day_of(ava_wall_ms());
    struct happening h = { .event = "budget.exhausted",
                           .cause = arena_printf(ctx->arena, "budget:%lld:%s", (long long)day,
                                                 (const char *)said),
                           .said = said };
    return happened(ctx, tx, ctx->who.workspace_id, &h);
}

void call_news_refused(struct ctx *ctx) {
    SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx);
    if (aside.problem.detail && db_write(ctx, refused_write, (void *)aside.problem.detail) == OK)
        jobs_wake(ctx->parts->jobs);
}
