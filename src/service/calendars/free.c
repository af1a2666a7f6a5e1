#include "service/calendars/free.h"

#include <stdlib.h>
#include <string.h>

#include "providers/dialect.h"
#include "service/connections/grants.h"

enum { MINUTE_MS = 60 * 1000, DAY_MS = 24 * 3600 * 1000 };

enum { HOUR_MIN = 60, DAY_MIN = 24 * HOUR_MIN };

/* Minutes of a day, of "9:05" or "09:05"; -1: it is no time. */
static int minutes_of(struct str text) {
    int64_t hours, minutes;
    struct str rest, first = str_cut(text, ':', &rest);
    if (first.len < 1 || first.len > 2 || rest.len != 2 || first.ptr[0] == '-' ||
        rest.ptr[0] == '-' || !str_to_i64(first, 0, DAY_MIN / HOUR_MIN, &hours) ||
        !str_to_i64(rest, 0, HOUR_MIN - 1, &minutes))
        return -1;
    return (int)(hours * HOUR_MIN + minutes);
}

bool free_hours_read(const char *text, int *opens_minute, int *ends_minute) {
    struct str rest, first = str_cut(str_of(text), '-', &rest);
    int opens = minutes_of(first), ends = minutes_of(rest);
    if (opens < 0 || opens >= ends || ends > DAY_MIN)
        return false;
    *opens_minute = opens;
    *ends_minute = ends;
    return true;
}

bool free_days_read(const char *text, unsigned *days) {
    static const char *const DAYS[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };
    unsigned found = 0;
    for (struct str rest = str_of(text), one; rest.ptr;) {
        size_t i = 0;
        one = str_trim(str_cut(rest, ',', &rest));
        while (i < ARRAY_LEN(DAYS) && !str_eq_nocase(one, str_of(DAYS[i])))
            i++;
        if (i == ARRAY_LEN(DAYS))
            return false;
        found |= 1U << i;
    }
    if (found)
        *days = found;
    return found != 0;
}

static int by_start(const void *a, const void *b) {
    const struct calendar_busy *x = a, *y = b;
    return x->start_ms < y->start_ms ? -1 : x->start_ms > y->start_ms;
}

/* Joins what overlaps or touches; returns how many are left. */
static size_t join(struct calendar_busy *busy, size_t count) {
    size_t kept = 0;
    qsort(busy, count, sizeof *busy, by_start);
    for (size_t i = 0; i < count; i++) {
        if (busy[i].end_ms <= busy[i].start_ms)
            continue;
        if (kept && busy[i].start_ms <= busy[kept - 1].end_ms) {
            if (busy[i].end_ms > busy[kept - 1].end_ms)
                busy[kept - 1].end_ms = busy[i].end_ms;
        } else {
            busy[kept++] = busy[i];
        }
    }
    return kept;
}

struct filling {
    const struct free_query *q;
    const struct calendar_busy *busy;
    size_t busy_count, at; /* at: the first that may still matter */
    struct free_answer *out;
};

/* The slots within one day's hours; false: there is no room for more. */
static bool fill_hours(struct filling *f, int64_t opens_ms, int64_t ends_ms) {
    const struct free_query *q = f->q;
    int64_t length = (int64_t)q->minutes * MINUTE_MS, gap = (int64_t)q->gap_minutes * MINUTE_MS;
    int64_t step = (int64_t)q->step_minutes * MINUTE_MS, start = opens_ms;
    if (start < q->from_ms) /* in steps from when the day begins */
        start += (q->from_ms - start + step - 1) / step * step;
    while (start + length <= ends_ms && start + length <= q->to_ms) {
        while (f->at < f->busy_count && f->busy[f->at].end_ms + gap <= start)
            f->at++;
        const struct calendar_busy *b = f->at < f->busy_count ? &f->busy[f->at] : NULL;
        if (b && b->start_ms - gap < start + length) {
            int64_t after = b->end_ms + gap - opens_ms;
            start = opens_ms + (after + step - 1) / step * step;
            continue;
        }
        if (f->out->count == (size_t)q->limit) {
            f->out->is_more = true;
            return false;
        }
        f->out->slots[f->out->count++] = (struct calendar_busy){ start, start + length };
        start += step;
    }
    return true;
}

void free_between(struct arena *a, struct zone *zone, const struct free_query *q,
                  struct calendar_busy *busy, size_t busy_count, struct free_answer *out) {
    struct filling f = { .q = q, .busy = busy, .busy_count = join(busy, busy_count), .out = out };
    out->slots = arena_alloc(a, (size_t)q->limit * sizeof *out->slots);
    out->count = 0;
    out->is_more = false;
    int64_t local_ms = q->from_ms + (int64_t)zone_offset_s(zone, q->from_ms) * 1000;
    int64_t day_ms =
        (local_ms - DAY_MS) / DAY_MS * DAY_MS; /* hours may reach beyond midnight's change */
    for (;; day_ms += DAY_MS) {
        int64_t opens_ms = zone_from_local_ms(zone, day_ms + (int64_t)q->opens_minute * MINUTE_MS);
        int64_t ends_ms = zone_from_local_ms(zone, day_ms + (int64_t)q->ends_minute * MINUTE_MS);
        unsigned weekday = (unsigned)(day_ms / DAY_MS + 3) % 7; /* 1 January 1970 was a Thursday */
        if (opens_ms >= q->to_ms)
            return;
        f.at = 0;
        if ((q->days >> weekday & 1) && ends_ms > q->from_ms && !fill_hours(&f, opens_ms, ends_ms))
            return;
    }
}

enum err free_find(struct ctx *ctx, enum provider p, const struct free_query *q,
                   struct free_answer *out) {
    struct lent lent;
    struct zone *zone = zone_open(ctx->arena, str_of(q->time_zone));
    struct calendar_times *times = arena_alloc(ctx->arena, q->calendar_count * sizeof *times);
    size_t busy_count = 0, at = 0;
    if (!zone)
        return ctx_fail(ctx, ERR_INTERNAL, "The time zone is not known.");
    TRY(grant_lend(ctx, p, OAUTH_READ, &lent));
    for (size_t i = 0; i < q->calendar_count; i++)
        times[i] = (struct calendar_times){ .calendar_id = q->calendars[i] };
    TRY(dialect_of(p)->calendar->busy(ctx, &lent.ref, q->from_ms, q->to_ms, q->time_zone, times,
                                      q->calendar_count));
    *out = (struct free_answer){ .calendars = times,
                                 .calendar_count = q->calendar_count,
                                 .is_known = true };
    for (size_t i = 0; i < q->calendar_count; i++) {
        out->is_known = out->is_known && !times[i].failure;
        busy_count += times[i].failure ? 0 : times[i].count;
    }
    if (!out->is_known)
        return OK;
    struct calendar_busy *busy = arena_alloc(ctx->arena, (busy_count + 1) * sizeof *busy);
    for (size_t i = 0; i < q->calendar_count; i++) {
        if (times[i].count)
            memcpy(busy + at, times[i].busy, times[i].count * sizeof *busy);
        at += times[i].count;
    }
    free_between(ctx->arena, zone, q, busy, busy_count, out);
    return OK;
}
