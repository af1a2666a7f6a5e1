#include "service/numbers/number_undo.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/sift.h"
#include "providers/answer.h"
#include "providers/twilio_number.h"
#include "providers/vapi_numbers.h"
#include "service/assistants/assistants.h"
#include "service/numbers/number_import.h"
#include "service/numbers/numbers.h"
#include "store/audit.h"

/* --- at the providers ------------------------------------------------------------------------ */

/* The ways that somebody emptied at Twilio. Asked before the number is deleted at Vapi, which may empty
 * those that lead to it. */
static enum err find_emptied(struct ctx *ctx, const struct lent *twilio, const char *sid,
                             unsigned *emptied) {
    json_t *number;
    *emptied = 0;
    TRY(twilio_number_read(ctx, &twilio->ref, twilio->account.account_sid, sid, &number));
    if (number)
        *emptied = number_ways_emptied(json_object_get(number, "routes"));
    return OK;
}

/* Deletes the number at Vapi. One that is gone there already may have been deleted by a former run:
 * what leads nowhere now says nothing about somebody else then. */
static enum err delete_at_vapi(struct ctx *ctx, const struct lent *vapi, const char *id,
                               unsigned *emptied) {
    bool was_there;
    TRY(vapi_number_delete(ctx, &vapi->ref, id, &was_there));
    if (!was_there)
        *emptied = 0;
    return OK;
}

/* was: the routes it shall have again. A number that the account lost has nothing to be put
 * back. */
static enum err put_back(struct ctx *ctx, const struct lent *twilio, const char *sid,
                         const json_t *was, unsigned emptied, unsigned *restored, unsigned *left) {
    json_t *number, *routes;
    *restored = *left = 0;
    TRY(twilio_number_read(ctx, &twilio->ref, twilio->account.account_sid, sid, &number));
    if (!number)
        return OK;
    TRY(number_routes_back(ctx, json_object_get(number, "routes"), was, emptied, &routes, restored,
                           left));
    if (json_object_size(routes) == 0)
        return OK;
    return twilio_number_route(ctx, &twilio->ref, twilio->account.account_sid, sid, routes,
                               &number);
}

static void write_ways(struct jsonw *w, const char *name, unsigned ways) {
    jsonw_key(w, name);
    jsonw_list(w);
    for (enum number_way way = 0; way < NUMBER_WAYS; way++)
        if (ways & 1u << way)
            jsonw_text(w, number_way_name(way));
    jsonw_list_end(w);
}

/* The detail of an audit entry: the ways put back, and those left. */
static const char *ways_text(struct ctx *ctx, unsigned restored, unsigned left) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    write_ways(&w, "restored", restored);
    write_ways(&w, "left", left);
    jsonw_object_end(&w);
    return str_dup(ctx->arena, buf_view(b));
}

/* --- one that could not be brought in -------------------------------------------------------- */

static bool is_any(const struct number_step_row *s, const char *a, const char *b) {
    return strcmp(s->state, a) == 0 || strcmp(s->state, b) == 0;
}

struct undoing {
    struct number_walk *walk;
    const char *from[2], *to; /* states of steps */
    const char *detail;       /* of those that end in to; NULL: as it was */
    bool closes;              /* it is as it was; else it is to be */
    struct audit_entry entry; /* action NULL: none */
};

/* The row as it was: an import that came to nothing leaves none. */
static enum err close_row(struct ctx *ctx, struct db_conn *tx, struct number_walk *w) {
    if (!w->row.id)
        return OK;
    if (!w->row.imported_ms)
        return number_row_delete(ctx, tx, &w->row);
    return number_keep(ctx, tx, &w->row, w->content);
}

/* Moves the steps of the number on their way back, with its row and the audit entry. */
static enum err undo_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct undoing *u = arg;
    struct number_walk *w = u->walk;
    for (size_t i = 0; i < w->count; i++) {
        struct number_step_row *s = &w->steps[i];
        bool is_ahead = strcmp(s->state, "waiting") == 0;
        if (!is_ahead && !is_any(s, u->from[0], u->from[1]))
            continue;
        s->state = is_ahead ? "skipped" : u->to;
        s->detail = u->detail && !is_ahead ? u->detail : s->detail;
        s->updated_ms = ava_wall_ms();
        TRY(number_step_row_update(ctx, tx, s));
    }
    if (u->closes)
        TRY(close_row(ctx, tx, w));
    return u->entry.action ? audit_write(ctx, tx, u->entry) : OK;
}

static enum err write_undo(struct number_walk *w, struct undoing *u) {
    u->walk = w;
    TRY(db_write(w->ctx, undo_write, u));
    operation_tell(w->ctx, w->op->id);
    return OK;
}

/* Was it this import that brought it to Vapi? */
static bool is_new_at_vapi(const struct number_walk *w) {
    for (size_t i = 0; i < w->count; i++) {
        const struct number_step_row *s = &w->steps[i];
        if (strcmp(s->step, STEP_VAPI) == 0 && s->detail)
            return json_is_true(
                json_object_get(sift_own(w->ctx->arena, str_of(s->detail)), "is_new"));
    }
    return false;
}

/* Deletes the number at Vapi, if this import brought it there. */
static enum err leave_vapi(struct number_walk *w, unsigned *emptied) {
    if (!w->row.vapi_id || !is_new_at_vapi(w))
        return OK;
    TRY(delete_at_vapi(w->ctx, &w->vapi, w->row.vapi_id, emptied));
    w->row.vapi_id = NULL;
    json_object_set_new(w->content, "is_made_at_vapi", json_false());
    return OK;
}

