#include "service/calls/calls.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/sift.h"
#include "base/tree.h"
#include "obs/fields.h"
#include "providers/dialect.h"
#include "providers/vapi_calls.h"
#include "service/assistants/assistants.h"
#include "service/assistants/call_length.h"
#include "service/calls/budgets.h"
#include "service/calls/call_apply.h"
#include "service/calls/call_gone.h"
#include "service/calls/call_news.h"
#include "service/calls/call_status.h"
#include "service/calls/ended.h"
#include "service/calls/lines.h"
#include "service/connections/lending.h"
#include "service/numbers/numbers.h"
#include "tasks/feed.h"
#include "tasks/jobs.h"
#include "vault/vault.h"

enum { ID_MAX = 128, METADATA_BYTES_MAX = 8192, ENDED_BYTES = 1 << 16, OF_ID_MAX = 32 };

/* --- what is asked --------------------------------------------------------------------------- */

static void check_metadata(struct ctx *ctx, const json_t *value) {
    if (!value || json_is_null(value))
        return;
    if (!json_is_object(value))
        ctx_field(ctx, "metadata", "wrong_type", "The metadata must be an object.");
    else if (field_bytes(value) > METADATA_BYTES_MAX)
        ctx_field_range(ctx, "metadata", "too_long", 0, METADATA_BYTES_MAX,
                        "The metadata must be at most 8192 bytes of JSON.");
    else if (json_object_get(value, "ava_op"))
        ctx_field(ctx, "metadata", "reserved",
                  "The name ava_op in metadata is Ava's own; choose another one.");
}

/* All fields of a call to place; each wrong one is noted. */
static enum err check_body(struct ctx *ctx, const json_t *body) {
    static const char *const KNOWN[] = { "to", "assistant_id", "from_number_id", "metadata" };
    field_phone(ctx, body, "to", "the number to call");
    field_text(ctx, body, "assistant_id", false, 1, ID_MAX);
    field_text(ctx, body, "from_number_id", false, 1, ID_MAX);
    check_metadata(ctx, json_object_get(body, "metadata"));
    return fields_known(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
}

/* *out: the assistant or number that was asked for, or the credential's own. Under the operator's
 * key only that one may be used: what else the account has is not this workspace's business. */
static enum err choose(struct ctx *ctx, const struct lent *lent, const char *field,
                       const char *asked, const char *own, const char *missing, const char **out) {
    *out = asked ? asked : own;
    if (asked && lent->ref.is_platform && (!own || strcmp(asked, own) != 0))
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no %.40s with this id.",
                        strcmp(field, "assistant_id") == 0 ? "assistant" : "number");
    if (!*out || !(*out)[0]) {
        ctx_field(ctx, field, "required", missing);
        return ctx_fields_ok(ctx);
    }
    return OK;
}

/* --- placing one ----------------------------------------------------------------------------- */

void call_placing_init(struct ctx *ctx, struct call_placing *p, enum provider provider) {
    struct id id = id_make("call"), op = id_make("op");
    p->row = (struct call_row){ .id = arena_strdup(ctx->arena, id.text),
                                .workspace_id = ctx->who.workspace_id,
                                .operation_id = arena_strdup(ctx->arena, op.text),
                                .provider = provider_name(provider),
                                .direction = "outbound",
                                .status = "requested",
                                .created_ms = ava_wall_ms() };
    p->account = "";
    p->seconds_max = 0;
    p->waits = false;
    p->row.updated_ms = p->row.created_ms;
}

enum err call_placing_insert(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct call_placing *p = arg;
    struct sealed_place place = call_row_place(&p->row);
    struct line_row line = { .call_id = p->row.id,
                             .workspace_id = p->row.workspace_id,
                             .operation_id = p->row.operation_id,
                             .line = p->row.from ? p->row.from : "",
                             .account = p->account };
    TRY(lines_lock(ctx, tx));
    TRY(vault_seal(ctx, tx, &place, p->metadata, &p->row.sealed));
    TRY(call_row_insert(ctx, tx, &p->row));
    TRY(budget_reserve(ctx, tx, &p->row, line.line, p->seconds_max));
    return lines_enter(ctx, tx, &line, &p->waits);
}

