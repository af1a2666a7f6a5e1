#include "service/calls/call_limits.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/etag.h"
#include "base/json.h"
#include "obs/fields.h"
#include "service/assistants/call_length.h"
#include "service/calls/budgets.h"
#include "service/calls/lines.h"
#include "store/audit.h"
#include "tasks/jobs.h"

enum { DAY_MS = 24 * 3600 * 1000 };

static const struct {
    const char *name;
    int64_t min, max;
} FIELDS[] = { { "daily_minutes", 0, 1000000 },
               { "daily_cost_cents", 0, 1000000000 },
               { "concurrent_calls", 1, 10000 } };

static int64_t *field_of(struct call_limits_row *row, size_t i) {
    return i == 0 ? &row->daily_minutes : i == 1 ? &row->daily_cost_cents : &row->concurrent_calls;
}

const char *call_limits_etag(struct ctx *ctx, const struct call_limits_row *row) {
    return arena_printf(ctx->arena, "\"%lld\"", (long long)row->version);
}

enum err call_limits_read(struct ctx *ctx, const char *number, struct call_limits_view *out) {
    struct db_conn *c = db_reader(ctx);
    const char *workspace_id = ctx->who.workspace_id;
    *out = (struct call_limits_view){ .day = call_day_of(ava_wall_ms()) };
    TRY(call_limits_row_find(ctx, c, workspace_id, number, &out->row));
    TRY(call_day_read(ctx, c, workspace_id, number, out->day, &out->today));
    return line_rows_count(ctx, c, workspace_id, number, &out->lines);
}

/* --- changing them --------------------------------------------------------------------------- */

static enum err check_body(struct ctx *ctx, const json_t *body, struct call_limits_row *row) {
    static const char *const KNOWN[] = { "daily_minutes", "daily_cost_cents", "concurrent_calls" };
    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
        const json_t *value = json_object_get(body, FIELDS[i].name);
        *field_of(row, i) = CALL_NO_LIMIT;
        if (!value || json_is_null(value))
            continue;
        int64_t n = json_is_integer(value) ? json_integer_value(value) : -1;
        if (n < FIELDS[i].min || n > FIELDS[i].max)
            ctx_field_range(
                ctx, FIELDS[i].name, json_is_integer(value) ? "out_of_range" : "wrong_type",
                (double)FIELDS[i].min, (double)FIELDS[i].max,
                arena_printf(ctx->arena,
                             "The field %s must be a whole number from %lld to %lld, "
                             "or null for no limit.",
                             FIELDS[i].name, (long long)FIELDS[i].min, (long long)FIELDS[i].max));
        *field_of(row, i) = n;
    }
    return fields_known(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
}

static void write_limits(struct jsonw *w, const struct call_limits_row *row) {
    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
        int64_t value = *field_of((struct call_limits_row *)row, i);
        jsonw_key(w, FIELDS[i].name);
        if (value == CALL_NO_LIMIT)
            jsonw_null(w);
        else
            jsonw_i64(w, value);
    }
}

static const char *detail_of(struct ctx *ctx, const struct call_limits_row *row) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    write_limits(&w, row);
    jsonw_object_end(&w);
    return str_dup(ctx->arena, buf_view(b));
}

struct saving {
    struct call_limits_row row;
    const char *etag;
};

static enum err save_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct saving *s = arg;
    struct call_limits_row was;
    TRY(call_limits_row_find(ctx, tx, s->row.workspace_id, s->row.number, &was));
    if (s->etag && !etag_matches(str_of(s->etag), call_limits_etag(ctx, &was)))
        return ctx_fail(ctx, ERR_VERSION_CONFLICT,
                        "Someone else changed these limits meanwhile; read them again.");
    s->row.version = was.version + 1;
    s->row.created_ms = was.workspace_id ? was.created_ms : s->row.updated_ms;
    TRY(call_limits_row_put(ctx, tx, &s->row));
    TRY(lines_admit(ctx, tx));
    return audit_write(
        ctx, tx,
        (struct audit_entry){ .action = "limits.change",
                              .object = s->row.number[0] ? s->row.number : "workspace",
                              .detail = detail_of(ctx, &s->row) });
}

enum err call_limits_save(struct ctx *ctx, const char *number, const json_t *body, const char *etag,
                          struct call_limits_view *out) {
    struct saving s = { .etag = etag,
                        .row = { .workspace_id = ctx->who.workspace_id,
                                 .number = number,
                                 .updated_ms = ava_wall_ms() } };
    TRY(check_body(ctx, body, &s.row));
    TRY(db_write(ctx, save_write, &s));
    jobs_wake(ctx->parts->jobs);
    call_length_refresh(ctx);
    TRY(call_limits_read(ctx, number, out));
    out->row = s.row; /* what was saved, under its version: by now another may have come after it */
    return OK;
}

/* --- as people see them ---------------------------------------------------------------------- */

static void write_today(struct jsonw *w, const struct call_limits_view *v) {
    const struct call_day *d = &v->today;
    char date[32];
    clock_rfc3339(v->day * DAY_MS, date);
    date[10] = 0;
    jsonw_key(w, "today");
    jsonw_object(w);
    jsonw_text_at(w, "date", date);
    jsonw_i64_at(w, "seconds_used", d->seconds);
    jsonw_i64_at(w, "seconds_reserved", d->reserved_seconds);
    jsonw_i64_at(w, "cost_micros_used", d->cost_micros);
    jsonw_i64_at(w, "cost_micros_reserved", d->reserved_micros);
    jsonw_text_at(w, "currency", "USD");
    jsonw_i64_at(w, "calls_now", v->lines.held);
    jsonw_i64_at(w, "calls_waiting", v->lines.waiting);
    jsonw_bool_at(w, "is_nearly_used_up", budget_near(&v->row, d) != 0);
    jsonw_object_end(w);
}

void call_limits_write(struct jsonw *w, const struct call_limits_view *v) {
    jsonw_object(w);
    write_limits(w, &v->row);
    jsonw_time_at(w, "updated_at", v->row.updated_ms);
    write_today(w, v);
    jsonw_object_end(w);
}
