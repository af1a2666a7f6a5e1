#include "service/assistants/assistant_history.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/sift.h"
#include "base/tree.h"
#include "service/assistants/assistant_config.h"
#include "service/assistants/masking.h"
#include "vault/vault.h"

/* --- writing one ----------------------------------------------------------------------------- */

static int64_t time_of(const json_t *whole, const char *name) {
    const char *text = json_text(whole, name);
    int64_t ms = 0;
    if (text)
        clock_parse_rfc3339(text, strlen(text), &ms);
    return ms;
}

/* Raises the version of the row and takes name and times from the configuration. */
static enum err row_put(struct ctx *ctx, struct db_conn *tx, struct assistant_row *row,
                        const json_t *whole) {
    const char *name = json_text(whole, "name");
    row->name = name ? arena_strdup(ctx->arena, name) : NULL;
    int64_t updated_ms = time_of(whole, "updatedAt");
    if (updated_ms) /* a configuration alone does not say */
        row->updated_ms = updated_ms;
    if (row->version++)
        return assistant_row_update(ctx, tx, row);
    row->created_ms = time_of(whole, "createdAt");
    return assistant_row_insert(ctx, tx, row);
}

enum err assistant_version_add(struct ctx *ctx, struct db_conn *tx, struct assistant_row *row,
                               const json_t *whole, const struct assistant_note *note) {
    struct id id = id_make("asv");
    struct assistant_version_row v = { .id = id.text,
                                       .workspace_id = row->workspace_id,
                                       .assistant_id = row->id,
                                       .what = note->what,
                                       .restored_version = note->restored_version,
                                       .created_ms = ava_wall_ms() };
    struct sealed_place place = assistant_version_row_place(&v);
    TRY(row_put(ctx, tx, row, whole));
    if (note->is_ours && ctx->who.user_id[0])
        v.author = ctx->who.user_id;
    v.version = row->version;
    struct str text = tree_text(ctx->arena, assistant_config_of(ctx, whole));
    TRY(vault_seal(ctx, tx, &place, text, &v.sealed));
    return assistant_version_row_insert(ctx, tx, &v, ASSISTANT_VERSIONS_KEPT);
}

/* --- reading them ---------------------------------------------------------------------------- */

/* Unseals the configuration of a version. */
static enum err open_config(struct ctx *ctx, struct db_conn *c,
                            const struct assistant_version_row *v, json_t **config) {
    struct sealed_place place = assistant_version_row_place(v);
    struct str plain;
    TRY(vault_unseal(ctx, c, &place, v->sealed, &plain));
    *config = sift_own(ctx->arena, plain);
    return *config ? OK : ctx_fail(ctx, ERR_INTERNAL, "The stored version cannot be read.");
}

enum err assistant_version_config(struct ctx *ctx, struct db_conn *c,
                                  const struct assistant_row *row, int64_t version,
                                  json_t **config) {
    struct assistant_version_row v;
    *config = NULL;
    TRY(assistant_version_row_find(ctx, c, row->id, version, &v));
    return v.id ? open_config(ctx, c, &v, config) : OK;
}

static enum err find_row(struct ctx *ctx, const char *id, struct assistant_row *row) {
    TRY(assistant_row_find(ctx, db_reader(ctx), ctx->who.workspace_id, id, row));
    return row->id ? OK : ctx_fail(ctx, ERR_NOT_FOUND, "There is no such assistant.");
}

enum err assistant_history_list(struct ctx *ctx, const char *id, int64_t before, int limit,
                                struct assistant_version_row *out, size_t *count) {
    struct assistant_row row;
    TRY(find_row(ctx, id, &row));
    return assistant_version_rows_list(ctx, db_reader(ctx), row.id, before, limit, out, count);
}

static void write_members(struct jsonw *w, const struct assistant_version_row *v) {
    jsonw_i64_at(w, "version", v->version);
    jsonw_text_at(w, "what", v->what);
    jsonw_key(w, "author");
    if (v->author) {
        jsonw_object(w);
        jsonw_text_at(w, "id", v->author);
        jsonw_text_at(w, "name", v->author_name);
        jsonw_object_end(w);
    } else {
        jsonw_null(w);
    }
    if (v->restored_version)
        jsonw_i64_at(w, "restored_version", v->restored_version);
    jsonw_time_at(w, "created_at", v->created_ms);
}

void assistant_version_write(struct jsonw *w, const struct assistant_version_row *v) {
    jsonw_object(w);
    write_members(w, v);
    jsonw_object_end(w);
}

static void tree_or_null(struct jsonw *w, const char *name, const json_t *value) {
    jsonw_key(w, name);
    if (value)
        jsonw_tree(w, value);
    else
        jsonw_null(w);
}

/* For tree_diff: one entry of "changes". */
static void write_change(void *arg, struct str pointer, const json_t *before, const json_t *after) {
    struct jsonw *w = arg;
    jsonw_object(w);
    jsonw_str_at(w, "path", pointer);
    tree_or_null(w, "before", before);
    tree_or_null(w, "after", after);
    jsonw_object_end(w);
}

/* Of the first version, which has none before it, nothing; null when the one before is gone. */
static void write_changes(struct ctx *ctx, struct jsonw *w, int64_t version, struct tree_pair now,
                          const json_t *before) {
    jsonw_key(w, "changes");
    if (!before && version > 1) {
        jsonw_null(w);
        return;
    }
    jsonw_list(w);
    if (before) {
        struct tree_pair was = { before, tree_in(ctx->arena, masking_done(before)) };
        tree_diff(was, now, write_change, w);
    }
    jsonw_list_end(w);
}

enum err assistant_history_show(struct ctx *ctx, const char *id, int64_t version, struct jsonw *w) {
    struct db_conn *c = db_reader(ctx);
    struct assistant_row row;
    struct assistant_version_row v;
    json_t *config, *before;
    TRY(find_row(ctx, id, &row));
    TRY(assistant_version_row_find(ctx, c, row.id, version, &v));
    if (!v.id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such version of this assistant.");
    TRY(open_config(ctx, c, &v, &config));
    TRY(assistant_version_config(ctx, c, &row, version - 1, &before));
    struct tree_pair now = { config, tree_in(ctx->arena, masking_done(config)) };
    jsonw_object(w);
    write_members(w, &v);
    jsonw_key(w, "config");
    jsonw_tree(w, now.shown);
    write_changes(ctx, w, version, now, before);
    jsonw_object_end(w);
    return OK;
}
