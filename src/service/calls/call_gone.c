#include "service/calls/call_gone.h"

#include "base/clock.h"
#include "providers/dialect.h"
#include "service/calls/budgets.h"
#include "service/calls/call_status.h"
#include "service/calls/lines.h"
#include "tasks/jobs.h"

enum { APART_MS = 60 * 1000, LATE_MS = 10 * 60 * 1000 };

const char CALL_NO_LONGER_KNOWN[] = "no-longer-known";
static const char NEVER_TOLD[] = "never-told";

struct closing {
    struct call_row row;
    const char *reason; /* NULL: only that it was missed */
    bool is_certain, is_closed;
};

/* What it had reserved is booked as the estimate of what it took; its line is free. */
static enum err close_write(struct ctx *ctx, struct db_conn *tx, struct call_row *row,
                            const char *reason) {
    row->status = "ended";
    row->ended_reason = reason;
    row->ended_ms = row->updated_ms = ava_wall_ms();
    TRY(lines_lock(ctx, tx));
    TRY(call_row_update(ctx, tx, row));
    TRY(budget_estimate(ctx, tx, row));
    return lines_leave(ctx, tx, row->id);
}

/* The row as it is now: a webhook may have ended it meanwhile. */
static enum err closing_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct closing *c = arg;
    int64_t now_ms = ava_steady_ms();
    TRY(call_row_find(ctx, tx, c->row.workspace_id, c->row.id, &c->row));
    c->is_closed = false;
    if (!c->row.id || call_is_over(&c->row))
        return OK;
    bool was_missed = c->row.missed_ms && now_ms - c->row.missed_ms >= APART_MS;
    if (c->reason || c->is_certain || was_missed) {
        c->is_closed = true;
        return close_write(ctx, tx, &c->row, c->reason ? c->reason : CALL_NO_LONGER_KNOWN);
    }
    if (c->row.missed_ms)
        return OK;
    c->row.missed_ms = now_ms;
    TRY(call_row_update(ctx, tx, &c->row));
    return lines_want_check(ctx, tx, c->row.workspace_id, now_ms + APART_MS);
}

static enum err close_call(struct ctx *ctx, struct call_view *v, struct closing *c) {
    TRY(db_write(ctx, closing_write, c));
    if (c->row.id)
        v->row = c->row;
    if (c->is_closed) {
        call_publish(ctx, v);
        jobs_wake(ctx->parts->jobs);
    }
    return OK;
}

enum err call_missed(struct ctx *ctx, struct call_view *v, bool is_certain) {
    struct closing c = { .row = v->row, .is_certain = is_certain };
    return close_call(ctx, v, &c);
}

enum err call_outlive(struct ctx *ctx, struct call_view *v) {
    const struct dialect_calls *calls = dialect_of(provider_parse(str_of(v->row.provider)))->calls;
    int64_t began_ms = v->row.started_ms ? v->row.started_ms : v->row.created_ms;
    struct closing c = { .row = v->row, .reason = NEVER_TOLD };
    if (!calls || call_is_over(&v->row) ||
        ava_earlier_ms() < began_ms + calls->longest_s * 1000 + LATE_MS)
        return OK;
    return close_call(ctx, v, &c);
}
