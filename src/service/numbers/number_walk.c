#include "service/numbers/number_walk.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/sift.h"
#include "base/tree.h"
#include "providers/answer.h"
#include "providers/twilio_number.h"
#include "providers/vapi_numbers.h"
#include "service/assistants/assistants.h"
#include "service/numbers/number_import.h"
#include "service/numbers/number_undo.h"
#include "service/numbers/numbers.h"
#include "store/audit.h"

const char STEP_REMEMBER[] = "remember", STEP_POINT[] = "point", STEP_VAPI[] = "vapi",
           STEP_POINT_AGAIN[] = "point_again";

size_t number_steps_of(const struct number_wish *wish, const char *steps[NUMBER_STEPS_MAX]) {
    size_t count = 0;
    steps[count++] = STEP_REMEMBER;
    steps[count++] = STEP_POINT;
    if (wish->vapi) {
        steps[count++] = STEP_VAPI;
        steps[count++] = STEP_POINT_AGAIN;
    }
    return count;
}

static bool is_state(const struct number_step_row *s, const char *state) {
    return strcmp(s->state, state) == 0;
}

/* --- writing down ---------------------------------------------------------------------------- */

struct marking {
    struct number_step_row *step;
    struct number_row *row;            /* NULL: it stays as it is */
    const json_t *content;             /* of row */
    const struct audit_entry *entries; /* what changed */
    size_t count;
    const struct operation *op; /* set by mark */
};

/* Writes the state of a step, the number and the audit entries, together. */
static enum err mark_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct marking *m = arg;
    bool is_ours;
    TRY(operation_is_ours(ctx, tx, m->op, &is_ours));
    if (!is_ours)
        return ctx_fail(ctx, ERR_DRAINING, "Another run of Ava goes on with this.");
    TRY(number_step_row_update(ctx, tx, m->step));
    if (m->row)
        TRY(number_keep(ctx, tx, m->row, m->content));
    for (size_t i = 0; i < m->count; i++)
        TRY(audit_write(ctx, tx, m->entries[i]));
    return OK;
}

/* Moves a step to another state, and publishes the operation after the commit. */
static enum err mark(struct number_walk *w, const char *state, struct marking *m) {
    m->op = w->op;
    m->step->state = state;
    m->step->updated_ms = ava_wall_ms();
    TRY(db_write(w->ctx, mark_write, m));
    operation_tell(w->ctx, w->op->id);
    return OK;
}

/* The same where neither the number nor the audit log changes. */
static enum err mark_only(struct number_walk *w, struct number_step_row *step, const char *state,
                          const char *detail) {
    struct marking m = { .step = step };
    step->detail = detail;
    return mark(w, state, &m);
}

const char *number_changes(struct ctx *ctx, const json_t *routes) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    const char *field;
    json_t *value;
    jsonw_object(&w);
    jsonw_key(&w, "changes");
    jsonw_list(&w);
    json_object_foreach((json_t *)routes, field, value) jsonw_text(&w, field);
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    return str_dup(ctx->arena, buf_view(b));
}

/* The step is done; when it is the number's last, so is the number. what: the audit's word for it,
 * NULL: nothing changed at a provider. */
static enum err finish(struct number_walk *w, struct number_step_row *step, const char *what,
                       const char *detail) {
    struct audit_entry entries[2];
    struct marking m = { step, &w->row, w->content, entries, 0 };
    step->detail = detail;
    if (what)
        entries[m.count++] =
            (struct audit_entry){ .action = what, .object = w->row.id, .detail = detail };
    if (step == &w->steps[w->count - 1]) {
        w->row.imported_ms = ava_wall_ms();
        w->row.released_ms = 0;
        entries[m.count++] =
            (struct audit_entry){ .action = "number.import",
                                  .object = w->row.id,
                                  .detail = arena_printf(w->ctx->arena, "{\"phone_number\":\"%s\"}",
                                                         w->row.phone_number) };
    }
    return mark(w, "done", &m);
}

/* --- the steps ------------------------------------------------------------------------------- */

/* The number as Twilio has it now. */
static enum err read_number(struct number_walk *w, json_t **number) {
    const struct number_step_row *s = &w->steps[0];
    TRY(twilio_number_read(w->ctx, &w->twilio.ref, w->twilio.account.account_sid, s->provider_id,
                           number));
    if (!*number)
        return ctx_fail(w->ctx, ERR_PROVIDER_RESOURCE_NOT_FOUND,
                        "Your Twilio account has no number %s any more.", s->phone_number);
    return OK;
}