/* What the operation keeps of the order, for perform and look_up; JSON, the arena's. */
static struct str request_of(struct ctx *ctx, const struct call_placing *p) {
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    jsonw_object(&w);
    jsonw_text_at(&w, "to", p->row.to);
    jsonw_text_at(&w, "assistant_id", p->row.assistant_id);
    jsonw_text_at(&w, "number_id", p->row.from_number_id);
    jsonw_key(&w, "metadata");
    jsonw_raw(&w, p->metadata);
    if (p->seconds_max)
        jsonw_i64_at(&w, "seconds_max", p->seconds_max);
    jsonw_object_end(&w);
    return buf_view(out);
}

enum err call_place(struct ctx *ctx, const json_t *body, enum operation_patience patience,
                    const struct id *claim, struct operation_end *out) {
    struct lent lent;
    const json_t *metadata = json_object_get(body, "metadata");
    const char *assistant, *number;
    struct call_placing p;
    call_placing_init(ctx, &p, PROVIDER_VAPI);
    *out = (struct operation_end){ .was_abandoned = true };
    TRY(check_body(ctx, body));
    TRY(lending_find(ctx, PROVIDER_VAPI, &lent));
    TRY(assistant_resolve(ctx, json_text(body, "assistant_id"), &assistant));
    TRY(choose(ctx, &lent, "assistant_id", assistant, lent.account.assistant_id,
               "No assistant is chosen; send assistant_id, or connect Vapi with the id of one.",
               &p.row.assistant_id));
    TRY(number_at_vapi(ctx, json_text(body, "from_number_id"), &number));
    TRY(choose(ctx, &lent, "from_number_id", number, lent.account.number_id,
               "No number to call from is chosen; send from_number_id, or connect Vapi with "
               "default_number_id.",
               &p.row.from_number_id));
    TRY(number_of_vapi(ctx, p.row.from_number_id, &p.row.from));
    TRY(call_length_of(ctx, &lent, p.row.assistant_id, &p.seconds_max));
    p.account = lines_account(ctx, PROVIDER_VAPI, &lent.ref);
    p.row.to = json_text(body, "to");
    p.metadata = tree_text(ctx->arena, json_is_object(metadata) ? metadata : NULL);
    struct operation_order order = { .kind = &CALL_CREATE,
                                     .id = p.row.operation_id,
                                     .object = p.row.id,
                                     .request = request_of(ctx, &p),
                                     .insert = call_placing_insert,
                                     .arg = &p,
                                     .waits = &p.waits,
                                     .claim = claim,
                                     .patience = patience };
    enum err e = operation_place(ctx, &order, out);
    if (e == ERR_BUDGET_EXHAUSTED)
        call_news_refused(ctx);
    return e;
}

/* --- as an operation ------------------------------------------------------------------------- */

/* The order from the stored request of the operation. */
static enum err order_of(struct ctx *ctx, const struct operation *op,
                         struct vapi_call_order *order) {
    json_t *request = sift_own(ctx->arena, op->request);
    const json_t *metadata = json_object_get(request, "metadata");
    *order = (struct vapi_call_order){ .assistant_id = json_text(request, "assistant_id"),
                                       .number_id = json_text(request, "number_id"),
                                       .to = json_text(request, "to"),
                                       .operation_id = op->id,
                                       .metadata = json_is_object(metadata) ? metadata : NULL,
                                       .seconds_max = json_i64_or(request, "seconds_max", 0) };
    if (!order->assistant_id || !order->number_id || !order->to)
        return ctx_fail(ctx, ERR_INTERNAL, "The stored request cannot be read.");
    return OK;
}

/* Vapi says beside the call how many calls its account can have at once: lines.h keeps that. */
static void learn_room(struct ctx *ctx, const struct upstream_credential *c,
                       const struct call_facts *facts) {
    if (facts->account_calls >= 0 || facts->is_blocked)
        lines_learn(ctx, lines_account(ctx, PROVIDER_VAPI, c), facts);
}

/* Creates the call at Vapi. */
static enum err perform(struct ctx *ctx, const struct operation *op,
                        const struct upstream_watch *watch, const void **result) {
    struct lent lent;
    struct vapi_call_order order;
    struct call_facts *facts = arena_alloc(ctx->arena, sizeof *facts);
    TRY(order_of(ctx, op, &order));
    TRY(lending_find(ctx, PROVIDER_VAPI, &lent));
    TRY(vapi_call_create(ctx, &lent.ref, &order, watch, facts));
    learn_room(ctx, &lent.ref, facts);
    *result = facts;
    return OK;
}

/* Looks through Vapi's calls once for those whose metadata names one of the operations. *listed:
 * struct vapi_calls_made. */
