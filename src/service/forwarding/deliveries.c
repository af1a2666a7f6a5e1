#include "service/forwarding/deliveries.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "obs/spans.h"
#include "service/forwarding/destinations.h"
#include "service/forwarding/forward_rules.h"
#include "service/forwarding/forwarding.h"
#include "store/audit.h"
#include "store/events.h"
#include "tasks/happened.h"
#include "tasks/jobs.h"

enum {
    WRITE_MS = 30 * 1000,
    BROKEN_PAUSE_MS = 5000,
    GONE = 410,
    PIECE = 32, /* rows of one statement */
    RECOVER_MS = 60 * 1000,
    FRESH_MS = 10 * 1000, /* how old last_success may be before it is written anew */
};

/* --- one attempt ----------------------------------------------------------------------------- */

const char *delivery_error(struct ctx *ctx, const struct upstream_echo *echo) {
    if (echo->failure)
        return echo->failure;
    if (echo->status >= 200 && echo->status < 300)
        return NULL;
    if (echo->status >= 300 && echo->status < 400)
        return arena_printf(ctx->arena,
                            "It answered %d, a redirect, which Ava does not follow; save the "
                            "address it leads to.",
                            echo->status);
    if (echo->status == GONE)
        return "It answered 410: it is gone for good, so the destination was switched off.";
    return arena_printf(ctx->arena, "It answered %d.", echo->status);
}

struct outcome_note {
    const struct delivery_row *sent;
    struct upstream_echo echo;
    const char *error; /* NULL: it was taken */
    uint64_t chance;
    int64_t now_ms;
    /* What became of it: */
    struct destination_row destination; /* id NULL: gone */
    struct delivery_row row;
    bool is_switched_off;
};

/* How the destination fares after this. *gives_up: for five days nothing got through. */
static enum err note_health(struct ctx *ctx, struct db_conn *tx, struct outcome_note *n,
                            bool *gives_up) {
    struct destination_row *d = &n->destination;
    struct forward_health h = { d->failing_since_ms, d->last_failure_ms, d->last_success_ms };
    *gives_up = false;
    if (n->error)
        *gives_up = forward_failed(&h, n->now_ms);
    else if (!h.failing_since_ms && n->now_ms - h.last_success_ms < FRESH_MS)
        return OK;
    else
        forward_succeeded(&h, n->now_ms);
    d->failing_since_ms = h.failing_since_ms;
    d->last_failure_ms = h.last_failure_ms;
    d->last_success_ms = h.last_success_ms;
    return destination_row_fares(ctx, tx, d);
}

/* The new status of the delivery: delivered, held, failed, or when it is tried again. */
static void settle_row(struct outcome_note *n) {
    struct delivery_row *row = &n->row;
    int64_t wait_ms = forward_wait_ms(row->tries, n->chance, n->echo.retry_after_s);
    row->settled_ms = n->now_ms;
    row->next_ms = 0;
    if (!n->error) {
        row->status = "delivered";
    } else if (!n->destination.enabled) {
        row->status = "held";
    } else if (wait_ms < 0) {
        row->status = "failed";
    } else {
        row->status = "retrying";
        row->settled_ms = 0;
        row->next_ms = n->now_ms + wait_ms;
    }
}

/* Tells the workspace's rules that the destination is off; not where what could not be delivered is about a message
 * that a rule sent. */
static enum err tell_rules(struct ctx *ctx, struct db_conn *tx, const struct outcome_note *n) {
    const struct destination_row *d = &n->destination;
    struct event_row event;
    TRY(event_row_find(ctx, tx, d->workspace_id, n->row.event_id, &event));
    struct happening h = {
        .event = "destination.disabled",
        .cause = arena_printf(ctx->arena, "%s:%lld", d->id, (long long)d->disabled_ms),
        .provider = event.provider,
        .resource = event.resource,
        .said = arena_printf(ctx->arena, "Ava switched off a destination of events (%s): %s", d->id,
                             strcmp(d->disabled_because, "gone") == 0
                                 ? "it answered that it is gone for good."
                                 : "nothing got through to it for days.")
    };
    return happened(ctx, tx, d->workspace_id, &h);
}

