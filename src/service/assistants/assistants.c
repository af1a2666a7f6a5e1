#include "service/assistants/assistants.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/sift.h"
#include "base/tree.h"
#include "config/config.h"
#include "providers/answer.h"
#include "providers/vapi_assistants.h"
#include "providers/vapi_whole.h"
#include "service/assistants/assistant_change.h"
#include "service/assistants/assistant_config.h"
#include "service/assistants/masking.h"
#include "service/assistants/webhook_setup.h"
#include "service/connections/endpoints.h"

void assistant_write(struct ctx *ctx, struct jsonw *w, const struct assistant_view *v) {
    json_t *shown = masking_done(v->config);
    jsonw_object(w);
    jsonw_text_at(w, "id", v->row.id);
    jsonw_text_at(w, "provider_id", v->row.provider_id);
    jsonw_text_at(w, "name", v->row.name);
    jsonw_bool_at(w, "in_use", v->is_in_use);
    jsonw_i64_at(w, "version", v->row.version);
    jsonw_key(w, "config");
    jsonw_tree(w, shown);
    jsonw_time_at(w, "created_at", v->row.created_ms);
    jsonw_time_at(w, "updated_at", v->row.updated_ms);
    if (v->is_stale)
        jsonw_bool_at(w, "stale", true);
    jsonw_object_end(w);
    json_decref(shown);
}

const char *assistant_etag(struct ctx *ctx, const struct assistant_view *v) {
    return arena_printf(ctx->arena, "\"%lld\"", (long long)v->row.version);
}

/* --- which one ------------------------------------------------------------------------------- */

enum err assistant_lend(struct ctx *ctx, struct lent *out) {
    TRY(lending_find(ctx, PROVIDER_VAPI, out));
    if (out->ref.is_platform)
        return ctx_fail(ctx, ERR_FORBIDDEN,
                        "The operator's Vapi account serves others too; connect your own first.");
    return OK;
}

enum err assistant_held(struct ctx *ctx, const char *id, struct assistant_row *row) {
    TRY(assistant_row_find(ctx, db_reader(ctx), ctx->who.workspace_id, id, row));
    if (!row->id || row->deleted_ms)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such assistant.");
    return OK;
}

enum err assistant_resolve(struct ctx *ctx, const char *id, const char **provider_id) {
    struct assistant_row row;
    *provider_id = id;
    if (!id || !id_is(str_of(id), "asst"))
        return OK;
    TRY(assistant_held(ctx, id, &row));
    *provider_id = row.provider_id;
    return OK;
}

static bool is_in_use(const struct lent *lent, const char *provider_id) {
    return lent->account.assistant_id && strcmp(lent->account.assistant_id, provider_id) == 0;
}

static void view_of(struct ctx *ctx, const struct lent *lent, const struct assistant_moment *now,
                    struct assistant_view *out) {
    *out = (struct assistant_view){ .row = now->row,
                                    .config = assistant_config_of(ctx, now->whole),
                                    .is_in_use = is_in_use(lent, now->row.provider_id) };
}

/* --- making one ------------------------------------------------------------------------------ */

static enum err nothing_to_insert(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return OK; /* there is one when Vapi has it: settle */
}

enum err assistant_place(struct ctx *ctx, const json_t *body, enum operation_patience patience,
                         const struct id *claim, struct operation_end *out) {
    struct id id = id_make("asst"), op = id_make("op");
    struct lent lent;
    *out = (struct operation_end){ .was_abandoned = true };
    json_t *config = tree_in(ctx->arena, masking_undone(ctx, body, NULL));
    TRY(assistant_config_check(ctx, config, true));
    TRY(assistant_config_fits(ctx, config));
    TRY(vapi_hidden_check(ctx, config));
    TRY(assistant_lend(ctx, &lent));
    struct operation_order order = { .kind = &ASSISTANT_CREATE,
                                     .id = arena_strdup(ctx->arena, op.text),
                                     .object = arena_strdup(ctx->arena, id.text),
                                     .request = tree_text(ctx->arena, config),
                                     .insert = nothing_to_insert,
                                     .claim = claim,
                                     .patience = patience };
    return operation_place(ctx, &order, out);
}

