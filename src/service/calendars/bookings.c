#include "service/calendars/bookings.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/sift.h"
#include "providers/dialect.h"
#include "service/connections/grants.h"
#include "store/audit.h"
#include "vault/vault.h"

/* --- placing one ------------------------------------------------------------------------------ */

struct placing {
    struct booking_row row;
    const struct booking_order *order;
};

/* What is sent, written once, so that each attempt asks for the same. */
static struct str request_of(struct ctx *ctx, const struct booking_order *o) {
    const struct calendar_draft *d = &o->draft;
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_text_at(&w, "calendar", o->calendar_id);
    jsonw_text_at(&w, "title", d->title);
    jsonw_text_at(&w, "description", d->description);
    jsonw_text_at(&w, "location", d->location);
    jsonw_i64_at(&w, "start_ms", d->start_ms);
    jsonw_i64_at(&w, "end_ms", d->end_ms);
    jsonw_text_at(&w, "time_zone", d->time_zone);
    if (d->attendees) {
        jsonw_key(&w, "attendees");
        jsonw_list(&w);
        for (const char *const *a = d->attendees; *a; a++)
            jsonw_text(&w, *a);
        jsonw_list_end(&w);
    }
    jsonw_object_end(&w);
    return buf_view(b);
}

static struct calendar_draft draft_of(struct ctx *ctx, const json_t *request) {
    const json_t *attendees = json_object_get(request, "attendees"), *one;
    struct calendar_draft d = { .title = json_text(request, "title"),
                                .description = json_text(request, "description"),
                                .location = json_text(request, "location"),
                                .start_ms = json_i64_or(request, "start_ms", 0),
                                .end_ms = json_i64_or(request, "end_ms", 0),
                                .time_zone = json_text(request, "time_zone") };
    if (json_is_array(attendees)) {
        const char **list =
            arena_alloc(ctx->arena, (json_array_size(attendees) + 1) * sizeof *list);
        size_t i;
        json_array_foreach(attendees, i, one) list[i] = json_string_value(one);
        list[json_array_size(attendees)] = NULL;
        d.attendees = list;
    }
    return d;
}

static enum err insert(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct placing *p = arg;
    struct sealed_place place = booking_row_place(&p->row);
    bool is_taken = false;
    if (p->order->is_alone)
        TRY(booking_rows_overlap(ctx, tx, &p->row, &is_taken));
    if (is_taken) {
        ctx_field(ctx, "start", "taken", "This time was just taken. Find another one.");
        return ctx_fields_ok(ctx);
    }
    TRY(vault_seal(ctx, tx, &place, request_of(ctx, p->order), &p->row.sealed));
    return booking_row_insert(ctx, tx, &p->row);
}

static const struct operation_kind *kind_of(enum provider p) {
    return p == BOOK_GOOGLE.provider ? &BOOK_GOOGLE : &BOOK_MICROSOFT;
}

enum err booking_place(struct ctx *ctx, enum provider p, const struct booking_order *order,
                       enum operation_patience patience, const struct id *claim,
                       struct operation_end *out) {
    struct lent lent;
    struct id id = id_make("book"), op = id_make("op");
    int64_t now_ms = ava_wall_ms();
    *out = (struct operation_end){ .was_abandoned = true };
    TRY(grant_lend(ctx, p, OAUTH_WRITE, &lent));
    struct placing placing = { .row = { .id = arena_strdup(ctx->arena, id.text),
                                        .workspace_id = ctx->who.workspace_id,
                                        .operation_id = arena_strdup(ctx->arena, op.text),
                                        .provider = provider_name(p),
                                        .calendar_id =
                                            order->calendar_id ? order->calendar_id : "primary",
                                        .status = "requested",
                                        .call_id = order->call_id,
                                        .caller = order->caller,
                                        .starts_ms = order->draft.start_ms,
                                        .ends_ms = order->draft.end_ms,
                                        .created_ms = now_ms,
                                        .updated_ms = now_ms },
                               .order = order };
    struct operation_order placed = { .kind = kind_of(p),
                                      .id = placing.row.operation_id,
                                      .object = placing.row.id,
                                      .request = request_of(ctx, order),
                                      .insert = insert,
                                      .arg = &placing,
                                      .claim = claim,
                                      .patience = patience };
    return operation_place(ctx, &placed, out);
}

/* --- as an operation -------------------------------------------------------------------------- */

static enum err perform_at(struct ctx *ctx, enum provider p, const struct operation *op,
                           const struct upstream_watch *watch, const void **result) {
    struct lent lent;
    struct calendar_event *event = arena_alloc(ctx->arena, sizeof *event);
    int64_t was_sent_ms = op->sent_ms;
    const json_t *request = sift_own(ctx->arena, op->request);
    struct calendar_draft draft = draft_of(ctx, request);
    TRY(grant_lend(ctx, p, OAUTH_WRITE, &lent));
    enum err e = dialect_of(p)->calendar->insert(ctx, &lent.ref, json_text(request, "calendar"),
                                                 strchr(op->id, '_') + 1, &draft, watch, event);
    *result = event;
    return operation_unless_out(ctx, e, was_sent_ms,
                                "The calendar did not confirm this. Ava sends the same again until "
                                "it does, which makes one appointment.");
}

