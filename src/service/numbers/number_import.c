#include "service/numbers/number_import.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "obs/fields.h"
#include "providers/twilio_number.h"
#include "service/assistants/assistants.h"
#include "service/connections/endpoints.h"
#include "service/numbers/number_walk.h"
#include "service/numbers/numbers.h"

/* --- what is asked --------------------------------------------------------------------------- */

struct order {
    const char *asked[NUMBERS_MAX];
    size_t count;
    bool is_dry, overwrite;
    struct number_wish wish;
    struct lent twilio;
};

static const char *field_at(struct ctx *ctx, size_t i) {
    return arena_printf(ctx->arena, "numbers[%zu]", i);
}

static void check_numbers(struct ctx *ctx, const json_t *list, struct order *o) {
    json_t *one;
    size_t i;
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > NUMBERS_MAX) {
        ctx_field_range(ctx, "numbers", json_is_array(list) ? "out_of_range" : "wrong_type", 1,
                        NUMBERS_MAX,
                        "The field numbers must be a list of 1 to 20 numbers of your account.");
        return;
    }
    json_array_foreach(list, i, one) {
        const char *text = json_string_value(one);
        if (!text || !(field_is_phone(text) || twilio_is_number_sid(str_of(text))))
            ctx_field(ctx, field_at(ctx, i), "wrong_format",
                      "Write a number with + and the country, like +33612345678, or its sid, PN "
                      "and 32 hex digits.");
        else
            o->asked[o->count++] = text;
    }
}

