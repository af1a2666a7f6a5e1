#include "service/connections/credentials.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/id.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "providers/twilio_numbers.h"
#include "providers/vapi.h"
#include "providers/vapi_auth.h"
#include "store/audit.h"
#include "store/sealed.h"
#include "vault/vault.h"

/* --- what a credential consists of ----------------------------------------------------------- */

struct field_spec {
    const char *name;
    bool is_secret, is_required;
    size_t chars_max;
};

/* The one field that is an object: a plan of vapi_auth.h. */
static const char WEBHOOK_AUTH[] = "webhook_auth";

static const struct field_spec VAPI_FIELDS[] = { { "api_key", true, true, 512 },
                                                 { "assistant_id", false, true, 128 },
                                                 { "default_number_id", false, false, 128 },
                                                 { "webhook_secret", true, false, 512 },
                                                 { WEBHOOK_AUTH, true, false, 0 } };
static const struct field_spec TWILIO_FIELDS[] = { { "account_sid", false, true, 34 },
                                                   { "auth_token", true, true, 512 },
                                                   { "next_auth_token", true, false, 512 } };

static const struct field_spec *specs_of(enum provider p, size_t *count) {
    *count = p == PROVIDER_VAPI ? ARRAY_LEN(VAPI_FIELDS) : ARRAY_LEN(TWILIO_FIELDS);
    return p == PROVIDER_VAPI ? VAPI_FIELDS : p == PROVIDER_TWILIO ? TWILIO_FIELDS : NULL;
}

bool credentials_supports(enum provider p) {
    return p == PROVIDER_VAPI || p == PROVIDER_TWILIO;
}

static const struct field_spec *spec_find(enum provider p, const char *name) {
    size_t count;
    const struct field_spec *specs = specs_of(p, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(specs[i].name, name) == 0)
            return &specs[i];
    return NULL;
}

static bool is_visible_ascii(const char *text) {
    for (; *text; text++)
        if ((unsigned char)*text <= 0x20 || (unsigned char)*text >= 0x7F)
            return false;
    return true;
}

static void check_field(struct ctx *ctx, const struct field_spec *spec, const json_t *value) {
    const char *text = json_string_value(value);
    if (!value || json_is_null(value)) {
        if (spec->is_required)
            ctx_field(ctx, spec->name, "required",
                      arena_printf(ctx->arena, "The field %s is missing.", spec->name));
    } else if (strcmp(spec->name, WEBHOOK_AUTH) == 0) {
        vapi_auth_check_plan(ctx, value);
    } else if (!text) {
        ctx_field(ctx, spec->name, "wrong_type",
                  arena_printf(ctx->arena, "The field %s must be a text.", spec->name));
    } else if (!text[0]) {
        ctx_field_range(ctx, spec->name, "too_short", 1, (double)spec->chars_max,
                        arena_printf(ctx->arena, "The field %s is empty.", spec->name));
    } else if (json_string_length(value) > spec->chars_max) {
        ctx_field_range(ctx, spec->name, "too_long", 1, (double)spec->chars_max,
                        arena_printf(ctx->arena, "The field %s is longer than %zu characters.",
                                     spec->name, spec->chars_max));
    } else if (!is_visible_ascii(text)) {
        ctx_field(ctx, spec->name, "wrong_format",
                  arena_printf(ctx->arena, "The field %s has blanks or characters no key has.",
                               spec->name));
    } else if (strcmp(spec->name, "account_sid") == 0 && !twilio_is_account_sid(str_of(text))) {
        ctx_field(ctx, spec->name, "wrong_format",
                  "A Twilio account SID is 'AC' and 32 hexadecimal digits.");
    }
}

static enum err check_body(struct ctx *ctx, enum provider p, const json_t *body) {
    size_t count;
    const struct field_spec *specs = specs_of(p, &count);
    const char *name;
    json_t *value;
    for (size_t i = 0; i < count; i++)
        check_field(ctx, &specs[i], json_object_get(body, specs[i].name));
    json_object_foreach((json_t *)body, name, value) {
        if (!spec_find(p, name))
            ctx_field(ctx, arena_strdup(ctx->arena, name), "unknown_field",
                      arena_printf(ctx->arena, "There is no field %.40s here.", name));
    }
    if (json_is_object(json_object_get(body, WEBHOOK_AUTH)) && json_text(body, "webhook_secret"))
        ctx_field(ctx, WEBHOOK_AUTH, "conflict",
                  "Send webhook_auth or webhook_secret, not both: either says how Vapi proves "
                  "itself.");
    return ctx_fields_ok(ctx);
}