static enum err perform_google(struct ctx *ctx, const struct operation *op,
                               const struct upstream_watch *watch, const void **result) {
    return perform_at(ctx, PROVIDER_GOOGLE, op, watch, result);
}

static enum err perform_microsoft(struct ctx *ctx, const struct operation *op,
                                  const struct upstream_watch *watch, const void **result) {
    return perform_at(ctx, PROVIDER_MICROSOFT, op, watch, result);
}

static const char *status_of(enum operation_state state) {
    return state == OPERATION_SUCCEEDED ? "booked" : operation_state_name(state);
}

/* As people see it: the booking, with what it says. */
static enum err show(struct ctx *ctx, struct db_conn *tx, const struct booking_row *row,
                     const struct calendar_event *event, struct str *shown) {
    struct sealed_place place = booking_row_place(row);
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    struct str content;
    TRY(vault_unseal(ctx, tx, &place, row->sealed, &content));
    const json_t *said = sift_own(ctx->arena, content);
    jsonw_object(&w);
    jsonw_text_at(&w, "id", row->event_id);
    jsonw_text_at(&w, "booking_id", row->id);
    jsonw_text_at(&w, "operation_id", row->operation_id);
    jsonw_text_at(&w, "provider", row->provider);
    jsonw_text_at(&w, "calendar", row->calendar_id);
    jsonw_text_at(&w, "status", row->status);
    jsonw_text_at(&w, "title", json_text(said, "title"));
    jsonw_time_at(&w, "start", row->starts_ms);
    jsonw_time_at(&w, "end", row->ends_ms);
    jsonw_text_at(&w, "link", event ? event->link : NULL);
    jsonw_time_at(&w, "created_at", row->created_ms);
    jsonw_time_at(&w, "updated_at", row->updated_ms);
    jsonw_object_end(&w);
    *shown = buf_view(b);
    return OK;
}

/* For operation_kind.settle; result: struct calendar_event. */
static enum err settle(struct ctx *ctx, struct db_conn *tx, const struct operation *op,
                       enum operation_state state, const void *result, struct str *shown) {
    struct booking_row row;
    const struct calendar_event *event = state == OPERATION_SUCCEEDED ? result : NULL;
    TRY(booking_row_find(ctx, tx, ctx->who.workspace_id, op->object, &row));
    if (!row.id)
        return OK;
    row.status = status_of(state);
    row.updated_ms = ava_wall_ms();
    if (event)
        row.event_id = event->id;
    TRY(booking_row_update(ctx, tx, &row));
    return show(ctx, tx, &row, event, shown);
}

static enum err forget(struct ctx *ctx, struct db_conn *tx, const struct operation *op) {
    return booking_row_delete(ctx, tx, op->object);
}

const struct operation_kind BOOK_GOOGLE = { .name = "calendar.book.google",
                                            .event = "booking",
                                            .provider = PROVIDER_GOOGLE,
                                            .perform = perform_google,
                                            .settle = settle,
                                            .forget = forget };
const struct operation_kind BOOK_MICROSOFT = { .name = "calendar.book.microsoft",
                                               .event = "booking",
                                               .provider = PROVIDER_MICROSOFT,
                                               .perform = perform_microsoft,
                                               .settle = settle,
                                               .forget = forget };

/* --- changing and canceling ------------------------------------------------------------------- */

enum err booking_change(struct ctx *ctx, enum provider p, const char *calendar_id,
                        const char *event_id, const struct calendar_draft *draft,
                        struct calendar_event *out) {
    struct lent lent;
    TRY(grant_lend(ctx, p, OAUTH_WRITE, &lent));
    return dialect_of(p)->calendar->change(ctx, &lent.ref, calendar_id, event_id, draft, out);
}

enum err bookings_of(struct ctx *ctx, const char *caller, int limit, struct booking_row *out,
                     size_t *count) {
    return booking_rows_of_caller(ctx, db_reader(ctx), ctx->who.workspace_id, caller, ava_wall_ms(),
                                  limit, out, count);
}

struct canceling {
    enum provider p;
    const char *event_id;
};

static enum err cancel_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct canceling *c = arg;
    TRY(booking_rows_cancel(ctx, tx, ctx->who.workspace_id, provider_name(c->p), c->event_id,
                            ava_wall_ms()));
    return audit_write(ctx, tx,
                       (struct audit_entry){ .action = "calendar.cancel", .object = c->event_id });
}

enum err booking_cancel(struct ctx *ctx, enum provider p, const char *calendar_id,
                        const char *event_id) {
    struct lent lent;
    struct canceling c = { p, event_id };
    TRY(grant_lend(ctx, p, OAUTH_WRITE, &lent));
    TRY(dialect_of(p)->calendar->remove(ctx, &lent.ref, calendar_id, event_id));
    return db_write(ctx, cancel_write, &c);
}