/* Undoes what was done at Vapi, then at Twilio. */
static enum err go_back(struct number_walk *w, unsigned *restored, unsigned *left) {
    *restored = *left = 0;
    if (!w->row.id)
        return OK; /* nothing was done yet */
    unsigned emptied;
    TRY(find_emptied(w->ctx, &w->twilio, w->row.provider_id, &emptied));
    TRY(leave_vapi(w, &emptied));
    return put_back(w->ctx, &w->twilio, w->row.provider_id, json_object_get(w->content, "before"),
                    emptied, restored, left);
}

enum err number_undo(struct number_walk *w) {
    struct ctx_aside why = ctx_aside(w->ctx);
    struct undoing begin = { .from = { "done", "started" }, .to = "undoing" };
    struct undoing end = { .from = { "undoing", "undoing" }, .to = "undone", .closes = true };
    unsigned restored, left;
    TRY(write_undo(w, &begin));
    enum err e = go_back(w, &restored, &left);
    bool may_pass = answer_may_be_stale(e) || e == ERR_STORAGE_UNAVAILABLE || e == ERR_DRAINING;
    if (e != OK && may_pass && (!w->op->is_last || e == ERR_DRAINING))
        return e;
    end.to = e == OK ? "undone" : "failed";
    end.detail = e == OK ? NULL : number_reason(w->ctx, e);
    end.closes = e == OK;
    end.entry = (struct audit_entry){ .action = "number.import_undone",
                                      .object = w->steps[0].provider_id,
                                      .outcome = e == OK ? "ok" : "failed",
                                      .detail = ways_text(w->ctx, restored, left) };
    ctx_back(&why);
    return write_undo(w, &end);
}

/* --- none of them ---------------------------------------------------------------------------- */

struct giving_up {
    struct number_step_row *steps;
    size_t count;
};

static enum err give_up_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct giving_up *g = arg;
    for (size_t i = 0; i < g->count; i++) {
        struct number_step_row *s = &g->steps[i];
        if (!is_any(s, "waiting", "started") && strcmp(s->state, "undoing") != 0)
            continue;
        s->state = strcmp(s->state, "waiting") == 0 ? "skipped" : "failed";
        s->updated_ms = ava_wall_ms();
        TRY(number_step_row_update(ctx, tx, s));
    }
    return audit_write(ctx, tx,
                       (struct audit_entry){ .action = "number.import_undone",
                                             .object = g->count ? g->steps[0].operation_id : "",
                                             .outcome = "failed" });
}

enum err number_give_up(struct ctx *ctx, const struct operation *op, struct number_step_row *steps,
                        size_t count, enum err e) {
    struct giving_up g = { steps, count };
    struct ctx_aside why = ctx_aside(ctx);
    TRY(db_write(ctx, give_up_write, &g));
    ctx_back(&why);
    return e;
}

/* --- one that leaves ------------------------------------------------------------------------- */

struct releasing {
    struct number_row row;
    json_t *content;
    const char *detail;
};

static enum err release_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct releasing *r = arg;
    r->row.released_ms = ava_wall_ms();
    r->row.vapi_id = NULL;
    json_object_set_new(r->content, "is_made_at_vapi", json_false());
    TRY(number_keep(ctx, tx, &r->row, r->content));
    return audit_write(ctx, tx,
                       (struct audit_entry){
                           .action = "number.release", .object = r->row.id, .detail = r->detail });
}

/* Refuses a number that is being imported. */
static enum err check_idle(struct ctx *ctx, const struct number_row *row) {
    bool is_busy;
    TRY(number_row_is_busy(ctx, db_reader(ctx), row->workspace_id, row->provider_id, &is_busy));
    if (is_busy)
        ctx_field(ctx, "id", "in_progress", "This number is being imported; wait for its end.");
    return ctx_fields_ok(ctx);
}

/* Repeatable: each step is fine with what was done before. */
enum err number_release(struct ctx *ctx, const char *id, struct jsonw *w) {
    struct releasing r;
    struct lent twilio, vapi;
    unsigned emptied, restored, left;
    TRY(number_held(ctx, id, &r.row));
    TRY(check_idle(ctx, &r.row));
    TRY(number_open(ctx, db_reader(ctx), &r.row, &r.content));
    TRY(number_lend(ctx, &twilio));
    TRY(db_write_probe(ctx, 0));
    TRY(find_emptied(ctx, &twilio, r.row.provider_id, &emptied));
    if (r.row.vapi_id && json_is_true(json_object_get(r.content, "is_made_at_vapi"))) {
        TRY(assistant_lend(ctx, &vapi));
        TRY(delete_at_vapi(ctx, &vapi, r.row.vapi_id, &emptied));
    }
    TRY(put_back(ctx, &twilio, r.row.provider_id, json_object_get(r.content, "former"), emptied,
                 &restored, &left));
    r.detail = ways_text(ctx, restored, left);
    TRY(db_write(ctx, release_write, &r));
    jsonw_object(w);
    jsonw_text_at(w, "id", r.row.id);
    write_ways(w, "restored", restored);
    write_ways(w, "left", left);
    jsonw_object_end(w);
    return OK;
}
