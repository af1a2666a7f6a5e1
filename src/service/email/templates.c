#include "service/email/templates.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/etag.h"
#include "base/id.h"
#include "base/json.h"
#include "obs/fields.h"
#include "store/audit.h"
#include "vault/vault.h"

static const int64_t REMOVE_MS = 5000;

/* --- seen from outside ------------------------------------------------------------------------- */

const char *template_etag(struct ctx *ctx, const struct template_view *v) {
    return v->row.id ? arena_printf(ctx->arena, "\"%s.%lld\"", v->row.id, (long long)v->row.version)
                     : "\"built_in\"";
}

static void part_at(struct jsonw *w, const char *name, struct str part) {
    jsonw_key(w, name);
    if (part.ptr)
        jsonw_str(w, part);
    else
        jsonw_null(w);
}

static void write_parts(struct jsonw *w, const struct rendered *r) {
    part_at(w, "subject", r->subject);
    part_at(w, "text", r->text);
    part_at(w, "html", r->html);
}

void rendered_show(struct jsonw *w, const struct rendered *r) {
    jsonw_object(w);
    write_parts(w, r);
    jsonw_object_end(w);
}

void template_show(struct jsonw *w, const struct template_view *v, bool with_content) {
    jsonw_object(w);
    jsonw_text_at(w, "id", v->row.id);
    jsonw_text_at(w, "name", v->row.name);
    jsonw_bool_at(w, "built_in", !v->row.id);
    jsonw_bool_at(w, "replaces_built_in", v->row.id && v->built_in);
    jsonw_i64_at(w, "version", v->row.version);
    jsonw_time_at(w, "created_at", v->row.created_ms);
    jsonw_time_at(w, "updated_at", v->row.updated_ms);
    if (with_content) {
        write_parts(w, &v->content);
        jsonw_key(w, "example");
        jsonw_raw(w, str_of(v->built_in ? v->built_in->example : "{}"));
    }
    jsonw_object_end(w);
}

void template_version_show(struct jsonw *w, const struct template_version_row *v,
                           const struct rendered *content) {
    jsonw_object(w);
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
    if (content)
        write_parts(w, content);
    jsonw_object_end(w);
}

/* --- what people write ------------------------------------------------------------------------- */

/* The text of that member, ptr NULL when it is none, or wrong (then noted). */
static struct str read_part(struct ctx *ctx, const json_t *body, const char *name, size_t max) {
    const json_t *value = json_object_get(body, name);
    struct str text = { json_string_value(value), json_string_length(value) };
    if (value && !json_is_null(value) && !text.ptr)
        ctx_field(ctx, name, "wrong_type",
                  arena_printf(ctx->arena, "The field %s must be a text.", name));
    else if (text.len > max)
        ctx_field_range(ctx, name, "too_long", 1, (double)max,
                        arena_printf(ctx->arena, "The field %s has at most %zu bytes.", name, max));
    else if (text.len)
        return text;
    return (struct str){ NULL, 0 };
}

static bool has_problem(const struct ctx *ctx, const char *field) {
    for (size_t i = 0; i < ctx->problem.field_count; i++)
        if (strcmp(ctx->problem.fields[i].field, field) == 0)
            return true;
    return false;
}

static void need_subject(struct ctx *ctx, const struct rendered *content) {
    if (!content->subject.ptr && !has_problem(ctx, "subject"))
        ctx_field(ctx, "subject", "required", "A template needs a subject.");
}

static void need_part(struct ctx *ctx, const struct rendered *content) {
    if (!content->text.ptr && !content->html.ptr && !has_problem(ctx, "text") &&
        !has_problem(ctx, "html"))
        ctx_field(ctx, "text", "required", "A template needs a text, an HTML part, or both.");
}

static struct rendered read_parts(struct ctx *ctx, const json_t *body) {
    struct rendered content = {
        read_part(ctx, body, "subject", TEMPLATE_SUBJECT_MAX),
        read_part(ctx, body, "text", TEMPLATE_PART_MAX),
        read_part(ctx, body, "html", TEMPLATE_PART_MAX),
    };
    rendering_check(ctx, &content);
    return content;
}

