/* The account's assistants beside those Ava holds, and taking more of them under its care. */
#include <string.h>

#include "base/json.h"
#include "base/sift.h"
#include "base/tree.h"
#include "obs/fields.h"
#include "providers/vapi_assistants.h"
#include "service/assistants/assistant_change.h"
#include "service/assistants/assistant_config.h"
#include "service/assistants/assistants.h"

enum { ID_CHARS_MAX = 128 };

/* --- listing --------------------------------------------------------------------------------- */

static enum err write_item(struct ctx *ctx, struct jsonw *w, const struct lent *lent,
                           const json_t *one) {
    struct assistant_row row;
    const char *provider_id = json_text(one, "provider_id");
    TRY(assistant_row_find_by_provider(ctx, db_reader(ctx), ctx->who.workspace_id, provider_id,
                                       &row));
    bool is_held = row.id && !row.deleted_ms;
    jsonw_object(w);
    jsonw_text_at(w, "id", is_held ? row.id : NULL);
    jsonw_text_at(w, "provider_id", provider_id);
    jsonw_text_at(w, "name", json_text(one, "name"));
    jsonw_bool_at(w, "in_use",
                  lent->account.assistant_id &&
                      strcmp(lent->account.assistant_id, provider_id) == 0);
    jsonw_key(w, "version");
    if (is_held)
        jsonw_i64(w, row.version);
    else
        jsonw_null(w);
    jsonw_text_at(w, "created_at", json_text(one, "created_at"));
    jsonw_text_at(w, "updated_at", json_text(one, "updated_at"));
    jsonw_object_end(w);
    return OK;
}

enum err assistants_list(struct ctx *ctx, int limit, const char *cursor,
                         struct upstream_answer *out) {
    struct lent lent;
    struct buf *body = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(body);
    json_t *one;
    size_t i;
    TRY(assistant_lend(ctx, &lent));
    TRY(vapi_assistants_read(ctx, &lent.ref, limit, cursor, out));
    json_t *page = sift_own(ctx->arena, out->body);
    jsonw_object(&w);
    jsonw_key(&w, "assistants");
    jsonw_list(&w);
    json_array_foreach(json_object_get(page, "assistants"), i, one) {
        TRY(write_item(ctx, &w, &lent, one));
    }
    jsonw_list_end(&w);
    jsonw_text_at(&w, "next_cursor", json_text(page, "next_cursor"));
    jsonw_object_end(&w);
    out->body = buf_view(body);
    return OK;
}

/* --- taking them under Ava's care -------------------------------------------------------------- */

static enum err check_import(struct ctx *ctx, const json_t *body) {
    const json_t *ids = json_object_get(body, "provider_ids"), *id;
    static const char *const KNOWN[] = { "provider_ids" };
    size_t i, count = json_array_size(ids);
    if (!json_is_array(ids))
        ctx_field(ctx, "provider_ids", ids ? "wrong_type" : "required",
                  "provider_ids must be a list of ids at Vapi.");
    else if (count < 1 || count > ASSISTANT_IMPORT_MAX)
        ctx_field_range(ctx, "provider_ids", count ? "too_long" : "too_short", 1,
                        ASSISTANT_IMPORT_MAX, "provider_ids needs 1 to 20 ids.");
    else
        json_array_foreach(ids, i, id) {
            struct str text = str_of(json_is_string(id) ? json_string_value(id) : "");
            if (!str_fits(text, 1, ID_CHARS_MAX)) {
                ctx_field(ctx, "provider_ids", "wrong_format",
                          "An id at Vapi is a text of 1 to 128 characters.");
                break;
            }
        }
    return fields_known(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
}

/* All are there, or none is taken. */
static enum err check_there(struct ctx *ctx, const struct lent *lent, const json_t *ids) {
    const json_t *id;
    size_t i;
    json_array_foreach(ids, i, id) {
        const json_t *whole;
        enum err e = vapi_assistant_read(ctx, &lent->ref, json_string_value(id), &whole);
        if (e != OK && e != ERR_PROVIDER_RESOURCE_NOT_FOUND)
            return e;
        if (e != OK)
            ctx_field(ctx, "provider_ids", "not_found",
                      arena_printf(ctx->arena, "Your Vapi account has no assistant %.128s.",
                                   json_string_value(id)));
    }
    return ctx_fields_ok(ctx);
}

enum err assistants_import(struct ctx *ctx, const json_t *body, struct assistant_view *out,
                           size_t *count) {
    const json_t *ids = json_object_get(body, "provider_ids");
    struct lent lent;
    TRY(check_import(ctx, body));
    TRY(assistant_lend(ctx, &lent));
    TRY(check_there(ctx, &lent, ids));
    for (*count = 0; *count < json_array_size(ids); ++*count) {
        SCOPED(turn_give) struct turn turn = { .is_mine = false };
        const char *provider_id = json_string_value(json_array_get(ids, *count));
        struct assistant_moment now;
        TRY(assistant_turn(ctx, provider_id, false, &turn));
        TRY(assistant_look(ctx, &lent, provider_id, &turn, &now));
        out[*count] = (struct assistant_view){ .row = now.row,
                                               .config = assistant_config_of(ctx, now.whole),
                                               .is_in_use = lent.account.assistant_id &&
                                                            strcmp(lent.account.assistant_id,
                                                                   provider_id) == 0 };
    }
    return OK;
}
