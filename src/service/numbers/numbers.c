#include "service/numbers/numbers.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/sift.h"
#include "base/tree.h"
#include "service/numbers/number_routes.h"
#include "vault/vault.h"

static const struct {
    const char *name;
    enum number_can bit;
} CAN[] = { { "voice", NUMBER_VOICE }, { "sms", NUMBER_SMS }, { "mms", NUMBER_MMS } };

enum err number_lend(struct ctx *ctx, struct lent *out) {
    TRY(lending_find(ctx, PROVIDER_TWILIO, out));
    return lent_owns_numbers(ctx, out);
}

enum err number_held(struct ctx *ctx, const char *id, struct number_row *row) {
    TRY(number_row_find(ctx, db_reader(ctx), ctx->who.workspace_id, id, row));
    if (!number_is_held(row))
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such number.");
    return OK;
}

/* --- at Vapi --------------------------------------------------------------------------------- */

enum err number_at_vapi(struct ctx *ctx, const char *id, const char **vapi_id) {
    struct number_row row;
    *vapi_id = id;
    if (!id || !id_is(str_of(id), "num"))
        return OK;
    TRY(number_held(ctx, id, &row));
    if (!row.vapi_id) {
        ctx_field(ctx, "from_number_id", "not_at_vapi",
                  "This number is not at Vapi; import it once more with \"vapi\": true.");
        return ctx_fields_ok(ctx);
    }
    *vapi_id = row.vapi_id;
    return OK;
}

enum err number_of_vapi(struct ctx *ctx, const char *vapi_id, const char **phone_number) {
    struct number_row row;
    TRY(number_row_find_at_vapi(ctx, db_reader(ctx), ctx->who.workspace_id, vapi_id, &row));
    *phone_number = row.phone_number;
    return OK;
}

/* --- rows ------------------------------------------------------------------------------------ */

enum err number_open(struct ctx *ctx, struct db_conn *c, const struct number_row *row,
                     json_t **content) {
    struct sealed_place place = number_row_place(row);
    struct str plain;
    TRY(vault_unseal(ctx, c, &place, row->sealed, &plain));
    *content = sift_own(ctx->arena, plain);
    return *content ? OK : ctx_fail(ctx, ERR_INTERNAL, "A stored number cannot be read.");
}

enum err number_keep(struct ctx *ctx, struct db_conn *tx, struct number_row *row,
                     const json_t *content) {
    int64_t now_ms = ava_wall_ms();
    row->updated_ms = now_ms > row->updated_ms ? now_ms : row->updated_ms + 1; /* names the value */
    struct sealed_place place = number_row_place(row);
    TRY(vault_seal(ctx, tx, &place, tree_text(ctx->arena, content), &row->sealed));
    return number_row_put(ctx, tx, row);
}

void number_take(const json_t *number, struct number_row *row) {
    const json_t *can = json_object_get(number, "capabilities");
    row->provider_id = json_text(number, "provider_id");
    row->phone_number = json_text(number, "phone_number");
    row->friendly_name = json_text(number, "friendly_name");
    row->capabilities = 0;
    for (size_t i = 0; i < ARRAY_LEN(CAN); i++)
        if (json_is_true(json_object_get(can, CAN[i].name)))
            row->capabilities |= CAN[i].bit;
}

/* --- as people see them ---------------------------------------------------------------------- */

struct ways {
    enum number_party calls, texts;
    const char *voice_url, *sms_url;
};