static enum err list(struct ctx *ctx, const struct operation *const *ops, size_t count,
                     const void **listed) {
    struct lent lent;
    struct vapi_calls_made *calls = arena_alloc(ctx->arena, sizeof *calls);
    *calls = (struct vapi_calls_made){ .count = count };
    calls->list = arena_alloc(ctx->arena, count * sizeof *calls->list);
    for (size_t i = 0; i < count; i++)
        calls->list[i].operation_id = ops[i]->id;
    TRY(lending_find(ctx, PROVIDER_VAPI, &lent));
    TRY(vapi_calls_find(ctx, &lent.ref, operations_oldest(ops, count), calls));
    *listed = calls;
    return OK;
}

/* Asks Vapi for a call whose metadata names the operation; one that a whole list does not have is not
 * asked for. */
static enum err look_up(struct ctx *ctx, const struct operation *op, const void *listed,
                        const void **result, bool *is_absent) {
    struct lent lent;
    struct vapi_call_order order;
    const struct call_facts *facts = NULL;
    const struct vapi_calls_made *calls = listed;
    for (size_t i = 0; calls && i < calls->count; i++)
        if (strcmp(calls->list[i].operation_id, op->id) == 0)
            facts = calls->list[i].facts;
    *is_absent = calls && calls->is_whole && !facts;
    if (!facts && !*is_absent) {
        TRY(order_of(ctx, op, &order));
        TRY(lending_find(ctx, PROVIDER_VAPI, &lent));
        TRY(vapi_call_find(ctx, &lent.ref, &order, op->sent_ms, &facts, is_absent));
    }
    *result = facts;
    return OK;
}

static enum err find_name(struct ctx *ctx, struct db_conn *c, struct call_view *v) {
    struct assistant_row assistant;
    if (!v->row.assistant_id)
        return OK;
    TRY(assistant_row_find_by_provider(ctx, c, v->row.workspace_id, v->row.assistant_id,
                                       &assistant));
    v->assistant_name = assistant.id ? assistant.name : NULL;
    return OK;
}

/* Unseals the metadata of the row into the view, and finds the words for its assistant. */
static enum err open_view(struct ctx *ctx, struct db_conn *c, struct call_view *v) {
    struct sealed_place place = call_row_place(&v->row);
    struct str plain;
    TRY(vault_unseal(ctx, c, &place, v->row.sealed, &plain));
    v->metadata = sift_own(ctx->arena, plain);
    return find_name(ctx, c, v);
}

enum err call_show(struct ctx *ctx, struct db_conn *tx, const struct call_row *row,
                   struct str *shown) {
    struct call_view v = { .row = *row };
    TRY(open_view(ctx, tx, &v));
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    call_write(&w, &v);
    *shown = buf_view(out);
    return OK;
}

enum err call_save(struct ctx *ctx, struct db_conn *tx, const struct call_row *row) {
    TRY(lines_lock(ctx, tx));
    TRY(call_news_tell(ctx, tx, row));
    TRY(call_row_update(ctx, tx, row));
    TRY(budget_book(ctx, tx, row));
    return call_is_over(row) ? lines_leave(ctx, tx, row->id) : OK;
}

/* The status that an operation which did not succeed gives the call. */
static void take_state(struct ctx *ctx, enum operation_state state, struct call_row *row) {
    bool is_canceled = state == OPERATION_FAILED && ctx->problem.err == ERR_CANCELED;
    row->status = is_canceled ? "canceled" : operation_state_name(state);
    if (is_canceled)
        row->ended_reason = "canceled-while-waiting";
}

/* A webhook may have made a row for the id that the provider gives our call only now: what it told goes
 * into ours, and that row goes. */
static enum err join_told(struct ctx *ctx, struct db_conn *tx, struct call_row *row,
                          const char *provider_id) {
    struct call_row told;
    if (!provider_id)
        return OK;
    TRY(call_row_find_by_provider(ctx, tx, row->workspace_id, row->provider, provider_id, &told));
    if (!told.id || strcmp(told.id, row->id) == 0)
        return OK;
    struct call_facts facts = { .provider_id = provider_id,
                                .carrier_id = told.carrier_id,
                                .from = told.from,
                                .status = told.status,
                                .ended_reason = told.ended_reason,
                                .started_ms = told.started_ms,
                                .ended_ms = told.ended_ms,
                                .has_exact_times = true,
                                .has_cost = told.has_cost,
                                .cost_micros = told.cost_micros };
    TRY(call_remove(ctx, tx, &told));
    call_facts_apply(row, &facts);
    return OK;
}

