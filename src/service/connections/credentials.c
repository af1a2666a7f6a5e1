#include "service/connections/credentials.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/id.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/plain.h"
#include "base/sift.h"
#include "obs/fields.h"
#include "store/audit.h"
#include "store/sealed.h"
#include "vault/vault.h"

/* --- what a credential consists of ----------------------------------------------------------- */

bool credentials_supports(enum provider p) {
    return dialect_of(p)->fields != NULL;
}

static void check_text(struct ctx *ctx, const struct dialect_field *f, const json_t *body) {
    const char *text = field_text(ctx, body, f->name, f->is_required, 1, f->chars_max);
    const char *wrong = text && f->wrong ? f->wrong(str_of(text)) : NULL;
    if (text && f->is_line && !plain_is(str_of(text)))
        ctx_field(
            ctx, f->name, "wrong_format",
            arena_printf(ctx->arena, "The field %s is one line of plain characters.", f->name));
    else if (text && !f->is_line && !str_is_visible(str_of(text)))
        ctx_field(
            ctx, f->name, "wrong_format",
            arena_printf(ctx->arena, "The field %s has blanks or characters no key has.", f->name));
    else if (wrong)
        ctx_field(ctx, f->name, "wrong_format", wrong);
}

static enum err check_body(struct ctx *ctx, const struct dialect *d, const json_t *body) {
    const char *names[CONNECTION_FIELDS_MAX];
    for (size_t i = 0; i < d->field_count; i++) {
        const struct dialect_field *f = &d->fields[i];
        const json_t *value = json_object_get(body, f->name);
        names[i] = f->name;
        if (f->instead && value)
            ctx_field(ctx, f->name, "unsupported", f->instead);
        else if (!f->instead && !f->check_object)
            check_text(ctx, f, body);
        else if (f->check_object && value && !json_is_null(value))
            f->check_object(ctx, value);
    }
    if (d->check_fields)
        d->check_fields(ctx, body);
    return fields_known(ctx, body, names, d->field_count);
}

/* Puts the secret fields of the body into one secret. */
static void collect_secret(const struct dialect *d, const json_t *body, struct secret *out) {
    for (size_t i = 0; i < d->field_count; i++) {
        const struct dialect_field *f = &d->fields[i];
        const json_t *value = json_object_get(body, f->name);
        if (json_is_string(value))
            secret_field_add(out, str_of(f->name), str_of(json_string_value(value)));
        else if (f->collect_object && json_is_object(value))
            f->collect_object(value, out);
    }
}

/* --- what may be shown ----------------------------------------------------------------------- */

/* The last four, and of a short secret nothing that would give half of it away. */
static const char *last4(struct ctx *ctx, const char *text) {
    size_t len = strlen(text);
    return len >= 12 ? arena_strdup(ctx->arena, text + len - 4) : "";
}

/* {"assistant_id":"...","last4":{"api_key":"...."}}: everything but secrets. */
static const char *public_json(struct ctx *ctx, const struct dialect *d, const json_t *body) {
    const struct dialect_field *specs = d->fields;
    size_t count = d->field_count;
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    jsonw_object(&w);
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(body, specs[i].name);
        if (specs[i].is_secret || specs[i].instead)
            continue;
        if (json_is_integer(value))
            jsonw_i64_at(&w, specs[i].name, json_integer_value(value));
        else if (json_is_boolean(value))
            jsonw_bool_at(&w, specs[i].name, json_is_true(value));
        else
            jsonw_text_at(&w, specs[i].name, json_string_value(value));
    }
    jsonw_key(&w, "last4");
    jsonw_object(&w);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_text(body, specs[i].name);
        if (specs[i].is_secret && (text || json_is_object(json_object_get(body, specs[i].name))))
            jsonw_text_at(&w, specs[i].name, text ? last4(ctx, text) : "");
    }
    jsonw_object_end(&w);
    jsonw_object_end(&w);
    const char *text = str_dup(ctx->arena, buf_view(&b));
    buf_fini(&b);
    return text;
}

static const char *last4_of(const struct connection *c, const char *field) {
    for (size_t i = 0; i < c->field_count; i++)
        if (strcmp(c->fields[i].name, field) == 0)
            return c->fields[i].last4;
    return NULL;
}

