#include "service/calls/analytics.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/fiber.h"
#include "base/shares.h"
#include "service/calls/ended.h"

enum { DAY_MS = 24 * 3600 * 1000, ROWS_MAX = 20000, REASONS_MAX = 1000, BUSY_S = 2 };

static const char *const NAMES[] = { "day", "assistant", "number", "ended_reason" };

const char *analytics_by_name(enum call_stats_by by) {
    return NAMES[by];
}

bool analytics_by_parse(const char *name, enum call_stats_by *by) {
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (strcmp(name, NAMES[i]) != 0)
            continue;
        *by = (enum call_stats_by)i;
        return true;
    }
    return false;
}

/* --- reading --------------------------------------------------------------------------------- */

/* It counts rows for a second where there are many, on a thread of the pool: two at once, one of a
 * workspace, so that hashing passwords and packing events have theirs. */
static struct shares places = SHARES(2, 1, 32, 4);

struct reading {
    struct ctx *ctx;
    struct analytics *out;
    struct call_stats_row *rows;
    size_t count;
    enum err err;
};

static void read_rows(void *arg) {
    struct reading *r = arg;
    r->err = call_stats(r->ctx, db_reader(r->ctx), r->ctx->who.workspace_id, r->out->by,
                        &r->out->filter, ROWS_MAX, r->rows, &r->count);
}

static enum err read_in_turn(struct ctx *ctx, struct reading *r) {
    struct shares_place place;
    if (!shares_enter(&places, &place, ctx->who.workspace_id, ctx->deadline_ms)) {
        ctx->problem.retry_after_s = BUSY_S;
        return ctx_fail(ctx, ERR_OVERLOADED,
                        "Other sums are being made, this workspace's first; try again in %d s.",
                        BUSY_S);
    }
    fiber_offload(read_rows, r);
    shares_leave(&places, &place);
    return r->err;
}

static void sum(struct analytics_sums *to, const struct call_stats_row *row, bool is_fault) {
    to->calls += row->calls;
    to->answered += row->answered;
    to->faults += is_fault ? row->calls : 0;
    to->seconds += row->seconds;
    to->cost_micros += row->cost_micros;
}

static struct analytics_group *reason_of(struct analytics *out, const char *reason) {
    for (size_t i = 0; i < out->reason_count; i++)
        if (strcmp(out->reasons[i].key, reason) == 0)
            return &out->reasons[i];
    if (out->reason_count == REASONS_MAX)
        return NULL;
    out->reasons[out->reason_count] = (struct analytics_group){ .key = reason };
    return &out->reasons[out->reason_count++];
}

static bool has_days(enum call_stats_by by) {
    return by == STATS_BY_ASSISTANT || by == STATS_BY_NUMBER;
}

/* The last of the days is that in which the span ends. */
static void count_day(const struct analytics *out, struct analytics_group *g,
                      const struct call_stats_row *row) {
    int64_t i = row->day - (out->filter.until_ms - 1) / DAY_MS + ANALYTICS_DAYS - 1;
    if (g->days && i >= 0 && i < ANALYTICS_DAYS)
        g->days[i] += row->calls;
}

/* Rows of one key stand together. */
static struct analytics_group *group_of(struct ctx *ctx, struct analytics *out, const char *key) {
    struct analytics_group *last = out->group_count ? &out->groups[out->group_count - 1] : NULL;
    if (last && strcmp(last->key, key) == 0)
        return last;
    if (out->group_count == ANALYTICS_GROUPS_MAX) {
        out->is_cut = true;
        return NULL;
    }
    out->groups[out->group_count] = (struct analytics_group){ .key = key };
    if (has_days(out->by))
        out->groups[out->group_count].days =
            arena_alloc(ctx->arena, ANALYTICS_DAYS * sizeof(int64_t));
    return &out->groups[out->group_count++];
}

static int by_calls(const void *a, const void *b) {
    const struct analytics_group *x = a, *y = b;
    if (x->sums.calls != y->sums.calls)
        return x->sums.calls > y->sums.calls ? -1 : 1;
    return strcmp(x->key, y->key);
}