static const char *read_name(struct ctx *ctx, const json_t *body, bool required) {
    const char *name = field_text(ctx, body, "name", required, 1, TEMPLATE_NAME_CHARS);
    if (name && !template_name_is_good(name))
        ctx_field(ctx, "name", "wrong_format",
                  "A name is made of a to z, 0 to 9 and _, and does not look like an id.");
    return name;
}

/* --- changes ----------------------------------------------------------------------------------- */

struct change {
    const char *key, *if_match, *what;
    const json_t *body;
    struct rendered wanted; /* of a new one, or of a change what it sets */
    int64_t restored_version;
    struct template_view *out;
};

static enum err audit(struct ctx *ctx, struct db_conn *tx, const char *action,
                      const struct template_row *row) {
    return audit_write(ctx, tx,
                       (struct audit_entry){
                           .workspace_id = row->workspace_id,
                           .action = action,
                           .object = row->id,
                           .detail = arena_printf(ctx->arena, "{\"name\":\"%s\",\"version\":%lld}",
                                                  row->name, (long long)row->version) });
}

static enum err none(struct ctx *ctx) {
    return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such template.");
}

static enum err find(struct ctx *ctx, struct db_conn *c, const char *key,
                     struct template_view *out) {
    bool found;
    TRY(template_find(ctx, c, key, out, &found));
    return found ? OK : none(ctx);
}

static enum err find_to_change(struct ctx *ctx, struct db_conn *tx, const struct change *c) {
    TRY(find(ctx, tx, c->key, c->out));
    if (!c->if_match || etag_matches(str_of(c->if_match), template_etag(ctx, c->out)))
        return OK;
    return ctx_fail(ctx, ERR_VERSION_CONFLICT,
                    "Somebody else changed the template %s meanwhile; read it again and compare.",
                    c->out->row.name);
}

static enum err make_row(struct ctx *ctx, struct db_conn *tx, struct template_row *row) {
    struct template_row *others = arena_alloc(ctx->arena, TEMPLATES_MAX * sizeof *others);
    struct id id = id_make("tpl");
    size_t count;
    TRY(template_rows_list(ctx, tx, ctx->who.workspace_id, others, TEMPLATES_MAX, &count));
    if (count == TEMPLATES_MAX)
        return ctx_fail(ctx, ERR_INVALID, "A workspace has at most %d templates; remove one first.",
                        TEMPLATES_MAX);
    row->id = arena_strdup(ctx->arena, id.text);
    row->workspace_id = ctx->who.workspace_id;
    row->created_ms = row->updated_ms;
    return template_row_insert(ctx, tx, row);
}

/* Adds the next version of out, with its content. */
static enum err add_version(struct ctx *ctx, struct db_conn *tx, const struct change *c) {
    struct template_row *row = &c->out->row;
    struct id id = id_make("tpv");
    row->version++;
    row->updated_ms = ava_wall_ms();
    TRY(row->id ? template_row_update(ctx, tx, row) : make_row(ctx, tx, row));
    struct template_version_row v = { .id = id.text,
                                      .workspace_id = row->workspace_id,
                                      .template_id = row->id,
                                      .what = row->version == 1 ? "created" : c->what,
                                      .author = ctx->who.user_id[0] ? ctx->who.user_id : NULL,
                                      .version = row->version,
                                      .restored_version = c->restored_version,
                                      .created_ms = row->updated_ms };
    struct sealed_place place = template_version_row_place(&v);
    TRY(vault_seal(ctx, tx, &place, template_pack(ctx->arena, &c->out->content), &v.sealed));
    return template_version_row_insert(ctx, tx, &v, TEMPLATE_VERSIONS_KEPT);
}

static enum err create_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct change *c = arg;
    struct template_row is;
    TRY(template_row_find(ctx, tx, ctx->who.workspace_id, c->key, &is));
    if (is.id) {
        ctx_field(ctx, "name", "taken", "There is a template of this name already.");
        return ctx_fields_ok(ctx);
    }
    *c->out = (struct template_view){ .row.name = c->key,
                                      .built_in = built_in_find(c->key),
                                      .content = c->wanted };
    TRY(add_version(ctx, tx, c));
    TRY(audit(ctx, tx, "template.create", &c->out->row));
    return ctx_answer_in(ctx, tx);
}