static void write_number(struct ctx *ctx, struct jsonw *w, const json_t *n, const struct ways *ways,
                         const struct number_row *row) {
    bool is_held = number_is_held(row);
    jsonw_object(w);
    jsonw_text_at(w, "id", is_held ? row->id : NULL);
    jsonw_text_at(w, "provider_id", json_text(n, "provider_id"));
    jsonw_text_at(w, "phone_number", json_text(n, "phone_number"));
    jsonw_text_at(w, "friendly_name", json_text(n, "friendly_name"));
    jsonw_key(w, "capabilities");
    jsonw_tree(w, json_object_get(n, "capabilities"));
    jsonw_text_at(w, "voice_url", number_url_shown(ctx, ways->voice_url));
    jsonw_text_at(w, "sms_url", number_url_shown(ctx, ways->sms_url));
    jsonw_text_at(w, "calls_go_to", number_party_name(ways->calls));
    jsonw_text_at(w, "texts_go_to", number_party_name(ways->texts));
    jsonw_bool_at(w, "imported", is_held);
    jsonw_text_at(w, "vapi_id", is_held ? row->vapi_id : NULL);
    jsonw_time_at(w, "imported_at", is_held ? row->imported_ms : 0);
    jsonw_object_end(w);
}

enum err number_write(struct ctx *ctx, struct db_conn *c, struct jsonw *w, const json_t *number,
                      const struct number_row *row) {
    const json_t *routes = json_object_get(number, "routes");
    struct ways ways = { .voice_url = json_text(routes, "voice_url"),
                         .sms_url = json_text(routes, "sms_url") };
    TRY(number_leads_to(ctx, c, routes, NUMBER_CALLS, &ways.calls));
    TRY(number_leads_to(ctx, c, routes, NUMBER_TEXTS, &ways.texts));
    write_number(ctx, w, number, &ways, row);
    return OK;
}

/* One of the list, which is cached and so knows nothing of ours. */
static enum err write_listed(struct ctx *ctx, struct jsonw *w, const json_t *n) {
    struct ways ways = { .voice_url = json_text(n, "voice_url"),
                         .sms_url = json_text(n, "sms_url") };
    struct number_row row;
    struct db_conn *c = db_reader(ctx);
    TRY(number_row_find_by_provider(ctx, c, ctx->who.workspace_id, json_text(n, "provider_id"),
                                    &row));
    TRY(number_party_of(ctx, c, ways.voice_url, json_is_true(json_object_get(n, "has_voice_app")),
                        &ways.calls));
    TRY(number_party_of(ctx, c, ways.sms_url, json_is_true(json_object_get(n, "has_sms_app")),
                        &ways.texts));
    write_number(ctx, w, n, &ways, &row);
    return OK;
}

enum err numbers_list(struct ctx *ctx, int limit, const char *cursor, struct upstream_answer *out) {
    struct lent lent;
    json_t *n;
    size_t i;
    TRY(number_lend(ctx, &lent));
    TRY(twilio_numbers_read(ctx, &lent.ref, lent.account.account_sid, limit, cursor, out));
    json_t *page = sift_own(ctx->arena, out->body);
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_key(&w, "numbers");
    jsonw_list(&w);
    json_array_foreach(json_object_get(page, "numbers"), i, n) {
        TRY(write_listed(ctx, &w, n));
    }
    jsonw_list_end(&w);
    jsonw_text_at(&w, "next_cursor", json_text(page, "next_cursor"));
    jsonw_object_end(&w);
    out->body = buf_view(b);
    return OK;
}

enum err numbers_write_like(struct ctx *ctx, const char *like, int limit, struct jsonw *w) {
    struct number_row *rows = arena_alloc(ctx->arena, (size_t)limit * sizeof *rows);
    size_t count = 0;
    if (like)
        TRY(number_rows_like(ctx, db_reader(ctx), ctx->who.workspace_id, like, limit, rows,
                             &count));
    jsonw_list(w);
    for (size_t i = 0; i < count; i++) {
        jsonw_object(w);
        jsonw_text_at(w, "id", rows[i].id);
        jsonw_text_at(w, "provider_id", rows[i].provider_id);
        jsonw_text_at(w, "phone_number", rows[i].phone_number);
        jsonw_text_at(w, "friendly_name", rows[i].friendly_name);
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
    return OK;
}

enum err numbers_offered(struct ctx *ctx, const struct twilio_offer *offer,
                         struct upstream_answer *out) {
    struct lent lent;
    TRY(number_lend(ctx, &lent));
    return twilio_numbers_offered(ctx, &lent.ref, lent.account.account_sid, offer, out);
}