/* Creates the assistant at Vapi; without a server of its own its messages come to Ava. */
static enum err perform(struct ctx *ctx, const struct operation *op,
                        const struct upstream_watch *watch, const void **result) {
    SCOPED(secret_wipe) struct secret secret = { 0 };
    struct lent lent;
    struct vapi_server server = { .secret = &secret };
    json_t *config = sift_own(ctx->arena, op->request);
    const char *own = vapi_server_url(config);
    bool has_own = own && own[0];
    TRY(assistant_lend(ctx, &lent));
    if (!has_own && !endpoint_is_out_of_reach(ctx, PROVIDER_VAPI))
        TRY(webhook_setup_server(ctx, &lent, &secret, &server.url));
    struct vapi_assistant_order order = { .config = config,
                                          .server = server.url ? &server : NULL,
                                          .operation_id = op->id };
    const json_t *whole = NULL;
    TRY(vapi_assistant_create(ctx, &lent.ref, &order, watch, &whole));
    *result = whole;
    return OK;
}

/* Looks through Vapi's assistants once for those whose metadata names one of the operations. *listed:
 * struct vapi_assistants_made. */
static enum err list(struct ctx *ctx, const struct operation *const *ops, size_t count,
                     const void **listed) {
    struct lent lent;
    struct vapi_assistants_made *made = arena_alloc(ctx->arena, sizeof *made);
    *made = (struct vapi_assistants_made){ .count = count };
    made->list = arena_alloc(ctx->arena, count * sizeof *made->list);
    for (size_t i = 0; i < count; i++)
        made->list[i].operation_id = ops[i]->id;
    TRY(assistant_lend(ctx, &lent));
    TRY(vapi_assistants_find(ctx, &lent.ref, operations_oldest(ops, count), made));
    *listed = made;
    return OK;
}

/* The assistant whose metadata names the operation, as Vapi has it. */
static enum err look_up(struct ctx *ctx, const struct operation *op, const void *listed,
                        const void **result, bool *is_absent) {
    struct lent lent;
    const json_t *whole = NULL;
    const char *id = NULL;
    if (!listed)
        TRY(list(ctx, &op, 1, &listed));
    const struct vapi_assistants_made *made = listed;
    for (size_t i = 0; i < made->count; i++)
        if (strcmp(made->list[i].operation_id, op->id) == 0)
            id = made->list[i].id;
    *is_absent = made->is_whole && !id;
    if (id) {
        TRY(assistant_lend(ctx, &lent));
        TRY(vapi_assistant_read(ctx, &lent.ref, id, &whole));
    }
    *result = whole;
    return OK;
}

/* Inserts the row with version 1, unless somebody took the assistant under Ava's care while nobody
 * knew whose it was. */
static enum err settle(struct ctx *ctx, struct db_conn *tx, const struct operation *op,
                       enum operation_state state, const void *result, struct str *shown) {
    static const struct assistant_note CREATED = { .what = "created", .is_ours = true };
    struct assistant_view v = { .is_stale = false };
    const json_t *whole = result;
    if (state != OPERATION_SUCCEEDED)
        return OK; /* there is none */
    const char *provider_id = json_text(whole, "id");
    TRY(assistant_row_find_by_provider(ctx, tx, ctx->who.workspace_id, provider_id, &v.row));
    if (!v.row.id) {
        v.row = (struct assistant_row){ .id = op->object,
                                        .workspace_id = ctx->who.workspace_id,
                                        .provider_id = provider_id };
        TRY(assistant_version_add(ctx, tx, &v.row, whole, &CREATED));
        TRY(audit_write(
            ctx, tx, (struct audit_entry){ .action = "assistant.create", .object = op->object }));
    }
    v.config = assistant_config_of(ctx, whole);
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    assistant_write(ctx, &w, &v);
    *shown = buf_view(out);
    return OK;
}

static enum err forget(struct ctx *ctx, struct db_conn *tx, const struct operation *op) {
    return OK;
}

const struct operation_kind ASSISTANT_CREATE = {
    "assistant.create", "assistant", PROVIDER_VAPI, perform, look_up, settle, forget, .list = list
};

/* --- reading --------------------------------------------------------------------------------- */

/* Reads the assistant in a turn of its own, so that version and content belong together. */
static enum err look_again(struct ctx *ctx, const struct lent *lent, const char *provider_id,
                           struct assistant_moment *out) {
    SCOPED(turn_give) struct turn turn = { .is_mine = false };
    TRY(assistant_turn(ctx, provider_id, false, &turn));
    return assistant_look(ctx, lent, provider_id, &turn, out);
}