static enum err check_body(struct ctx *ctx, const json_t *body, struct order *o) {
    static const char *const KNOWN[] = { "numbers", "dry_run", "overwrite", "vapi",
                                         "sms_via_vapi" };
    *o = (struct order){ .count = 0 };
    check_numbers(ctx, json_object_get(body, "numbers"), o);
    for (size_t i = 1; i < ARRAY_LEN(KNOWN); i++)
        field_bool(ctx, body, KNOWN[i]);
    o->is_dry = json_is_true(json_object_get(body, "dry_run"));
    o->overwrite = json_is_true(json_object_get(body, "overwrite"));
    o->wish.vapi = json_is_true(json_object_get(body, "vapi"));
    o->wish.texts_to_vapi = json_is_true(json_object_get(body, "sms_via_vapi"));
    if (o->wish.texts_to_vapi && !o->wish.vapi)
        ctx_field(ctx, "sms_via_vapi", "needs_vapi",
                  "Texts can go to Vapi only with \"vapi\": true.");
    if (endpoint_is_out_of_reach(ctx, PROVIDER_TWILIO))
        ctx_field(ctx, "numbers", "out_of_reach",
                  "Twilio cannot reach this Ava; set AVA_PUBLIC_URL to an https address first.");
    return fields_known(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
}

/* --- the plan -------------------------------------------------------------------------------- */

struct plan {
    const json_t *number;
    enum number_party leads_to[NUMBER_WAYS];
    bool is_blocked, is_busy;
};

/* True when a way leads to another system; what Vapi is to answer may lead to Vapi already. */
static bool is_taken(const struct order *o, const struct plan *p, enum number_way way) {
    bool is_vapis = !number_way_is_ours(&o->wish, way) && p->leads_to[way] == NUMBER_VAPI;
    return p->leads_to[way] >= NUMBER_VAPI && !is_vapis;
}

static bool is_twice(const struct plan *plans, size_t i) {
    const char *sid = json_text(plans[i].number, "provider_id");
    for (size_t before = 0; before < i; before++) {
        const char *other = json_text(plans[before].number, "provider_id");
        if (sid && other && strcmp(other, sid) == 0)
            return true;
    }
    return false;
}

/* Notes why a number cannot be imported, if that is so. */
static void note_wrong(struct ctx *ctx, const struct order *o, const struct plan *plans, size_t i) {
    const struct plan *p = &plans[i];
    const char *said = o->asked[i];
    if (!p->number)
        ctx_field(ctx, field_at(ctx, i), "not_in_account",
                  arena_printf(ctx->arena, "Your Twilio account has no number %s.", said));
    else if (is_twice(plans, i))
        ctx_field(ctx, field_at(ctx, i), "duplicate",
                  arena_printf(ctx->arena, "The number %s is there twice.", said));
    else if (p->is_busy)
        ctx_field(ctx, field_at(ctx, i), "in_progress",
                  arena_printf(ctx->arena, "The number %s is being imported already.", said));
    else if (p->is_blocked && !o->is_dry)
        ctx_field(ctx, field_at(ctx, i), "leads_elsewhere",
                  arena_printf(ctx->arena,
                               "The number %s leads to another system; send \"overwrite\": true to "
                               "take it over.",
                               said));
}

/* Reads one number and where it leads; number stays NULL when the account has none. */
static enum err plan_one(struct ctx *ctx, const struct order *o, size_t i, struct plan *p) {
    json_t *number;
    *p = (struct plan){ .number = NULL };
    TRY(twilio_number_read(ctx, &o->twilio.ref, o->twilio.account.account_sid, o->asked[i],
                           &number));
    p->number = number;
    if (number) {
        const json_t *routes = json_object_get(number, "routes");
        for (enum number_way way = 0; way < NUMBER_WAYS; way++) {
            TRY(number_leads_to(ctx, db_reader(ctx), routes, way, &p->leads_to[way]));
            p->is_blocked |= !o->overwrite && is_taken(o, p, way);
        }
        TRY(number_row_is_busy(ctx, db_reader(ctx), ctx->who.workspace_id,
                               json_text(number, "provider_id"), &p->is_busy));
    }
    return OK;
}

/* Plans all numbers; every one that cannot be taken is noted as a wrong field. */
static enum err plan_all(struct ctx *ctx, const struct order *o, struct plan *plans) {
    for (size_t i = 0; i < o->count; i++)
        TRY(plan_one(ctx, o, i, &plans[i]));
    for (size_t i = 0; i < o->count; i++)
        note_wrong(ctx, o, plans, i);
    return ctx_fields_ok(ctx);
}

/* --- showing it ------------------------------------------------------------------------------ */

static void warn(struct jsonw *w, const char *code, const char *way, const char *who,
                 const char *detail) {
    jsonw_object(w);
    jsonw_text_at(w, "code", code);
    jsonw_text_at(w, "way", way);
    jsonw_text_at(w, "who", who);
    jsonw_text_at(w, "detail", detail);
    jsonw_object_end(w);
}

static void write_warnings(struct ctx *ctx, struct jsonw *w, const struct order *o,
                           const struct plan *p) {
    static const char *const WHAT[NUMBER_WAYS] = { "Calls", "Texts", "States of calls",
                                                   "Calls whose address fails",
                                                   "Texts whose address fails" };
    const json_t *routes = json_object_get(p->number, "routes");
    jsonw_key(w, "warnings");
    jsonw_list(w);
    for (enum number_way way = 0; way < NUMBER_WAYS; way++) {
        if (!is_taken(o, p, way))
            continue;
        const char *who = number_who(ctx, routes, way), *name = number_way_name(way);
        warn(w, "leads_elsewhere", name, who,
             arena_printf(ctx->arena, "%s of this number: %s gets them now, and would no longer.",
                          WHAT[way], who));
    }
    if (json_text(p->number, "messaging_service_sid"))
        warn(
            w, "in_messaging_service", number_way_name(NUMBER_TEXTS), "a Messaging Service",
            "This number is in a Messaging Service of Twilio's, which may send texts to an address "
            "of its own instead of the number's; look there whether it defers to the sender.");
    if (o->wish.vapi)
        warn(w, "vapi_takes_calls", number_way_name(NUMBER_CALLS), "Vapi",
             "Vapi rewrites where calls of this number go: its assistant answers them.");
    if (o->wish.texts_to_vapi)
        warn(w, "vapi_takes_texts", number_way_name(NUMBER_TEXTS), "Vapi",
             "Vapi rewrites where texts to this number go: Ava does not see them.");
    jsonw_list_end(w);
}

static enum err write_steps(struct ctx *ctx, struct jsonw *w, const struct order *o,
                            const struct plan *p) {
    const char *steps[NUMBER_STEPS_MAX], *field;
    size_t count = number_steps_of(&o->wish, steps);
    json_t *wanted, *value;
    TRY(number_routes_wanted(ctx, &o->wish, json_object_get(p->number, "routes"), &wanted));
    jsonw_key(w, "steps");
    jsonw_list(w);
    for (size_t i = 0; i < count; i++) {
        jsonw_object(w);
        jsonw_text_at(w, "step", steps[i]);
        jsonw_key(w, "changes");
        jsonw_list(w);
        json_object_foreach(wanted, field, value) {
            if (steps[i] == STEP_POINT)
                jsonw_text(w, field);
        }
        if (steps[i] == STEP_VAPI)
            jsonw_text(w, "voice_url");
        if (steps[i] == STEP_VAPI && o->wish.texts_to_vapi)
            jsonw_text(w, "sms_url");
        jsonw_list_end(w);
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
    return OK;
}

static enum err show_plan(struct ctx *ctx, const struct order *o, const struct plan *plans,
                          struct str *shown) {
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    jsonw_object(&w);
    jsonw_key(&w, "plan");
    jsonw_list(&w);
    for (size_t i = 0; i < o->count; i++) {
        jsonw_object(&w);
        jsonw_text_at(&w, "number", json_text(plans[i].number, "phone_number"));
        jsonw_text_at(&w, "provider_id", json_text(plans[i].number, "provider_id"));
        jsonw_bool_at(&w, "is_blocked", plans[i].is_blocked);
        TRY(write_steps(ctx, &w, o, &plans[i]));
        write_warnings(ctx, &w, o, &plans[i]);
        jsonw_object_end(&w);
    }
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    *shown = buf_view(out);
    return OK;
}

/* --- placing it ------------------------------------------------------------------------------ */

struct placing {
    const struct order *order;
    struct plan *plans;
    const char *operation_id;
};

static enum err insert_steps(struct ctx *ctx, struct db_conn *tx, const struct placing *p,
                             const struct plan *plan, int64_t *seq) {
    const char *steps[NUMBER_STEPS_MAX];
    size_t count = number_steps_of(&p->order->wish, steps);
    for (size_t i = 0; i < count; i++) {
        struct number_step_row row = { .operation_id = p->operation_id,
                                       .workspace_id = ctx->who.workspace_id,
                                       .provider_id = json_text(plan->number, "provider_id"),
                                       .phone_number = json_text(plan->number, "phone_number"),
                                       .step = steps[i],
                                       .state = "waiting",
                                       .seq = ++*seq,
                                       .updated_ms = ava_wall_ms() };
        TRY(number_step_row_insert(ctx, tx, &row));
    }
    return OK;
}

/* For operation_order.insert: the steps of all numbers, unless one is being imported by now. */
static enum err insert(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct placing *p = arg;
    int64_t seq = 0;
    for (size_t i = 0; i < p->order->count; i++) {
        struct plan *plan = &p->plans[i];
        TRY(number_row_is_busy(ctx, tx, ctx->who.workspace_id,
                               json_text(plan->number, "provider_id"),
                               &plan->is_busy)); /* somebody may have been quicker */
        note_wrong(ctx, p->order, p->plans, i);
        TRY(insert_steps(ctx, tx, p, plan, &seq));
    }
    return ctx_fields_ok(ctx);
}

/* What the operation keeps of the order; the numbers are in its steps. */
static struct str request_of(struct ctx *ctx, const struct order *o) {
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    jsonw_object(&w);
    jsonw_text_at(&w, "account", o->twilio.account.account_sid);
    jsonw_bool_at(&w, "overwrite", o->overwrite);
    jsonw_bool_at(&w, "vapi", o->wish.vapi);
    jsonw_bool_at(&w, "sms_via_vapi", o->wish.texts_to_vapi);
    jsonw_object_end(&w);
    return buf_view(out);
}

enum err number_import_place(struct ctx *ctx, const json_t *body, const struct id *claim,
                             struct str *shown, struct operation_end *out) {
    struct plan plans[NUMBERS_MAX];
    struct id op = id_make("op");
    struct order o;
    struct lent vapi;
    *out = (struct operation_end){ .was_abandoned = true };
    TRY(check_body(ctx, body, &o));
    TRY(number_lend(ctx, &o.twilio));
    if (o.wish.vapi)
        TRY(assistant_lend(ctx, &vapi));
    TRY(plan_all(ctx, &o, plans));
    if (o.is_dry)
        return show_plan(ctx, &o, plans, shown);
    struct placing p = { &o, plans, arena_strdup(ctx->arena, op.text) };
    struct operation_order order = { .kind = &NUMBER_IMPORT,
                                     .id = p.operation_id,
                                     .object = p.operation_id,
                                     .request = request_of(ctx, &o),
                                     .insert = insert,
                                     .arg = &p,
                                     .claim = claim,
                                     .patience = PATIENCE_NONE };
    return operation_place(ctx, &order, out);
}

/* --- as an operation ------------------------------------------------------------------------- */

static enum err settle(struct ctx *ctx, struct db_conn *tx, const struct operation *op,
                       enum operation_state state, const void *result, struct str *shown) {
    if (state == OPERATION_SUCCEEDED)
        *shown = *(const struct str *)result;
    return OK; /* the steps wrote everything */
}

static enum err forget(struct ctx *ctx, struct db_conn *tx, const struct operation *op) {
    return OK; /* its steps go with it */
}

const struct operation_kind NUMBER_IMPORT = { .name = "number.import",
                                              .event = "numbers",
                                              .provider = PROVIDER_TWILIO,
                                              .perform = number_walk,
                                              .settle = settle,
                                              .forget = forget,
                                              .steps = number_walk_steps };