/* Writes the attempt, the health of the destination and the status of the delivery, together. */
static enum err outcome_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct outcome_note *n = arg;
    const struct delivery_row *sent = n->sent;
    bool gives_up;
    n->is_switched_off = false;
    TRY(destination_row_find(ctx, tx, NULL, sent->destination_id, &n->destination));
    TRY(delivery_row_find(ctx, tx, sent->destination_id, sent->id, &n->row));
    if (!n->destination.id || !n->row.id)
        return OK; /* removed meanwhile */
    n->row.attempts++;
    n->row.tries++;
    TRY(attempt_row_insert(ctx, tx, sent->id,
                           &(struct attempt_row){ .number = n->row.attempts,
                                                  .at_ms = n->now_ms,
                                                  .duration_ms = n->echo.took_us / 1000,
                                                  .status_code = n->echo.status,
                                                  .error = n->error }));
    TRY(note_health(ctx, tx, n, &gives_up));
    const char *because = n->echo.status == GONE ? "gone" : gives_up ? "failing" : NULL;
    n->is_switched_off = because && n->destination.enabled;
    if (n->is_switched_off) {
        TRY(destination_switch_off(ctx, tx, &n->destination, because));
        TRY(tell_rules(ctx, tx, n));
    }
    settle_row(n);
    return delivery_row_settle(ctx, tx, &n->row);
}

/* Counted and told after it is on disk. */
static void tell(struct ctx *ctx, const struct outcome_note *n) {
    if (!n->row.id)
        return;
    metric_add(METRIC_DELIVERIES, 1, n->row.status);
    if (!n->error)
        metric_observe_us(METRIC_DELIVERY_DURATION, (n->now_ms - n->row.created_ms) * 1000, NULL);
    if (!n->is_switched_off)
        return;
    log_warn(ctx, "destination switched off", L("destination", n->destination.id),
             L("because", n->destination.disabled_because));
    destination_publish(ctx, &n->destination);
    jobs_wake(ctx->parts->jobs);
}

/* One attempt: signs the body and sends it to the destination. */
static enum err shoot(struct ctx *ctx, const struct destination_row *to, const char *message_id,
                      struct str body, struct upstream_echo *out) {
    struct destination_signer signer;
    destination_signer_init(&signer, to);
    return destination_send(
        ctx,
        &(struct destination_shot){
            .url = to->url, .message_id = message_id, .body = body, .credential = &signer.ref },
        out);
}

/* True when nothing was sent, because the breaker, a limit or the bulkhead held it: this is no
 * attempt. */
static bool is_rest(enum err e) {
    return e == ERR_PROVIDER_UNAVAILABLE || e == ERR_PROVIDER_RATE_LIMITED ||
           e == ERR_PROVIDER_BUSY;
}

enum err delivery_send(struct ctx *ctx, const struct delivery_row *d, int64_t *pause_ms) {
    struct destination_row to;
    struct outcome_note n = { .sent = d };
    *pause_ms = BROKEN_PAUSE_MS;
    TRY(destination_row_find(ctx, db_reader(ctx), NULL, d->destination_id, &to));
    if (!to.id || !to.enabled)
        return OK;
    enum err e = shoot(ctx, &to, d->id, str_of(d->body), &n.echo);
    if (is_rest(e)) {
        *pause_ms = ctx->problem.retry_after_s * 1000;
        return OK;
    }
    if (e == ERR_STORAGE_UNAVAILABLE)
        return e;
    n.error = e == OK ? delivery_error(ctx, &n.echo)
                      : "Ava cannot open the destination's secret; rotate it.";
    if (n.echo.status && n.error)
        span_status_error(ctx, spans_root(ctx), n.echo.status);
    else if (n.error)
        span_error(spans_root(ctx), "not_delivered");
    n.chance = ava_rand_below(FORWARD_CHANCES);
    n.now_ms = ava_steady_ms();
    ctx->deadline_ms = ava_now_ms() + WRITE_MS;
    TRY(db_write(ctx, outcome_write, &n));
    tell(ctx, &n);
    *pause_ms = 0;
    return OK;
}