enum err template_create(struct ctx *ctx, const json_t *body, struct template_view *out) {
    static const char *const KNOWN[] = { "name", "subject", "text", "html" };
    struct change c = { .key = read_name(ctx, body, true), .what = "created", .out = out };
    c.wanted = read_parts(ctx, body);
    need_subject(ctx, &c.wanted);
    need_part(ctx, &c.wanted);
    TRY(fields_known(ctx, body, KNOWN, ARRAY_LEN(KNOWN)));
    return db_write(ctx, create_write, &c);
}

/* What the body names, of what is wanted; *changes: something is another one than before. */
static void merge(const struct change *c, struct rendered *content, bool *changes) {
    struct {
        const char *name;
        struct str *is, wanted;
    } parts[] = { { "subject", &content->subject, c->wanted.subject },
                  { "text", &content->text, c->wanted.text },
                  { "html", &content->html, c->wanted.html } };
    *changes = false;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (!json_object_get(c->body, parts[i].name) || str_eq(*parts[i].is, parts[i].wanted))
            continue;
        *parts[i].is = parts[i].wanted;
        *changes = true;
    }
}

static enum err change_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct change *c = arg;
    bool changes;
    TRY(find_to_change(ctx, tx, c));
    merge(c, &c->out->content, &changes);
    need_part(ctx, &c->out->content);
    TRY(ctx_fields_ok(ctx));
    if (!changes)
        return OK;
    TRY(add_version(ctx, tx, c));
    return audit(ctx, tx, "template.change", &c->out->row);
}

enum err template_change(struct ctx *ctx, const char *key, const json_t *body, const char *if_match,
                         struct template_view *out) {
    static const char *const KNOWN[] = { "subject", "text", "html" };
    struct change c = {
        .key = key, .if_match = if_match, .what = "changed", .body = body, .out = out
    };
    TRY(template_read(ctx, key, out)); /* whoever may not know of it hears nothing of fields */
    c.wanted = read_parts(ctx, body);
    if (json_object_get(body, "subject"))
        need_subject(ctx, &c.wanted);
    TRY(fields_known(ctx, body, KNOWN, ARRAY_LEN(KNOWN)));
    return db_write(ctx, change_write, &c);
}

static enum err undo_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct change *c = arg;
    TRY(find_to_change(ctx, tx, c));
    if (!c->out->row.id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such version of this template.");
    TRY(template_content_open(ctx, tx, c->out->row.id, c->restored_version, &c->out->content));
    TRY(add_version(ctx, tx, c));
    TRY(audit(ctx, tx, "template.undo", &c->out->row));
    return ctx_answer_in(ctx, tx);
}

enum err template_undo(struct ctx *ctx, const char *key, int64_t version, const char *if_match,
                       struct template_view *out) {
    struct change c = { .key = key,
                        .if_match = if_match,
                        .what = "restored",
                        .restored_version = version,
                        .out = out };
    return db_write(ctx, undo_write, &c);
}

static enum err remove_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct change *c = arg;
    TRY(find_to_change(ctx, tx, c));
    if (!c->out->row.id)
        return ctx_fail(ctx, ERR_INVALID, "The template %s comes with Ava and cannot be removed.",
                        c->out->row.name);
    TRY(template_row_hide(ctx, tx, c->out->row.id, ava_steady_ms()));
    return audit(ctx, tx, "template.remove", &c->out->row);
}

static enum err remove_step(struct ctx *ctx, struct db_conn *tx, void *arg, bool *more) {
    return template_rows_remove(ctx, tx, ctx->who.workspace_id, more);
}

enum err template_remove(struct ctx *ctx, const char *key, const char *if_match) {
    struct template_view was;
    struct change c = { .key = key, .if_match = if_match, .out = &was };
    bool done;
    TRY(db_write(ctx, remove_write, &c));
    /* It is removed; what is left of it in spite of this goes with the next one, or with the workspace. */
    SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx);
    db_write_steps(ctx, remove_step, NULL, REMOVE_MS, &done);
    return OK;
}

/* --- reading ----------------------------------------------------------------------------------- */

enum err template_read(struct ctx *ctx, const char *key, struct template_view *out) {
    return find(ctx, db_reader(ctx), key, out);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct template_view *)a)->row.name,
                  ((const struct template_view *)b)->row.name);
}