enum err call_settle(struct ctx *ctx, struct db_conn *tx, const struct operation *op,
                     enum operation_state state, const void *result, struct str *shown) {
    struct call_view v = { .metadata = NULL };
    TRY(call_row_find(ctx, tx, ctx->who.workspace_id, op->object, &v.row));
    if (!v.row.id)
        return OK;
    enum provider p = provider_parse(str_of(v.row.provider));
    if (state == OPERATION_SUCCEEDED) {
        const struct call_facts *facts = result;
        TRY(join_told(ctx, tx, &v.row, facts->provider_id));
        call_facts_apply(&v.row, facts);
    } else if (call_status_rank(p, v.row.status) == 0) { /* else a webhook was quicker */
        take_state(ctx, state, &v.row);
    }
    v.row.updated_ms = ava_wall_ms();
    TRY(call_save(ctx, tx, &v.row));
    if (state == OPERATION_UNCONFIRMED &&
        !op->sent_ms) /* of a backup: it waited, and does no more */
        TRY(lines_leave(ctx, tx, v.row.id));
    return call_show(ctx, tx, &v.row, shown);
}

enum err call_remove(struct ctx *ctx, struct db_conn *tx, const struct call_row *row) {
    TRY(lines_lock(ctx, tx));
    TRY(budget_forget(ctx, tx, row));
    TRY(lines_leave(ctx, tx, row->id));
    return call_row_delete(ctx, tx, row->id);
}

enum err call_forget(struct ctx *ctx, struct db_conn *tx, const struct operation *op) {
    struct call_row row;
    TRY(call_row_find(ctx, tx, ctx->who.workspace_id, op->object, &row));
    return row.id ? call_remove(ctx, tx, &row) : OK;
}

const struct operation_kind CALL_CREATE = { .name = "call.create",
                                            .event = "call",
                                            .provider = PROVIDER_VAPI,
                                            .perform = perform,
                                            .look_up = look_up,
                                            .settle = call_settle,
                                            .forget = call_forget,
                                            .queue = &LINES_QUEUE,
                                            .list = list };

/* --- reading --------------------------------------------------------------------------------- */

static void write_cost(struct jsonw *w, const struct call_row *c) {
    jsonw_key(w, "cost");
    if (!c->has_cost) {
        jsonw_null(w);
        return;
    }
    jsonw_object(w);
    jsonw_i64_at(w, "amount_micros", c->cost_micros);
    jsonw_text_at(w, "currency", "USD");
    jsonw_object_end(w);
}

/* A reason that names a provider becomes a sentence of its own: room for one. */
static void write_ended(struct jsonw *w, const struct call_row *c) {
    struct arena *a = arena_new(ENDED_BYTES);
    struct ended e = { 0 };
    if (call_is_over(c))
        e = ended_explain(a, c->ended_reason ? c->ended_reason : c->status);
    jsonw_key(w, "ended");
    ended_write(w, &e);
    arena_free(a);
}

void call_write(struct jsonw *w, const struct call_view *v) {
    const struct call_row *c = &v->row;
    jsonw_object(w);
    jsonw_text_at(w, "id", c->id);
    jsonw_text_at(w, "provider", c->provider);
    jsonw_text_at(w, "provider_id", c->provider_id);
    jsonw_text_at(w, "carrier_id", c->carrier_id);
    jsonw_text_at(w, "operation_id", c->operation_id);
    jsonw_text_at(w, "direction", c->direction);
    jsonw_text_at(w, "to", c->to);
    jsonw_text_at(w, "from", c->from);
    jsonw_text_at(w, "from_number_id", c->from_number_id);
    jsonw_text_at(w, "assistant_id", c->assistant_id);
    jsonw_text_at(w, "assistant_name", v->assistant_name);
    jsonw_text_at(w, "status", c->status);
    jsonw_text_at(w, "ended_reason", c->ended_reason);
    write_ended(w, c);
    jsonw_time_at(w, "started_at", c->started_ms);
    jsonw_time_at(w, "ended_at", c->ended_ms);
    write_cost(w, c);
    jsonw_key(w, "metadata");
    if (json_is_object(v->metadata))
        jsonw_tree(w, v->metadata);
    else
        jsonw_null(w);
    jsonw_time_at(w, "created_at", c->created_ms);
    jsonw_time_at(w, "updated_at", c->updated_ms);
    if (v->is_stale)
        jsonw_bool_at(w, "stale", true);
    if (c->ending_ms && !call_is_over(c))
        jsonw_bool_at(w, "is_ending", true);
    jsonw_object_end(w);
}