/* --- what people ask for --------------------------------------------------------------------- */

/* The delivery with its last attempts. */
static enum err view(struct ctx *ctx, struct db_conn *c, const struct delivery_row *row,
                     struct delivery_view *out) {
    out->row = *row;
    out->attempts = arena_alloc(ctx->arena, DELIVERY_ATTEMPTS_SHOWN * sizeof *out->attempts);
    return attempt_rows_list(ctx, c, row->id, DELIVERY_ATTEMPTS_SHOWN, out->attempts,
                             &out->attempt_count);
}

enum err delivery_list(struct ctx *ctx, const char *destination_id,
                       const struct delivery_filter *filter, int limit, struct delivery_view *out,
                       size_t *count, struct page_end *end) {
    struct db_conn *c = db_reader(ctx);
    struct delivery_row *rows = arena_alloc(ctx->arena, (size_t)limit * sizeof *rows);
    struct destination_row d;
    TRY(destination_read(ctx, destination_id, &d));
    TRY(delivery_rows_list(ctx, c, d.id, filter, limit, rows, count, end));
    for (size_t i = 0; i < *count; i++)
        TRY(view(ctx, c, &rows[i], &out[i]));
    return OK;
}

static void write_attempt(struct jsonw *w, const struct attempt_row *a) {
    jsonw_object(w);
    jsonw_i64_at(w, "number", a->number);
    jsonw_time_at(w, "at", a->at_ms);
    jsonw_i64_at(w, "duration_ms", a->duration_ms);
    jsonw_key(w, "status_code");
    if (a->status_code)
        jsonw_i64(w, a->status_code);
    else
        jsonw_null(w);
    jsonw_text_at(w, "error", a->error);
    jsonw_object_end(w);
}

void delivery_write(struct jsonw *w, const struct delivery_view *v) {
    const struct delivery_row *d = &v->row;
    jsonw_object(w);
    jsonw_text_at(w, "id", d->id);
    jsonw_text_at(w, "destination_id", d->destination_id);
    jsonw_text_at(w, "event_id", d->event_id);
    jsonw_text_at(w, "type", d->type);
    jsonw_text_at(w, "status", d->status);
    jsonw_i64_at(w, "attempts", d->attempts);
    jsonw_time_at(w, "next_attempt_at", d->next_ms);
    jsonw_time_at(w, "created_at", d->created_ms);
    jsonw_time_at(w, "settled_at", d->settled_ms);
    jsonw_key(w, "tried");
    jsonw_list(w);
    for (size_t i = 0; i < v->attempt_count; i++)
        write_attempt(w, &v->attempts[i]);
    jsonw_list_end(w);
    jsonw_object_end(w);
}

struct again {
    const char *destination_id, *id;
    int64_t since_ms, count;
    struct delivery_row row;
    struct delivery_view *out; /* of the one */
};