/* Part by part, so that judging a webhook reads them where they are. */
static void collect_plan(const json_t *plan, struct secret *out) {
    struct vapi_auth_plan parts = vapi_auth_plan_of(plan);
    for (const char *const *name = VAPI_AUTH_PARTS; *name; name++) {
        char field[64];
        struct str value = parts.part(parts.arg, *name);
        snprintf(field, sizeof field, "%s.%s", WEBHOOK_AUTH, *name);
        if (value.ptr)
            secret_field_add(out, str_of(field), value);
    }
}

static void collect_secret(enum provider p, const json_t *body, struct secret *out) {
    size_t count;
    const struct field_spec *specs = specs_of(p, &count);
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(body, specs[i].name);
        if (json_is_string(value))
            secret_field_add(out, str_of(specs[i].name), str_of(json_string_value(value)));
        else if (json_is_object(value))
            collect_plan(value, out);
    }
}

/* --- what may be shown ----------------------------------------------------------------------- */

/* The last four, and of a short secret nothing that would give half of it away. */
static const char *last4(struct ctx *ctx, const char *text) {
    size_t len = strlen(text);
    return len >= 12 ? arena_strdup(ctx->arena, text + len - 4) : "";
}

/* {"assistant_id":"...","last4":{"api_key":"...."}}: everything but secrets. */
static const char *public_json(struct ctx *ctx, enum provider p, const json_t *body) {
    size_t count;
    const struct field_spec *specs = specs_of(p, &count);
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    jsonw_object(&w);
    for (size_t i = 0; i < count; i++)
        if (!specs[i].is_secret)
            jsonw_text_at(&w, specs[i].name, json_text(body, specs[i].name));
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

static void describe(struct ctx *ctx, enum provider p, const struct credential_row *row,
                     struct connection *out) {
    size_t count;
    const struct field_spec *specs = specs_of(p, &count);
    const char *why;
    json_t *public = row->id ? json_parse(ctx->arena, str_of(row->public), &why) : NULL;
    const json_t *tails = json_object_get(public, "last4");
    *out = (struct connection){ .provider = p,
                                .is_connected = row->id != NULL,
                                .id = row->id,
                                .assistant_id = json_text(public, "assistant_id"),
                                .default_number_id = json_text(public, "default_number_id"),
                                .account_sid = json_text(public, "account_sid"),
                                .checked_ms = row->checked_ms,
                                .updated_ms = row->updated_ms };
    for (size_t i = 0; i < count; i++) {
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
        out->account_last4 = out->fields[0].last4;
}

enum err credentials_describe(struct ctx *ctx, enum provider p, struct connection *out) {
    struct credential_row row;
    TRY(credential_row_find(ctx, db_reader(ctx->parts->db), ctx->who.workspace_id, provider_name(p),
                            &row));
    describe(ctx, p, &row, out);
    return OK;
}

/* --- checking with the provider -------------------------------------------------------------- */

static enum err reveal_copy(struct ctx *ctx, const struct upstream_credential *c,
                            struct secret *out) {
    const struct secret *fields = (const void *)c->source.ptr;
    secret_set(out, secret_reveal(fields));
    return OK;
}

/* A refusal of the key while it is being saved or tested is a wrong field, not a broken
 * connection. */
static enum err as_field_error(struct ctx *ctx, enum provider p, enum err e) {
    const char *field = p == PROVIDER_VAPI ? "api_key" : "auth_token";
    const char *words = p == PROVIDER_VAPI
                            ? "Vapi did not accept this key. Check that it is the private key."
                            : "Twilio did not accept this account SID and token together.";
    if (p == PROVIDER_VAPI && e == ERR_PROVIDER_RESOURCE_NOT_FOUND) {
        field = "assistant_id";
        words = "Vapi has no assistant with this id under this key.";
    } else if (e != ERR_CREDENTIALS_REJECTED && e != ERR_PROVIDER_RESOURCE_NOT_FOUND) {
        return e;
    }
    ctx_field(ctx, field, "not_accepted", words);
    return ctx_fail(ctx, ERR_CREDENTIAL_INVALID, "%s", words);
}

static enum err ask(struct ctx *ctx, enum provider p, const struct lent *lent,
                    struct connection_check *check) {
    enum err e;
    check->numbers = -1;
    if (p == PROVIDER_VAPI) {
        e = vapi_check(ctx, &lent->ref, lent->assistant_id);
        check->message = "Works - the assistant answers";
    } else {
        e = twilio_check(ctx, &lent->ref, lent->account_sid, &check->numbers);
        check->message = arena_printf(ctx->arena, "Works - %d number%s found", check->numbers,
                                      check->numbers == 1 ? "" : "s");
    }
    check->was_made = e == OK;
    return e == OK ? OK : as_field_error(ctx, p, e);
}

/* --- saving ---------------------------------------------------------------------------------- */

struct saving {
    enum provider provider;
    const struct secret *fields;
    struct credential_row row;
    bool was_there;
};

static enum err save_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct saving *s = arg;
    struct credential_row old;
    TRY(credential_row_find(ctx, tx, ctx->who.workspace_id, provider_name(s->provider), &old));
    struct id id = id_make("cred");
    s->was_there = old.id != NULL;
    s->row.id = old.id ? old.id : arena_strdup(ctx->arena, id.text);
    s->row.version = old.id ? old.version + 1 : 1;
    s->row.created_ms = old.id ? old.created_ms : s->row.updated_ms;
    struct vault_place place = { "credentials", "sealed", s->row.workspace_id, s->row.id };
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
    const char *why;
    json_t *tree = json_deep_copy(json_parse(ctx->arena, str_of(public), &why));
    json_object_set_new(json_object_get(tree, "last4"), name, json_string(tail));
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_tree(&w, tree);
    json_decref(tree);
    return str_dup(ctx->arena, buf_view(b));
}

static enum err make_secret_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    SCOPED(secret_wipe) struct secret fields = { 0 };
    const char *text = arg;
    struct credential_row row;
    TRY(credential_row_find(ctx, tx, ctx->who.workspace_id, provider_name(PROVIDER_VAPI), &row));
    if (!row.id)
        return ctx_fail(ctx, ERR_NOT_CONNECTED, "Vapi is not connected.");
    struct vault_place place = { "credentials", "sealed", row.workspace_id, row.id };
    TRY(vault_reveal(ctx, tx, &place, row.sealed, &fields));
    if (!secret_field_add(&fields, STR("webhook_secret"), str_of(text)))
        return ctx_fail(ctx, ERR_INTERNAL, "The credential has no room for a webhook_secret.");
    struct saving s = { .provider = PROVIDER_VAPI, .fields = &fields, .row = row };
    s.row.public = public_with(ctx, row.public, "webhook_secret", last4(ctx, text));
    s.row.updated_ms = ava_wall_ms();
    return save_write(ctx, tx, &s);
}