/* Reads the assistant at Vapi; only when that is news it takes a turn. */
static enum err look(struct ctx *ctx, const struct lent *lent, const char *id,
                     struct assistant_moment *now) {
    const json_t *whole;
    TRY(vapi_assistant_read(ctx, &lent->ref, now->row.provider_id, &whole));
    now->whole = whole;
    TRY(assistant_held(ctx, id, &now->row));
    if (assistant_is_as_seen(&now->row, whole))
        return OK;
    return look_again(ctx, lent, now->row.provider_id, now);
}

/* The newest version as Ava has it, marked as stale. */
static enum err last_seen(struct ctx *ctx, const struct lent *lent, const struct assistant_row *row,
                          struct assistant_view *out) {
    json_t *config;
    TRY(assistant_version_config(ctx, db_reader(ctx), row, row->version, &config));
    ctx_clear(ctx);
    *out = (struct assistant_view){ .row = *row,
                                    .config = config,
                                    .is_in_use = is_in_use(lent, row->provider_id),
                                    .is_stale = true };
    return OK;
}

enum err assistant_read(struct ctx *ctx, const char *id, struct assistant_view *out) {
    struct lent lent;
    struct assistant_moment now;
    TRY(assistant_held(ctx, id, &now.row));
    TRY(assistant_lend(ctx, &lent));
    enum err e = look(ctx, &lent, id, &now);
    if (e != OK && answer_may_be_stale(e) && now.row.id)
        return last_seen(ctx, &lent, &now.row, out);
    TRY(e);
    view_of(ctx, &lent, &now, out);
    return OK;
}

/* --- changing -------------------------------------------------------------------------------- */

/* One change of an assistant that Ava holds. */
enum err assistant_change_shown(struct ctx *ctx, const char *id,
                                const struct assistant_change *change, struct assistant_view *out) {
    struct lent lent;
    struct assistant_moment now;
    struct upstream_answer answer;
    TRY(assistant_held(ctx, id, &now.row));
    TRY(assistant_lend(ctx, &lent));
    TRY(assistant_change(ctx, &lent, now.row.provider_id, change, &now, &answer));
    view_of(ctx, &lent, &now, out);
    return OK;
}

/* The PATCH as JSON; *out stays empty when nothing differs. ERR_INVALID when an object in it holds
 * what Vapi did not tell. */
static enum err patch_text(struct ctx *ctx, const json_t *whole, const json_t *wanted,
                           struct str *out) {
    const json_t *patch = assistant_config_patch(ctx, whole, wanted);
    TRY(vapi_whole_check(ctx, patch));
    if (json_object_size(patch))
        *out = tree_text(ctx->arena, patch);
    return OK;
}

/* An address of this Ava, whatever its token. */
static bool is_own(const struct ctx *ctx, const json_t *server) {
    const char *url = json_text(server, "url");
    const char *own = arena_join(ctx->arena, ctx->parts->config->public_url, "/webhooks/");
    return url && strncmp(url, own, strlen(own)) == 0;
}

/* The header of that name; *known: as it is spelled there. */
static const json_t *header_find(const json_t *headers, const char *wanted, const char **known) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)headers, name, value) {
        if (strcasecmp(name, wanted) == 0) {
            *known = name;
            return value;
        }
    }
    return NULL;
}

/* Puts the webhook secret back into a server of ours that is sent to Vapi, where it is missing or
 * hidden: the server goes whole, and without the header its messages would come here without proof,
 * and be refused. */
static enum err keep_proof(struct ctx *ctx, json_t *server) {
    SCOPED(secret_wipe) struct secret fields = { 0 };
    const char *name = "X-Vapi-Secret";
    json_t *headers = json_object_get(server, "headers");
    const json_t *there = header_find(headers, name, &name);
    if (!is_own(ctx, server) ||
        (there && !(json_is_string(there) && vapi_text_is_hidden(json_string_value(there)))))
        return OK;
    TRY(lending_reveal(ctx, ctx->who.workspace_id, PROVIDER_VAPI, &fields));
    struct str secret = secret_field(&fields, "webhook_secret");
    if (!secret.len)
        return OK;
    if (!json_is_object(headers)) {
        headers = json_object();
        json_object_set_new(server, "headers", headers);
    }
    json_object_set_new(headers, name, json_stringn(secret.ptr, secret.len));
    return OK;
}