/* Refuses a number that somebody has pointed elsewhere since the order was checked. */
static enum err check_leads(struct number_walk *w, const json_t *routes) {
    for (enum number_way way = 0; way < NUMBER_WAYS && !w->overwrite; way++) {
        enum number_party p;
        TRY(number_leads_to(w->ctx, db_reader(w->ctx), routes, way, &p));
        if (p == NUMBER_OTHER || (p == NUMBER_VAPI && number_way_is_ours(&w->wish, way)))
            return ctx_fail(w->ctx, ERR_VERSION_CONFLICT,
                            "Somebody has pointed the number %s to %s meanwhile.",
                            w->steps[0].phone_number, number_who(w->ctx, routes, way));
    }
    return OK;
}

/* The routes to remember as the former ones: those of now, but what leads to Ava already says
 * nothing of what was before, so that stays as it was remembered. */
static enum err former_of(struct number_walk *w, const json_t *now, const json_t *known,
                          json_t **out) {
    json_t *former = tree_in(w->ctx->arena, json_deep_copy(now));
    for (enum number_way way = 0; way < NUMBER_WAYS; way++) {
        enum number_party p;
        TRY(number_leads_to(w->ctx, db_reader(w->ctx), now, way, &p));
        if (number_way_is_remembered(way, p, w->row.vapi_id != NULL, number_is_held(&w->row)))
            number_way_copy(former, known, way);
    }
    *out = former;
    return OK;
}

/* Step "remember": stores where the number leads, before anything is changed. */
static enum err remember(struct number_walk *w, struct number_step_row *step) {
    struct ctx *ctx = w->ctx;
    json_t *number, *former, *known = NULL;
    TRY(read_number(w, &number));
    const json_t *now = json_object_get(number, "routes");
    TRY(check_leads(w, now));
    if (w->row.id)
        known = json_object_get(w->content, "former");
    TRY(former_of(w, now, known, &former));
    bool is_made = json_is_true(json_object_get(w->content, "is_made_at_vapi"));
    w->content = tree_in(ctx->arena, json_pack("{s:O, s:O, s:b}", "former", former, "before", now,
                                               "is_made_at_vapi", is_made));
    if (!w->row.id) {
        struct id id = id_make("num");
        w->row = (struct number_row){ .id = arena_strdup(ctx->arena, id.text),
                                      .workspace_id = ctx->who.workspace_id,
                                      .account = w->twilio.account.account_sid,
                                      .created_ms = ava_wall_ms() };
    }
    number_take(number, &w->row);
    return finish(w, step, NULL, NULL);
}

/* Steps "point" and "point_again": sets the routes that must lead to Ava. */
static enum err point(struct number_walk *w, struct number_step_row *step) {
    json_t *number, *wanted;
    TRY(read_number(w, &number));
    TRY(number_routes_wanted(w->ctx, &w->wish, json_object_get(number, "routes"), &wanted));
    const char *detail = number_changes(w->ctx, wanted);
    if (json_object_size(wanted) == 0)
        return finish(w, step, NULL, detail);
    if (!is_state(step, "started"))
        TRY(mark_only(w, step, "started", detail));
    TRY(twilio_number_route(w->ctx, &w->twilio.ref, w->twilio.account.account_sid,
                            w->row.provider_id, wanted, &number));
    return finish(w, step, "number.point", detail);
}

/* Before the first byte: from here on Vapi may have it. */
static enum err on_sending(struct ctx *ctx, const struct upstream_request *req, void *arg) {
    struct number_walk *w = arg;
    if (!is_state(w->at, "started"))
        TRY(mark_only(w, w->at, "started", NULL));
    return w->watch->sending(ctx, req, w->watch->arg);
}

static void on_waiting(struct ctx *ctx, int attempts, int64_t wait_ms, void *arg) {
    const struct number_walk *w = arg;
    w->watch->waiting(ctx, attempts, wait_ms, w->watch->arg);
}

static const char *name_for_vapi(const struct number_walk *w) {
    const char *name = w->row.friendly_name;
    return name && str_fits(str_of(name), 1, VAPI_NUMBER_NAME_MAX_CHARS) ? name : NULL;
}