void call_publish(struct ctx *ctx, const struct call_view *v) {
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    call_write(&w, v);
    feed_publish(ctx->parts->feed, v->row.workspace_id, CALL_CREATE.event, buf_view(&b));
    buf_fini(&b);
}

struct learning {
    const struct call_facts *facts;
    struct call_row row;
    bool changed;
};

/* The row as it is now: a webhook may have been quicker. */
static enum err learn_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct learning *l = arg;
    TRY(call_row_find(ctx, tx, l->row.workspace_id, l->row.id, &l->row));
    l->changed = l->row.id && call_facts_apply(&l->row, l->facts);
    l->row.updated_ms = ava_wall_ms();
    return l->changed ? call_save(ctx, tx, &l->row) : OK;
}

/* What cannot be written is shown all the same, and asked for again next time. */
void call_take(struct ctx *ctx, const struct call_facts *facts, struct call_view *v) {
    struct learning l = { .facts = facts, .row = v->row };
    if (!call_facts_apply(&v->row, facts))
        return;
    v->row.updated_ms = ava_wall_ms();
    if (db_write(ctx, learn_write, &l) != OK) {
        ctx_clear(ctx);
    } else if (l.changed) {
        v->row = l.row;
        call_publish(ctx, v);
        jobs_wake(ctx->parts->jobs);
    }
}

enum err call_reach(struct ctx *ctx, const struct call_row *row, const struct dialect_calls **calls,
                    struct lent *lent) {
    enum provider p = provider_parse(str_of(row->provider));
    *calls = dialect_of(p)->calls;
    if (!*calls)
        return ctx_fail(ctx, ERR_INTERNAL, "This Ava does not know the provider of this call.");
    return lending_find(ctx, p, lent);
}

enum err call_ask(struct ctx *ctx, const struct call_row *row, struct call_facts *facts) {
    const struct dialect_calls *calls;
    struct lent lent;
    TRY(call_reach(ctx, row, &calls, &lent));
    return calls->read(ctx, &lent.ref, &lent.account, row->provider_id, facts);
}

/* Asks the provider how the call stands; the view is stale when it does not answer. */
static void refresh(struct ctx *ctx, struct call_view *v) {
    struct call_facts facts;
    enum err e = call_ask(ctx, &v->row, &facts);
    v->is_stale = e != OK;
    ctx_clear(ctx);
    if (e == OK)
        call_take(ctx, &facts, v);
    else if (e == ERR_PROVIDER_RESOURCE_NOT_FOUND && call_missed(ctx, v, false) == OK)
        v->is_stale = !call_is_over(&v->row);
    ctx_clear(ctx);
}

enum err call_stored(struct ctx *ctx, const char *id, struct call_view *out) {
    struct db_conn *c = db_reader(ctx);
    *out = (struct call_view){ .metadata = NULL };
    TRY(call_row_find(ctx, c, ctx->who.workspace_id, id, &out->row));
    if (!out->row.id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such call.");
    return open_view(ctx, c, out);
}

enum err call_read(struct ctx *ctx, const char *id, struct call_view *out) {
    TRY(call_stored(ctx, id, out));
    if (out->row.provider_id && out->row.ended_ms == 0)
        refresh(ctx, out);
    return OK;
}

enum err call_list(struct ctx *ctx, const struct call_filter *filter, int limit,
                   struct call_view *out, size_t *count, struct page_end *end) {
    struct db_conn *c = db_reader(ctx);
    struct call_row *rows = arena_alloc(ctx->arena, (size_t)limit * sizeof *rows);
    TRY(call_rows_list(ctx, c, ctx->who.workspace_id, filter, limit, rows, count, end));
    for (size_t i = 0; i < *count; i++) {
        out[i] = (struct call_view){ .row = rows[i] };
        TRY(open_view(ctx, c, &out[i]));
    }
    return OK;
}

enum err call_list_of_id(struct ctx *ctx, const char *id, size_t room, struct call_view *out,
                         size_t *count) {
    struct db_conn *c = db_reader(ctx);
    struct call_row rows[OF_ID_MAX];
    size_t found;
    *count = 0;
    TRY(call_rows_find_anywhere(ctx, c, id, OF_ID_MAX, rows, &found));
    for (size_t i = 0; i < found && *count < room; i++) {
        if (strcmp(rows[i].workspace_id, ctx->who.workspace_id) != 0)
            continue;
        out[*count] = (struct call_view){ .row = rows[i] };
        TRY(open_view(ctx, c, &out[(*count)++]));
    }
    return OK;
}