/* All there are, by name; all: room for TEMPLATES_MAX and what comes with Ava. */
static enum err list_all(struct ctx *ctx, struct template_view *all, size_t *count) {
    struct template_row *rows = arena_alloc(ctx->arena, TEMPLATES_MAX * sizeof *rows);
    bool *replaced = arena_alloc(ctx->arena, built_ins_count * sizeof *replaced);
    size_t n;
    TRY(template_rows_list(ctx, db_reader(ctx), ctx->who.workspace_id, rows, TEMPLATES_MAX, &n));
    for (size_t i = 0; i < n; i++) {
        all[i] = (struct template_view){ .row = rows[i], .built_in = built_in_find(rows[i].name) };
        if (all[i].built_in)
            replaced[all[i].built_in - built_ins] = true;
    }
    for (size_t i = 0; i < built_ins_count; i++)
        if (!replaced[i])
            all[n++] =
                (struct template_view){ .row.name = built_ins[i].name, .built_in = &built_ins[i] };
    qsort(all, n, sizeof *all, by_name);
    *count = n;
    return OK;
}

enum err template_list(struct ctx *ctx, const char *search, const char *after, int limit,
                       struct template_view *out, size_t *count) {
    struct template_view *all =
        arena_alloc(ctx->arena, (TEMPLATES_MAX + built_ins_count) * sizeof *all);
    size_t n;
    TRY(list_all(ctx, all, &n));
    *count = 0;
    for (size_t i = 0; i < n && *count < (size_t)limit; i++)
        if ((!after || strcmp(all[i].row.name, after) > 0) &&
            (!search || strstr(all[i].row.name, search)))
            out[(*count)++] = all[i];
    return OK;
}

enum err template_versions_list(struct ctx *ctx, const char *key, int64_t before, int limit,
                                struct template_version_row *out, size_t *count) {
    struct template_view v;
    TRY(template_read(ctx, key, &v));
    *count = 0;
    return v.row.id ? template_version_rows_list(ctx, db_reader(ctx), v.row.id, before, limit, out,
                                                 count)
                    : OK;
}

enum err template_version_read(struct ctx *ctx, const char *key, int64_t version,
                               struct template_version_row *row, struct rendered *content) {
    struct db_conn *c = db_reader(ctx);
    struct template_view v;
    TRY(template_read(ctx, key, &v));
    TRY(template_content_open(ctx, c, v.row.id ? v.row.id : "", version, content));
    return template_version_row_find(ctx, c, v.row.id, version, row);
}

/* --- rendering --------------------------------------------------------------------------------- */

static const json_t *read_variables(struct ctx *ctx, const json_t *body) {
    const json_t *variables = json_object_get(body, "variables");
    if (variables && !json_is_null(variables) && !json_is_object(variables))
        ctx_field(ctx, "variables", "wrong_type", "The field variables takes an object.");
    return variables;
}

static enum err preview_new(struct ctx *ctx, const json_t *body, struct rendered *out) {
    static const char *const KNOWN[] = { "name", "subject", "text", "html", "variables" };
    read_name(ctx, body, false);
    struct rendered content = read_parts(ctx, body);
    const json_t *variables = read_variables(ctx, body);
    need_subject(ctx, &content);
    need_part(ctx, &content);
    TRY(fields_known(ctx, body, KNOWN, ARRAY_LEN(KNOWN)));
    return rendering_make(ctx, db_reader(ctx), &content, variables, NULL, out);
}

enum err template_preview(struct ctx *ctx, const char *key, const json_t *body,
                          struct rendered *out) {
    static const char *const KNOWN[] = { "variables" };
    struct template_view v;
    if (!key)
        return preview_new(ctx, body, out);
    TRY(template_read(ctx, key, &v));
    const json_t *variables = read_variables(ctx, body);
    TRY(fields_known(ctx, body, KNOWN, ARRAY_LEN(KNOWN)));
    return rendering_make(ctx, db_reader(ctx), &v.content, variables, NULL, out);
}

enum err template_render(struct ctx *ctx, struct db_conn *c, const char *name,
                         const json_t *variables, struct rendered *out) {
    struct template_view v;
    bool found;
    TRY(template_find(ctx, c, name, &v, &found));
    if (found)
        return rendering_make(ctx, c, &v.content, variables, "template", out);
    ctx_field(ctx, "template", "unknown", "There is no template of this name.");
    return ctx_fields_ok(ctx);
}