/* Step "vapi": finds the number at Vapi, or gives it to Vapi. Once sent it is only looked for,
 * never sent again. */
static enum err import_at_vapi(struct number_walk *w, struct number_step_row *step) {
    struct upstream_watch watch = { on_sending, on_waiting, w };
    struct vapi_number_order order = { .phone_number = w->row.phone_number,
                                       .name = name_for_vapi(w),
                                       .assistant_id = w->vapi.account.assistant_id,
                                       .twilio = &w->twilio.ref,
                                       .takes_texts = w->wish.texts_to_vapi };
    bool was_sent = is_state(step, "started"), is_new = true;
    const char *id;
    TRY(vapi_number_find(w->ctx, &w->vapi.ref, w->row.phone_number, &id));
    if (!id && was_sent && w->op->is_last)
        return ctx_fail(w->ctx, ERR_PROVIDER_ERROR, "Vapi did not take the number.");
    if (!id && was_sent)
        return ctx_fail(w->ctx, ERR_OUTCOME_UNKNOWN,
                        "Vapi did not confirm the number yet. Ava asks until it knows.");
    w->at = step;
    if (!id)
        TRY(vapi_number_create(w->ctx, &w->vapi.ref, &order, &watch, &id));
    else
        is_new = was_sent; /* else it has been there, by whomever */
    w->row.vapi_id = id;
    if (is_new)
        json_object_set_new(w->content, "is_made_at_vapi", json_true());
    return finish(w, step, "number.vapi_import",
                  arena_printf(w->ctx->arena, "{\"is_new\":%s}", is_new ? "true" : "false"));
}

static enum err step_run(struct number_walk *w, struct number_step_row *step) {
    if (strcmp(step->step, STEP_REMEMBER) == 0)
        return remember(w, step);
    return strcmp(step->step, STEP_VAPI) == 0 ? import_at_vapi(w, step) : point(w, step);
}

/* --- one number ------------------------------------------------------------------------------ */

/* True for an error that may be gone at the next run. */
static bool may_pass(enum err e) {
    return answer_may_be_stale(e) || e == ERR_STORAGE_UNAVAILABLE || e == ERR_DRAINING ||
           e == ERR_OUTCOME_UNKNOWN;
}

const char *number_reason(struct ctx *ctx, enum err e) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_text_at(&w, "code", err_info(e)->code);
    jsonw_text_at(&w, "reason", ctx->problem.detail ? ctx->problem.detail : err_info(e)->meaning);
    jsonw_object_end(&w);
    return str_dup(ctx->arena, buf_view(b));
}

/* True when a step failed, so that the number is put back. */
static bool turns_back(const struct number_walk *w) {
    bool back = false;
    for (size_t i = 0; i < w->count; i++)
        back |= is_state(&w->steps[i], "failed") || is_state(&w->steps[i], "undoing");
    return back;
}

/* Goes on with one number from where it was left; an error that may pass ends the run. */
static enum err walk_steps(struct number_walk *w) {
    for (size_t i = 0; i < w->count && !turns_back(w); i++) {
        struct number_step_row *step = &w->steps[i];
        if (is_state(step, "done"))
            continue;
        enum err e = step_run(w, step);
        if (e != OK && (!w->op->is_last || e == ERR_DRAINING) && may_pass(e))
            return e;
        if (e != OK)
            TRY(mark_only(w, step, "failed", number_reason(w->ctx, e)));
    }
    return turns_back(w) ? number_undo(w) : OK;
}

/* Reads the row of the number at hand; one that is new has none yet. */
static enum err load(struct number_walk *w) {
    struct db_conn *c = db_reader(w->ctx);
    TRY(number_row_find_by_provider(w->ctx, c, w->ctx->who.workspace_id, w->steps[0].provider_id,
                                    &w->row));
    w->content = NULL;
    return w->row.id ? number_open(w->ctx, c, &w->row, &w->content) : OK;
}

/* --- all of them ----------------------------------------------------------------------------- */

