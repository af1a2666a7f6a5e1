#include "service/upkeep/standing.h"

#include "base/clock.h"

/* 0 for what is not there, is not due, or comes from a clock that went back since. */
static int64_t age_s(int64_t now_ms, int64_t at_ms) {
    return at_ms && now_ms > at_ms ? (now_ms - at_ms) / 1000 : 0;
}

enum err standing_read(struct ctx *ctx, struct standing_view *out) {
    TRY(standing_find(ctx, db_reader(ctx), ctx->who.workspace_id, &out->now));
    out->jobs_late_s = age_s(ava_steady_ms(), out->now.jobs_next_ms);
    out->events_age_s = age_s(ava_wall_ms(), out->now.events_oldest_ms);
    out->deliveries_age_s = age_s(ava_wall_ms(), out->now.deliveries_oldest_ms);
    return OK;
}