/* The connection as people may see it, from its row; row->id NULL: not connected. */
static void describe(struct ctx *ctx, enum provider p, const struct credential_row *row,
                     struct connection *out) {
    const struct dialect *d = dialect_of(p);
    const struct dialect_field *specs = d->fields;
    json_t *public = row->id ? sift_own(ctx->arena, str_of(row->public)) : NULL;
    const json_t *tails = json_object_get(public, "last4");
    *out = (struct connection){ .provider = p,
                                .is_connected = row->id != NULL,
                                .id = row->id,
                                .assistant_id = json_text(public, "assistant_id"),
                                .default_number_id = json_text(public, "default_number_id"),
                                .account_sid = json_text(public, "account_sid"),
                                .from = json_text(public, "from"),
                                .is_fallback = json_is_true(json_object_get(public, "fallback")),
                                .checked_ms = row->checked_ms,
                                .updated_ms = row->updated_ms };
    for (size_t i = 0; i < d->field_count; i++) {
        if (!specs[i].is_secret)
            continue;
        const char *tail = json_text(tails, specs[i].name);
        out->fields[out->field_count].name = specs[i].name;
        out->fields[out->field_count].is_set = tail != NULL;
        out->fields[out->field_count++].last4 = tail && tail[0] ? tail : NULL;
    }
    if (out->account_sid)
        out->account_last4 = out->account_sid + strlen(out->account_sid) - 4;
    else if (row->id)
        out->account_last4 = last4_of(out, d->key_field);
}

enum err credentials_describe(struct ctx *ctx, enum provider p, struct connection *out) {
    struct credential_row row;
    TRY(credential_row_find(ctx, db_reader(ctx), ctx->who.workspace_id, provider_name(p), &row));
    describe(ctx, p, &row, out);
    return OK;
}

/* --- checking with the provider -------------------------------------------------------------- */

/* For a credential that is being saved: the source is the secret itself. */
static enum err reveal_copy(struct ctx *ctx, const struct upstream_credential *c,
                            struct secret *out) {
    const struct secret *fields = (const void *)c->source.ptr;
    secret_set(out, secret_reveal(fields));
    return OK;
}

/* A refusal of the key while it is being saved or tested is a wrong field, not a broken
 * connection. */
static enum err as_field_error(struct ctx *ctx, const struct dialect *d, enum err e) {
    for (const struct dialect_refusal *r = d->refusals; r->err != OK; r++) {
        if (r->err != e)
            continue;
        ctx_field(ctx, r->field, "not_accepted", r->words);
        return ctx_fail(ctx, ERR_CREDENTIAL_INVALID, "%s", r->words);
    }
    return e;
}

/* Asks the provider whether the credential works. */
static enum err ask(struct ctx *ctx, enum provider p, const struct lent *lent,
                    struct connection_check *check) {
    const struct dialect *d = dialect_of(p);
    struct dialect_check said = { .numbers = -1 };
    enum err e = d->check(ctx, &lent->ref, &lent->account, &said);
    *check = (struct connection_check){ .was_made = e == OK,
                                        .message = said.message,
                                        .numbers = said.numbers };
    return e == OK ? OK : as_field_error(ctx, d, e);
}

/* --- saving ---------------------------------------------------------------------------------- */

struct saving {
    enum provider provider;
    const struct secret *fields;
    struct credential_row row;
    bool was_there;
};

/* Seals the fields under a new version, and audits it. */
static enum err save_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct saving *s = arg;
    struct credential_row old;
    TRY(credential_row_find(ctx, tx, ctx->who.workspace_id, provider_name(s->provider), &old));
    struct id id = id_make("cred");
    s->was_there = old.id != NULL;
    s->row.id = old.id ? old.id : arena_strdup(ctx->arena, id.text);
    s->row.version = old.id ? old.version + 1 : 1;
    s->row.created_ms = old.id ? old.created_ms : s->row.updated_ms;
    struct sealed_place place = credential_row_place(&s->row);
    TRY(vault_seal(ctx, tx, &place, secret_reveal(s->fields), &s->row.sealed));
    TRY(credential_row_put(ctx, tx, &s->row));
    return audit_write(
        ctx, tx,
        (struct audit_entry){ .action = s->was_there ? "credential.rotate" : "credential.add",
                              .object = s->row.provider,
                              .detail = s->row.public });
}

/* {"...","last4":{...}} with the tail of one more secret. */
static const char *public_with(struct ctx *ctx, const char *public, const char *name,
                               const char *tail) {
    json_t *tree = json_deep_copy(sift_own(ctx->arena, str_of(public)));
    json_object_set_new(json_object_get(tree, "last4"), name, json_string(tail));
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_tree(&w, tree);
    json_decref(tree);
    return str_dup(ctx->arena, buf_view(b));
}

struct making {
    enum provider provider;
    const char *text;
    bool is_theirs; /* the provider has made it, and signs with it from now on */
};