/* For assistant_change.make: the merge patch with its masks undone. */
static enum err make_patch(struct ctx *ctx, const struct assistant_moment *now, void *arg,
                           struct str *patch) {
    const json_t *sent = arg;
    json_t *config = assistant_config_of(ctx, now->whole);
    json_t *meant = tree_in(ctx->arena, masking_undone(ctx, sent, config));
    TRY(ctx_fields_ok(ctx));
    json_t *wanted = tree_in(ctx->arena, tree_merged(config, meant));
    TRY(assistant_config_fits(ctx, wanted));
    if (!tree_same(json_object_get(wanted, "server"), json_object_get(config, "server")))
        TRY(keep_proof(ctx, json_object_get(wanted, "server")));
    return patch_text(ctx, now->whole, wanted, patch);
}

enum err assistant_patch(struct ctx *ctx, const char *id, const json_t *patch, const char *if_match,
                         struct assistant_view *out) {
    struct assistant_change c = { .note = { .what = "changed", .is_ours = true },
                                  .audit = { .action = "assistant.change" },
                                  .if_match = if_match,
                                  .make = make_patch,
                                  .arg = (void *)patch };
    struct assistant_row row;
    TRY(assistant_held(ctx, id, &row));
    TRY(assistant_config_check(ctx, patch, false));
    return assistant_change_shown(ctx, id, &c, out);
}

/* --- going back ------------------------------------------------------------------------------ */

/* For assistant_change.make: the configuration of a former version, but the server that is ours. */
static enum err make_restored(struct ctx *ctx, const struct assistant_moment *now, void *arg,
                              struct str *patch) {
    const int64_t *version = arg;
    json_t *then;
    const json_t *server = json_object_get(now->whole, "server");
    TRY(assistant_version_config(ctx, db_reader(ctx), &now->row, *version, &then));
    if (!then)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such version of this assistant.");
    json_t *wanted = tree_in(ctx->arena, json_deep_copy(then));
    if (is_own(ctx, server))
        json_object_set_new(wanted, "server", json_deep_copy(server));
    return patch_text(ctx, now->whole, wanted, patch);
}

enum err assistant_restore(struct ctx *ctx, const char *id, int64_t version, const char *if_match,
                           struct assistant_view *out) {
    struct assistant_change c = {
        .note = { .what = "restored", .is_ours = true, .restored_version = version },
        .audit = { .action = "assistant.restore",
                   .detail = arena_printf(ctx->arena, "{\"version\":%lld}", (long long)version) },
        .if_match = if_match,
        .make = make_restored,
        .arg = &version
    };
    return assistant_change_shown(ctx, id, &c, out);
}

/* --- removing -------------------------------------------------------------------------------- */

/* Adds the version "deleted", whose configuration is the last one, and audits it. */
static enum err remove_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    static const struct assistant_note DELETED = { .what = "deleted", .is_ours = true };
    struct assistant_row *row = arg;
    json_t *last;
    TRY(assistant_row_find(ctx, tx, ctx->who.workspace_id, row->id, row));
    if (row->deleted_ms)
        return OK;
    TRY(assistant_version_config(ctx, tx, row, row->version, &last));
    row->deleted_ms = ava_wall_ms();
    TRY(assistant_version_add(ctx, tx, row, last, &DELETED));
    return audit_write(ctx, tx,
                       (struct audit_entry){ .action = "assistant.delete", .object = row->id });
}

enum err assistant_remove(struct ctx *ctx, const char *id, const char *if_match) {
    SCOPED(turn_give) struct turn turn = { .is_mine = false };
    struct lent lent;
    struct assistant_moment now;
    TRY(assistant_held(ctx, id, &now.row));
    TRY(assistant_lend(ctx, &lent));
    if (is_in_use(&lent, now.row.provider_id)) {
        ctx_field(ctx, "id", "in_use",
                  "This assistant is the one your Vapi connection uses; choose another one there "
                  "first.");
        return ctx_fields_ok(ctx);
    }
    TRY(assistant_turn(ctx, now.row.provider_id, false, &turn));
    if (if_match)
        TRY(assistant_look(ctx, &lent, now.row.provider_id, &turn, &now));
    TRY(assistant_match(ctx, &now.row, if_match));
    TRY(db_write_probe(ctx, 0));
    TRY(vapi_assistant_delete(ctx, &lent.ref, now.row.provider_id));
    return db_write(ctx, remove_write, &now.row);
}
