/* call_limits: how many calls may go at once and what they may take of a day, of a workspace and of
 * each of its numbers; and how today stands. */
#pragma once

#include <jansson.h>

#include "base/jsonw.h"
#include "store/call_limits.h"
#include "store/lines.h"

struct call_limits_view {
    struct call_limits_row row;
    struct call_day today;
    int64_t day; /* since 1970-01-01, UTC */
    struct line_counts lines;
};

/* number: E.164, or "" for the workspace. */
enum err call_limits_read(struct ctx *ctx, const char *number, struct call_limits_view *out);

/* Replaces the limits. body: {"daily_minutes"?,"daily_cost_cents"?,"concurrent_calls"?}, null or
 * missing: no limit; all wrong fields are named at once. etag: as in fallbacks.h. Calls that wait
 * and now have room are begun; calls that go on are left alone. */
enum err call_limits_save(struct ctx *ctx, const char *number, const json_t *body, const char *etag,
                          struct call_limits_view *out);

void call_limits_write(struct jsonw *w, const struct call_limits_view *v);
const char *call_limits_etag(struct ctx *ctx, const struct call_limits_row *row);