static void add_up(struct ctx *ctx, const struct reading *r, struct analytics *out) {
    for (size_t i = 0; i < r->count; i++) {
        const struct call_stats_row *row = &r->rows[i];
        bool is_fault = row->reason && ended_explain(ctx->arena, row->reason).is_fault;
        struct analytics_group *group = group_of(ctx, out, row->key);
        struct analytics_group *reason = row->reason ? reason_of(out, row->reason) : NULL;
        sum(&out->totals, row, is_fault);
        if (group) {
            sum(&group->sums, row, is_fault);
            count_day(out, group, row);
        }
        if (reason)
            sum(&reason->sums, row, is_fault);
    }
    out->is_cut |= r->count == ROWS_MAX;
    if (out->reason_count)
        qsort(out->reasons, out->reason_count, sizeof out->reasons[0], by_calls);
}

static enum err check_span(struct ctx *ctx, struct call_stats_filter *f) {
    if (!f->until_ms)
        f->until_ms = ava_wall_ms() + 1;
    if (!f->since_ms)
        f->since_ms = f->until_ms - (int64_t)ANALYTICS_DAYS * DAY_MS;
    if (f->since_ms >= f->until_ms)
        ctx_field(ctx, "since", "out_of_range", "The time since must lie before until.");
    else if (f->until_ms - f->since_ms > (int64_t)ANALYTICS_DAYS_MAX * DAY_MS)
        ctx_field(ctx, "since", "out_of_range", "Ask for at most 366 days at once.");
    return ctx_fields_ok(ctx);
}

enum err analytics_read(struct ctx *ctx, enum call_stats_by by,
                        const struct call_stats_filter *filter, struct analytics *out) {
    *out = (struct analytics){ .by = by, .filter = *filter };
    TRY(check_span(ctx, &out->filter));
    struct reading r = { .ctx = ctx, .out = out };
    r.rows = arena_alloc(ctx->arena, ROWS_MAX * sizeof *r.rows);
    out->groups = arena_alloc(ctx->arena, ANALYTICS_GROUPS_MAX * sizeof *out->groups);
    out->reasons = arena_alloc(ctx->arena, REASONS_MAX * sizeof *out->reasons);
    TRY(read_in_turn(ctx, &r));
    add_up(ctx, &r, out);
    return OK;
}

/* --- as people see it ------------------------------------------------------------------------ */

static void write_sums(struct jsonw *w, const struct analytics_sums *s) {
    jsonw_i64_at(w, "calls", s->calls);
    jsonw_i64_at(w, "answered", s->answered);
    jsonw_i64_at(w, "faults", s->faults);
    jsonw_i64_at(w, "seconds", s->seconds);
    jsonw_i64_at(w, "cost_micros", s->cost_micros);
}

static void write_reason(struct jsonw *w, struct arena *a, const struct analytics_group *g) {
    struct ended e = ended_explain(a, g->key);
    jsonw_object(w);
    jsonw_text_at(w, "reason", g->key);
    jsonw_text_at(w, "text", e.text);
    jsonw_text_at(w, "who", e.who);
    jsonw_bool_at(w, "is_fault", e.is_fault);
    jsonw_i64_at(w, "calls", g->sums.calls);
    jsonw_object_end(w);
}

static void write_days(struct jsonw *w, const int64_t *days) {
    if (!days)
        return;
    jsonw_key(w, "days");
    jsonw_list(w);
    for (size_t i = 0; i < ANALYTICS_DAYS; i++)
        jsonw_i64(w, days[i]);
    jsonw_list_end(w);
}

void analytics_write(struct jsonw *w, struct arena *a, const struct analytics *r) {
    jsonw_object(w);
    jsonw_time_at(w, "since", r->filter.since_ms);
    jsonw_time_at(w, "until", r->filter.until_ms);
    jsonw_text_at(w, "by", NAMES[r->by]);
    jsonw_text_at(w, "currency", "USD");
    jsonw_key(w, "totals");
    jsonw_object(w);
    write_sums(w, &r->totals);
    jsonw_object_end(w);
    jsonw_key(w, "groups");
    jsonw_list(w);
    for (size_t i = 0; i < r->group_count; i++) {
        jsonw_object(w);
        jsonw_text_at(w, "key", r->groups[i].key[0] ? r->groups[i].key : NULL);
        write_sums(w, &r->groups[i].sums);
        write_days(w, r->groups[i].days);
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
    jsonw_key(w, "ended_reasons");
    jsonw_list(w);
    for (size_t i = 0; i < r->reason_count; i++)
        write_reason(w, a, &r->reasons[i]);
    jsonw_list_end(w);
    jsonw_bool_at(w, "is_cut", r->is_cut);
    jsonw_object_end(w);
}
