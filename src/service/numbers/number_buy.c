#include "service/numbers/number_buy.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/sift.h"
#include "base/tree.h"
#include "obs/fields.h"
#include "providers/twilio_number.h"
#include "service/connections/endpoints.h"
#include "service/numbers/number_routes.h"
#include "service/numbers/numbers.h"
#include "store/audit.h"

static enum err check_body(struct ctx *ctx, const json_t *body) {
    static const char *const KNOWN[] = { "phone_number", "import" };
    field_phone(ctx, body, "phone_number", "the number to buy");
    field_bool(ctx, body, "import");
    return fields_known(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
}

static enum err nothing_to_insert(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return OK; /* there is one when Twilio has it: settle */
}

/* Refuses a number that the account has already: buying it again would do nothing, but say that it
 * did. */
static enum err check_new(struct ctx *ctx, const struct lent *lent, const char *phone) {
    json_t *number;
    TRY(twilio_number_read(ctx, &lent->ref, lent->account.account_sid, phone, &number));
    if (number)
        ctx_field(ctx, "phone_number", "owned", "Your Twilio account has this number already.");
    return ctx_fields_ok(ctx);
}

/* With the account, which the transaction that settles it cannot ask for. */
static struct str request_text(struct ctx *ctx, const json_t *body, const struct lent *lent) {
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    jsonw_object(&w);
    jsonw_text_at(&w, "account", lent->account.account_sid);
    jsonw_text_at(&w, "phone_number", json_text(body, "phone_number"));
    jsonw_bool_at(&w, "import", json_is_true(json_object_get(body, "import")));
    jsonw_object_end(&w);
    return buf_view(out);
}

enum err number_buy_place(struct ctx *ctx, const json_t *body, enum operation_patience patience,
                          const struct id *claim, struct operation_end *out) {
    struct id id = id_make("num"), op = id_make("op");
    struct lent lent;
    *out = (struct operation_end){ .was_abandoned = true };
    TRY(check_body(ctx, body));
    TRY(number_lend(ctx, &lent));
    if (json_is_true(json_object_get(body, "import")) &&
        endpoint_is_out_of_reach(ctx, PROVIDER_TWILIO)) {
        ctx_field(ctx, "import", "out_of_reach",
                  "Twilio cannot reach this Ava; set AVA_PUBLIC_URL to an https address first.");
        return ctx_fields_ok(ctx);
    }
    TRY(check_new(ctx, &lent, json_text(body, "phone_number")));
    struct operation_order order = { .kind = &NUMBER_BUY,
                                     .id = arena_strdup(ctx->arena, op.text),
                                     .object = arena_strdup(ctx->arena, id.text),
                                     .request = request_text(ctx, body, &lent),
                                     .insert = nothing_to_insert,
                                     .claim = claim,
                                     .patience = patience };
    return operation_place(ctx, &order, out);
}

/* --- as an operation ------------------------------------------------------------------------- */

static const json_t *request_of(struct ctx *ctx, const struct operation *op) {
    return sift_own(ctx->arena, op->request);
}

/* Buys the number at Twilio. */
static enum err perform(struct ctx *ctx, const struct operation *op,
                        const struct upstream_watch *watch, const void **result) {
    static const struct number_wish ALL = { .vapi = false };
    const json_t *request = request_of(ctx, op);
    json_t *routes = NULL, *number;
    struct lent lent;
    TRY(number_lend(ctx, &lent));
    if (json_is_true(json_object_get(request, "import")))
        TRY(number_routes_wanted(ctx, &ALL, NULL, &routes));
    TRY(twilio_number_buy(ctx, &lent.ref, lent.account.account_sid,
                          json_text(request, "phone_number"), routes, watch, &number));
    *result = number;
    return OK;
}

/* Asks whether the account has the number: that says for certain whether it was bought. */
static enum err look_up(struct ctx *ctx, const struct operation *op, const void *listed,
                        const void **result, bool *is_absent) {
    struct lent lent;
    json_t *number;
    TRY(number_lend(ctx, &lent));
    TRY(twilio_number_read(ctx, &lent.ref, lent.account.account_sid,
                           json_text(request_of(ctx, op), "phone_number"), &number));
    *is_absent = !number;
    *result = number;
    return OK;
}

/* Inserts the row of the bought number, unless somebody imported it while nobody knew that it was
 * bought. */
static enum err hold(struct ctx *ctx, struct db_conn *tx, const struct operation *op,
                     const json_t *number, struct number_row *row) {
    json_t *content = tree_in(
        ctx->arena, json_pack("{s:{}, s:{}, s:b}", "former", "before", "is_made_at_vapi", 0));
    TRY(number_row_find_by_provider(ctx, tx, ctx->who.workspace_id,
                                    json_text(number, "provider_id"), row));
    if (row->id)
        return OK;
    number_take(number, row);
    row->id = op->object;
    row->workspace_id = ctx->who.workspace_id;
    row->account = json_text(request_of(ctx, op), "account");
    row->imported_ms = row->created_ms = ava_wall_ms();
    TRY(number_keep(ctx, tx, row, content));
    return audit_write(ctx, tx,
                       (struct audit_entry){ .action = "number.import", .object = row->id });
}

/* Audits the purchase, and writes the row with "import". */
static enum err settle(struct ctx *ctx, struct db_conn *tx, const struct operation *op,
                       enum operation_state state, const void *result, struct str *shown) {
    struct number_row row = { .id = NULL };
    struct buf *out = buf_in(ctx->arena), *number_text = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out), nw = jsonw_to(number_text);
    const json_t *number = result;
    if (state != OPERATION_SUCCEEDED)
        return OK; /* there is none */
    const char *phone = json_text(number, "phone_number");
    TRY(audit_write(ctx, tx,
                    (struct audit_entry){
                        .action = "number.buy",
                        .object = json_text(number, "provider_id"),
                        .detail = arena_printf(ctx->arena, "{\"phone_number\":\"%s\"}", phone) }));
    if (json_is_true(json_object_get(request_of(ctx, op), "import")))
        TRY(hold(ctx, tx, op, number, &row));
    TRY(number_write(ctx, tx, &nw, number, &row));
    jsonw_object(&w);
    jsonw_key(&w, "number");
    jsonw_raw(&w, buf_view(number_text));
    jsonw_text_at(&w, "notice",
                  "Twilio charges your account for this number each month until it is given up "
                  "there.");
    jsonw_object_end(&w);
    *shown = buf_view(out);
    return OK;
}

static enum err forget(struct ctx *ctx, struct db_conn *tx, const struct operation *op) {
    return OK;
}

const struct operation_kind NUMBER_BUY = { "number.buy", "number", PROVIDER_TWILIO, perform,
                                           look_up,      settle,   forget,          NULL };