/* Reads the order, and finds the credentials; the Twilio account must still be the same. */
static enum err begin(struct ctx *ctx, const struct operation *op, struct number_walk *w) {
    json_t *request = sift_own(ctx->arena, op->request);
    const char *account = json_text(request, "account");
    w->ctx = ctx;
    w->op = op;
    w->overwrite = json_is_true(json_object_get(request, "overwrite"));
    w->wish.vapi = json_is_true(json_object_get(request, "vapi"));
    w->wish.texts_to_vapi = json_is_true(json_object_get(request, "sms_via_vapi"));
    TRY(number_lend(ctx, &w->twilio));
    if (!account || strcmp(account, w->twilio.account.account_sid) != 0)
        return ctx_fail(ctx, ERR_VERSION_CONFLICT,
                        "Another Twilio account is connected now than when this was ordered.");
    return w->wish.vapi ? assistant_lend(ctx, &w->vapi) : OK;
}

static void write_number(struct jsonw *w, const struct number_walk *walk) {
    jsonw_object(w);
    jsonw_text_at(w, "id", walk->row.id);
    jsonw_text_at(w, "provider_id", walk->row.provider_id);
    jsonw_text_at(w, "phone_number", walk->row.phone_number);
    jsonw_text_at(w, "vapi_id", walk->row.vapi_id);
    jsonw_object_end(w);
}

/* What the first of them failed with, and how many did. */
static enum err tell_failed(struct ctx *ctx, const struct number_step_row *steps, size_t count) {
    const struct number_step_row *first = NULL;
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_state(&steps[i], "failed"))
            continue;
        first = first ? first : &steps[i];
        failed++;
    }
    if (!first)
        return OK;
    json_t *detail = sift_own(ctx->arena, str_of(first->detail ? first->detail : "{}"));
    const char *code = json_text(detail, "code");
    enum err e = code ? err_by_code(code) : OK;
    const char *reason = json_text(detail, "reason");
    return ctx_fail(ctx, e == OK ? ERR_PROVIDER_ERROR : e, "%s was not imported: %s%s",
                    first->phone_number, reason ? reason : "the steps tell why.",
                    failed > 1 ? " So it went with others; the steps tell which." : "");
}

enum err number_walk(struct ctx *ctx, const struct operation *op,
                     const struct upstream_watch *watch, const void **result) {
    struct number_step_row steps[NUMBERS_MAX * NUMBER_STEPS_MAX];
    struct number_walk w = { .watch = watch };
    struct buf *out = buf_in(ctx->arena);
    struct jsonw json = jsonw_to(out);
    size_t count;
    TRY(number_step_rows_list(ctx, db_reader(ctx), op->id, ARRAY_LEN(steps), steps, &count));
    enum err e = begin(ctx, op, &w);
    if (e != OK)
        return may_pass(e) && !op->is_last ? e : number_give_up(ctx, op, steps, count, e);
    jsonw_object(&json);
    jsonw_key(&json, "numbers");
    jsonw_list(&json);
    for (size_t i = 0; i < count; i += w.count) {
        w.steps = &steps[i];
        for (w.count = 1; i + w.count < count; w.count++)
            if (strcmp(steps[i + w.count].provider_id, steps[i].provider_id) != 0)
                break;
        TRY(load(&w));
        TRY(walk_steps(&w));
        if (!turns_back(&w))
            write_number(&json, &w);
    }
    jsonw_list_end(&json);
    jsonw_object_end(&json);
    struct str text = buf_view(out);
    *result = arena_copy(ctx->arena, &text, sizeof text);
    return tell_failed(ctx, steps, count);
}

enum err number_walk_steps(struct ctx *ctx, const char *operation_id, struct jsonw *w) {
    struct number_step_row *steps =
        arena_alloc(ctx->arena, NUMBERS_MAX * NUMBER_STEPS_MAX * sizeof *steps);
    size_t count;
    TRY(number_step_rows_list(ctx, db_reader(ctx), operation_id, NUMBERS_MAX * NUMBER_STEPS_MAX,
                              steps, &count));
    jsonw_list(w);
    for (size_t i = 0; i < count; i++) {
        jsonw_object(w);
        jsonw_text_at(w, "number", steps[i].phone_number);
        jsonw_text_at(w, "step", steps[i].step);
        jsonw_text_at(w, "state", steps[i].state);
        if (steps[i].detail) {
            jsonw_key(w, "detail");
            jsonw_raw(w, str_of(steps[i].detail));
        }
        jsonw_time_at(w, "updated_at", steps[i].updated_ms);
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
    return OK;
}