/* Puts the webhook_secret into the fields, and seals them anew. */
static enum err make_secret_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    SCOPED(secret_wipe) struct secret fields = { 0 };
    const struct making *m = arg;
    struct credential_row row;
    TRY(credential_row_find(ctx, tx, ctx->who.workspace_id, provider_name(m->provider), &row));
    if (!row.id)
        return ctx_fail(ctx, ERR_NOT_CONNECTED, "%s is not connected.",
                        provider_title(m->provider));
    struct sealed_place place = credential_row_place(&row);
    TRY(vault_reveal(ctx, tx, &place, row.sealed, &fields));
    if (!secret_field_put(&fields, "webhook_secret", str_of(m->text)))
        return ctx_fail(ctx, ERR_INTERNAL, "The credential has no room for a webhook_secret.");
    struct saving s = { .provider = m->provider, .fields = &fields, .row = row };
    s.row.public = public_with(ctx, row.public, "webhook_secret", last4(ctx, m->text));
    s.row.updated_ms = ava_wall_ms();
    TRY(save_write(ctx, tx, &s));
    return m->is_theirs ? audit_write(ctx, tx,
                                      (struct audit_entry){ .action = "webhook.setup",
                                                            .object = row.provider })
                        : OK;
}

enum err credentials_make_webhook_secret(struct ctx *ctx, enum provider p, struct secret *out) {
    unsigned char raw[32];
    ava_rand(raw, sizeof raw);
    char *text = base64url_encode(ctx->arena, raw, sizeof raw);
    enum err e = db_write(ctx, make_secret_write, &(struct making){ .provider = p, .text = text });
    if (e == OK)
        secret_set(out, str_of(text));
    lending_forget(ctx, p);
    explicit_bzero(raw, sizeof raw);
    explicit_bzero(text, strlen(text));
    return e;
}

enum err credentials_put_webhook_secret(struct ctx *ctx, enum provider p,
                                        const struct secret *secret) {
    char *text = str_dup(ctx->arena, secret_reveal(secret));
    enum err e = db_write(ctx, make_secret_write, &(struct making){ p, text, true });
    lending_forget(ctx, p);
    explicit_bzero(text, strlen(text));
    return e;
}

enum err credentials_save(struct ctx *ctx, enum provider p, const json_t *body, bool verify,
                          struct connection *out, struct connection_check *check) {
    SCOPED(secret_wipe) struct secret fields = { 0 };
    *check = (struct connection_check){ .numbers = -1 };
    TRY(check_body(ctx, dialect_of(p), body));
    collect_secret(dialect_of(p), body, &fields);
    int64_t now = ava_wall_ms();
    if (verify) {
        struct lent candidate = {
            .ref = { .id = arena_printf(ctx->arena, "candidate-%s", ctx->who.workspace_id),
                     .version = now,
                     .is_trial = true,
                     .workspace_id = ctx->who.workspace_id,
                     .reveal = reveal_copy,
                     .source = { (const char *)&fields, sizeof fields } },
            .account = lending_account(body),
        };
        TRY(ask(ctx, p, &candidate, check));
    }
    struct saving s = { .provider = p,
                        .fields = &fields,
                        .row = { .workspace_id = ctx->who.workspace_id,
                                 .provider = provider_name(p),
                                 .public = public_json(ctx, dialect_of(p), body),
                                 .checked_ms = verify ? now : 0,
                                 .updated_ms = now } };
    TRY(db_write(ctx, save_write, &s));
    lending_forget(ctx, p);
    describe(ctx, p, &s.row, out);
    return OK;
}

struct checked {
    enum provider provider;
    int64_t at_ms;
};

static enum err checked_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct checked *c = arg;
    return credential_row_checked(ctx, tx, ctx->who.workspace_id, provider_name(c->provider),
                                  c->at_ms);
}

enum err credentials_verify(struct ctx *ctx, enum provider p, struct connection *out,
                            struct connection_check *check) {
    struct lent lent;
    struct checked c = { p, ava_wall_ms() };
    TRY(lending_find(ctx, p, &lent));
    TRY(ask(ctx, p, &lent, check));
    TRY(db_write(ctx, checked_write, &c));
    return credentials_describe(ctx, p, out);
}

static enum err remove_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const char *provider = arg;
    bool found;
    TRY(credential_row_delete(ctx, tx, ctx->who.workspace_id, provider, &found));
    if (!found)
        return OK;
    return audit_write(ctx, tx,
                       (struct audit_entry){ .action = "credential.remove", .object = provider });
}

enum err credentials_remove(struct ctx *ctx, enum provider p) {
    enum err e = db_write(ctx, remove_write, (void *)provider_name(p));
    lending_forget(ctx, p);
    return e;
}