/* The destination; refused when it is switched off. */
static enum err find_enabled(struct ctx *ctx, struct db_conn *tx, const char *id,
                             struct destination_row *out) {
    TRY(destination_row_find(ctx, tx, ctx->who.workspace_id, id, out));
    if (!out->id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such destination.");
    if (out->enabled)
        return OK;
    ctx_field(ctx, "enabled", "wrong_value",
              "This destination is disabled; switch it on first, then send again.");
    return ctx_fields_ok(ctx);
}

/* Makes one delivery due at once, with all its tries ahead of it. */
static enum err resend_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct again *a = arg;
    struct destination_row to;
    TRY(find_enabled(ctx, tx, a->destination_id, &to));
    TRY(delivery_row_find(ctx, tx, to.id, a->id, &a->row));
    if (!a->row.id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such delivery.");
    a->row.status = "waiting";
    a->row.tries = a->row.next_ms = a->row.settled_ms = 0;
    TRY(delivery_row_settle(ctx, tx, &a->row));
    TRY(forwarding_want(ctx, tx, &to, ava_steady_ms()));
    TRY(audit_write(ctx, tx, (struct audit_entry){ .action = "delivery.resend", .object = a->id }));
    TRY(view(ctx, tx, &a->row, a->out));
    return ctx_answer_in(ctx, tx);
}

enum err delivery_resend(struct ctx *ctx, const char *destination_id, const char *id,
                         struct delivery_view *out) {
    struct again a = { .destination_id = destination_id, .id = id, .out = out };
    TRY(db_write(ctx, resend_write, &a));
    forwarding_wake(ctx);
    return OK;
}

/* Makes some of the held and failed deliveries since a time due. */
static enum err recover_write(struct ctx *ctx, struct db_conn *tx, void *arg, bool *more) {
    struct again *a = arg;
    struct destination_row to;
    TRY(find_enabled(ctx, tx, a->destination_id, &to));
    TRY(delivery_rows_release(ctx, tx, to.id, a->since_ms, PIECE));
    *more = db_changes(tx) == PIECE;
    a->count += db_changes(tx);
    return db_changes(tx) ? forwarding_want(ctx, tx, &to, ava_steady_ms()) : OK;
}

static enum err audit_recovery(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct again *a = arg;
    char since[32];
    clock_rfc3339(a->since_ms, since);
    TRY(audit_write(ctx, tx,
                    (struct audit_entry){
                        .action = "destination.recover",
                        .object = a->destination_id,
                        .detail = arena_printf(ctx->arena, "{\"since\":\"%s\",\"count\":%lld}",
                                               since, (long long)a->count) }));
    return ctx_answer_in(ctx, tx);
}

enum err delivery_recover(struct ctx *ctx, const char *destination_id, int64_t since_ms,
                          int64_t *count) {
    struct again a = { .destination_id = destination_id, .since_ms = since_ms };
    bool is_done = false;
    enum err e = OK;
    while (e == OK && !is_done)
        e = db_write_steps(ctx, recover_write, &a, RECOVER_MS, &is_done);
    if (e != OK && !a.count)
        return e;
    *count = a.count;
    forwarding_wake(ctx);
    enum err audited = db_write(ctx, audit_recovery, &a);
    return e != OK ? e : audited;
}

enum err delivery_test(struct ctx *ctx, const char *destination_id, struct upstream_echo *out) {
    struct destination_row to;
    struct id id = id_make("dlv");
    struct buf *body = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(body);
    TRY(destination_read(ctx, destination_id, &to));
    jsonw_object(&w);
    jsonw_text_at(&w, "type", "test.ping");
    jsonw_time_at(&w, "timestamp", ava_wall_ms());
    jsonw_key(&w, "data");
    jsonw_object(&w);
    jsonw_text_at(&w, "destination_id", to.id);
    jsonw_object_end(&w);
    jsonw_object_end(&w);
    return shoot(ctx, &to, id.text, buf_view(body), out);
}

/* --- the end --------------------------------------------------------------------------------- */

static enum err forget_write(struct ctx *ctx, struct db_conn *tx, void *arg, bool *more) {
    const int64_t kept_ms = INT64_C(24) * 3600 * 1000 * DELIVERY_KEPT_DAYS;
    TRY(delivery_rows_sweep(ctx, tx, ava_earlier_ms() - kept_ms, PIECE));
    *more = db_changes(tx) == PIECE;
    return OK;
}

enum err deliveries_forget_old(struct ctx *ctx, int64_t within_ms, bool *is_done) {
    return db_write_steps(ctx, forget_write, NULL, within_ms, is_done);
}

void deliveries_collect(void *arg) {
    struct arena *a = arena_new(4096);
    struct ctx ctx;
    int64_t count = 0;
    ctx_init(&ctx, arg, a, 1000);
    struct db_conn *c = db_reader(&ctx);
    if (delivery_rows_count_open(&ctx, c, &count) == OK)
        metric_set(METRIC_DELIVERIES_WAITING, (double)count, NULL);
    if (destination_rows_count_disabled(&ctx, c, &count) == OK)
        metric_set(METRIC_DESTINATIONS_DISABLED, (double)count, NULL);
    arena_free(a);
}