enum err credentials_make_webhook_secret(struct ctx *ctx, struct secret *out) {
    unsigned char raw[32];
    ava_rand(raw, sizeof raw);
    char *text = base64url_encode(ctx->arena, raw, sizeof raw);
    enum err e = db_write(ctx, make_secret_write, text);
    if (e == OK)
        secret_set(out, str_of(text));
    lending_forget(ctx, PROVIDER_VAPI);
    explicit_bzero(raw, sizeof raw);
    explicit_bzero(text, strlen(text));
    return e;
}

enum err credentials_save(struct ctx *ctx, enum provider p, const json_t *body, bool verify,
                          struct connection *out, struct connection_check *check) {
    SCOPED(secret_wipe) struct secret fields = { 0 };
    *check = (struct connection_check){ .numbers = -1 };
    TRY(check_body(ctx, p, body));
    collect_secret(p, body, &fields);
    int64_t now = ava_wall_ms();
    if (verify) {
        struct lent candidate = {
            .ref = { .id = arena_printf(ctx->arena, "candidate-%s", ctx->who.workspace_id),
                     .version = now,
                     .workspace_id = ctx->who.workspace_id,
                     .reveal = reveal_copy,
                     .source = { (const char *)&fields, sizeof fields } },
            .assistant_id = json_text(body, "assistant_id"),
            .account_sid = json_text(body, "account_sid"),
        };
        TRY(ask(ctx, p, &candidate, check));
    }
    struct saving s = { .provider = p,
                        .fields = &fields,
                        .row = { .workspace_id = ctx->who.workspace_id,
                                 .provider = provider_name(p),
                                 .public = public_json(ctx, p, body),
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
