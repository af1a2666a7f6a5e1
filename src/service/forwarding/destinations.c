#include "service/forwarding/destinations.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "obs/fields.h"
#include "providers/outbound.h"
#include "service/forwarding/forward_rules.h"
#include "service/forwarding/forwarding.h"
#include "store/audit.h"
#include "store/deliveries.h"
#include "tasks/feed.h"
#include "vault/vault.h"

static const int64_t OVERLAP_MS = INT64_C(24) * 3600 * 1000;
static const char NONE[] = "There is no such destination.";

/* --- seen from outside ----------------------------------------------------------------------- */

static const char *status_of(const struct destination_row *d) {
    return !d->enabled ? "disabled" : d->failing_since_ms ? "failing" : "active";
}

/* Somebody has to look at it: Ava switched it off, or it does not get through. */
static bool needs_attention(const struct destination_row *d) {
    return d->enabled ? d->failing_since_ms != 0 : strcmp(d->disabled_because, "by_hand") != 0;
}

void destination_write(struct jsonw *w, const struct destination_row *d) {
    jsonw_text_at(w, "id", d->id);
    jsonw_text_at(w, "url", d->url);
    jsonw_key(w, "events");
    jsonw_list(w);
    for (struct str rest = str_of(d->events); rest.ptr;)
        jsonw_str(w, str_cut(rest, ',', &rest));
    jsonw_list_end(w);
    jsonw_bool_at(w, "enabled", d->enabled);
    jsonw_text_at(w, "status", status_of(d));
    jsonw_bool_at(w, "needs_attention", needs_attention(d));
    jsonw_text_at(w, "disabled_because", d->disabled_because);
    jsonw_time_at(w, "disabled_at", d->disabled_ms);
    jsonw_time_at(w, "failing_since", d->failing_since_ms);
    jsonw_time_at(w, "last_failure_at", d->last_failure_ms);
    jsonw_time_at(w, "last_success_at", d->last_success_ms);
    jsonw_time_at(w, "former_secret_until",
                  d->former_until_ms > ava_steady_ms() ? d->former_until_ms : 0);
    jsonw_time_at(w, "created_at", d->created_ms);
    jsonw_time_at(w, "updated_at", d->updated_ms);
}

void destination_publish(struct ctx *ctx, const struct destination_row *d) {
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    jsonw_object(&w);
    destination_write(&w, d);
    jsonw_object_end(&w);
    feed_publish(ctx->parts->feed, d->workspace_id, "destination", buf_view(&b));
    buf_fini(&b);
}

/* --- secrets --------------------------------------------------------------------------------- */

/* former.len 0: none */
static enum err seal(struct ctx *ctx, struct db_conn *tx, struct destination_row *d,
                     struct str secret, struct str former) {
    SCOPED(secret_wipe) struct secret fields = { 0 };
    struct sealed_place place = destination_row_place(d);
    secret_field_add(&fields, STR("secret"), secret);
    if (former.len)
        secret_field_add(&fields, STR("former"), former);
    return vault_seal(ctx, tx, &place, secret_reveal(&fields), &d->sealed);
}

/* The former one only for as long as it is good. */
static enum err reveal(struct ctx *ctx, const struct upstream_credential *c, struct secret *out) {
    const struct destination_row *d = ((const struct destination_signer *)c)->row;
    SCOPED(secret_wipe) struct secret both = { 0 };
    struct sealed_place place = destination_row_place(d);
    TRY(vault_reveal(ctx, db_reader(ctx), &place, c->source, &both));
    struct str former = secret_field(&both, "former");
    secret_field_add(out, STR("secret"), secret_field(&both, "secret"));
    if (former.ptr && d->former_until_ms > ava_steady_ms())
        secret_field_add(out, STR("former"), former);
    return OK;
}

void destination_signer_init(struct destination_signer *s, const struct destination_row *row) {
    *s = (struct destination_signer){ .ref = { .id = row->id,
                                               .version = row->version,
                                               .workspace_id = row->workspace_id,
                                               .reveal = reveal,
                                               .source = row->sealed },
                                      .row = row };
}

/* --- what people write ----------------------------------------------------------------------- */

/* The address in the body without the blanks and tabs that copying put around it; NULL: there is none. */
static const char *url_of(struct ctx *ctx, const json_t *body) {
    const char *text = json_text(body, "url");
    return text ? str_dup(ctx->arena, str_trim(str_of(text))) : NULL;
}

static void check_url(struct ctx *ctx, const json_t *body, bool required) {
    const json_t *value = json_object_get(body, "url");
    const char *text = url_of(ctx, body), *why;
    if (!value || json_is_null(value)) {
        if (required || value)
            ctx_field(ctx, "url", "required", "The field url is missing: where events go.");
        return;
    }
    if (!text)
        ctx_field(ctx, "url", "wrong_type", "The field url must be a text.");
    else if ((why = outbound_check(str_of(text), upstream_allowed(ctx->parts->upstream))))
        ctx_field(ctx, "url", "wrong_format", why);
}

static const char *all_types(struct ctx *ctx) {
    const char *list = FORWARD_TYPES[0];
    for (size_t i = 1; FORWARD_TYPES[i]; i++)
        list = arena_join(ctx->arena, list, ", ", FORWARD_TYPES[i]);
    return list;
}

/* The patterns as they are stored, or NULL when there are none or they are wrong (then noted). */
static const char *read_events(struct ctx *ctx, const json_t *body) {
    const json_t *list = json_object_get(body, "events"), *item;
    const char *out = NULL;
    size_t i, count = json_array_size(list);
    if (!list || json_is_null(list))
        return NULL;
    if (count < 1 || count > DESTINATION_EVENTS_MAX) {
        ctx_field_range(ctx, "events", json_is_array(list) ? "out_of_range" : "wrong_type", 1,
                        DESTINATION_EVENTS_MAX,
                        "The field events takes a list of 1 to 20 patterns, like [\"call.*\"].");
        return NULL;
    }
    json_array_foreach(list, i, item) {
        const char *pattern = json_string_value(item);
        if (!pattern || !forward_pattern_is_good(str_of(pattern))) {
            ctx_field(ctx, "events", "wrong_format",
                      arena_printf(ctx->arena,
                                   "The field events takes *, webhook.* and names or beginnings "
                                   "(call.*) of these: %s.",
                                   all_types(ctx)));
            return NULL;
        }
        out = out ? arena_join(ctx->arena, out, ",", pattern) : pattern;
    }
    return out;
}

static enum err check_body(struct ctx *ctx, const json_t *body, bool is_new, const char **events) {
    static const char *const KNOWN[] = { "url", "events", "enabled" };
    const json_t *enabled = json_object_get(body, "enabled");
    check_url(ctx, body, is_new);
    *events = read_events(ctx, body);
    if (enabled && !json_is_boolean(enabled))
        ctx_field(ctx, "enabled", "wrong_type", "The field enabled must be true or false.");
    return fields_known(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
}

/* --- changes --------------------------------------------------------------------------------- */

struct change {
    const char *id, *events;
    const json_t *body;
    const char *secret; /* of a new one */
    struct destination_row *out;
};

/* The host is enough to see whose it is; paths and queries may hold what authenticates. */
static const char *detail_of(struct ctx *ctx, const struct destination_row *d) {
    struct outbound_url parts;
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    const char *why = outbound_parse(str_of(d->url), &parts);
    jsonw_object(&w);
    jsonw_text_at(&w, "host", why ? NULL : parts.host);
    jsonw_text_at(&w, "events", d->events);
    jsonw_bool_at(&w, "enabled", d->enabled);
    jsonw_text_at(&w, "disabled_because", d->disabled_because);
    jsonw_object_end(&w);
    return str_dup(ctx->arena, buf_view(b));
}

static enum err audit(struct ctx *ctx, struct db_conn *tx, const char *action,
                      const struct destination_row *d) {
    return audit_write(ctx, tx,
                       (struct audit_entry){ .workspace_id = d->workspace_id,
                                             .action = action,
                                             .object = d->id,
                                             .detail = detail_of(ctx, d) });
}

static void set_enabled(struct destination_row *d, bool enabled, const char *because) {
    if (d->enabled == enabled)
        return;
    d->enabled = enabled;
    d->disabled_because = enabled ? NULL : because;
    d->disabled_ms = enabled ? 0 : ava_wall_ms();
}

static enum err add_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct change *c = arg;
    struct destination_row *d = c->out, others[DESTINATIONS_MAX];
    size_t count;
    TRY(destination_rows_list(ctx, tx, d->workspace_id, NULL, DESTINATIONS_MAX, others, &count));
    if (count == DESTINATIONS_MAX)
        return ctx_fail(ctx, ERR_INVALID,
                        "A workspace has at most %d destinations; remove one first.",
                        DESTINATIONS_MAX);
    TRY(seal(ctx, tx, d, str_of(c->secret), (struct str){ NULL, 0 }));
    TRY(destination_row_insert(ctx, tx, d));
    TRY(audit(ctx, tx, "destination.add", d));
    return ctx_answer_in(ctx, tx);
}

enum err destination_add(struct ctx *ctx, const json_t *body, struct destination_row *out,
                         const char **secret) {
    struct change c = { .body = body, .out = out };
    struct id id = id_make("dst");
    int64_t now_ms = ava_wall_ms();
    TRY(check_body(ctx, body, true, &c.events));
    *out = (struct destination_row){ .id = arena_strdup(ctx->arena, id.text),
                                     .workspace_id = ctx->who.workspace_id,
                                     .url = url_of(ctx, body),
                                     .events = c.events ? c.events : "*",
                                     .enabled = true,
                                     .version = 1,
                                     .created_ms = now_ms,
                                     .updated_ms = now_ms };
    set_enabled(out, !json_is_false(json_object_get(body, "enabled")), "by_hand");
    *secret = c.secret = destination_secret_make(ctx->arena);
    TRY(db_write(ctx, add_write, &c));
    destination_publish(ctx, out);
    return OK;
}

static enum err find(struct ctx *ctx, struct db_conn *c, const char *id,
                     struct destination_row *out) {
    TRY(destination_row_find(ctx, c, ctx->who.workspace_id, id, out));
    return out->id ? OK : ctx_fail(ctx, ERR_NOT_FOUND, "%s", NONE);
}

enum err destination_read(struct ctx *ctx, const char *id, struct destination_row *out) {
    return find(ctx, db_reader(ctx), id, out);
}

enum err destination_list(struct ctx *ctx, const char *before_id, int limit,
                          struct destination_row *out, size_t *count) {
    return destination_rows_list(ctx, db_reader(ctx), ctx->who.workspace_id, before_id, limit, out,
                                 count);
}

static enum err change_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct change *c = arg;
    struct destination_row *d = c->out;
    const char *url = url_of(ctx, c->body);
    const json_t *enabled = json_object_get(c->body, "enabled");
    TRY(find(ctx, tx, c->id, d));
    bool moves = url && strcmp(url, d->url) != 0, comes_back = json_is_true(enabled) && !d->enabled;
    d->url = url ? url : d->url;
    d->events = c->events ? c->events : d->events;
    if (enabled)
        set_enabled(d, json_is_true(enabled), "by_hand");
    d->version += moves;
    d->updated_ms = ava_wall_ms();
    TRY(destination_row_update(ctx, tx, d));
    if (moves || comes_back) { /* how it fared says nothing about how it will */
        d->failing_since_ms = 0;
        TRY(destination_row_fares(ctx, tx, d));
    }
    if (!d->enabled)
        TRY(forwarding_want(ctx, tx, d, ava_steady_ms())); /* its turn holds what is open */
    return audit(ctx, tx, "destination.change", d);
}

enum err destination_change(struct ctx *ctx, const char *id, const json_t *body,
                            struct destination_row *out) {
    struct change c = { .id = id, .body = body, .out = out };
    TRY(destination_read(ctx, id, out)); /* whoever may not know of it hears nothing of fields */
    TRY(check_body(ctx, body, false, &c.events));
    TRY(db_write(ctx, change_write, &c));
    forwarding_wake(ctx);
    destination_publish(ctx, out);
    return OK;
}

static enum err remove_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct change *c = arg;
    int64_t now_ms = ava_steady_ms();
    TRY(find(ctx, tx, c->id, c->out));
    TRY(destination_row_hide(ctx, tx, c->id, now_ms));
    TRY(forwarding_want(ctx, tx, c->out, now_ms)); /* its turn removes what is left of it */
    return audit(ctx, tx, "destination.remove", c->out);
}

enum err destination_remove(struct ctx *ctx, const char *id) {
    struct destination_row was;
    TRY(db_write(ctx, remove_write, &(struct change){ .id = id, .out = &was }));
    forwarding_wake(ctx);
    return OK;
}

static enum err rotate_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct change *c = arg;
    struct destination_row *d = c->out;
    SCOPED(secret_wipe) struct secret both = { 0 };
    TRY(find(ctx, tx, c->id, d));
    struct sealed_place place = destination_row_place(d);
    enum err e = vault_reveal(ctx, tx, &place, d->sealed, &both);
    if (e == ERR_STORAGE_UNAVAILABLE)
        return e;
    d->updated_ms = ava_wall_ms();
    d->former_until_ms = e == OK ? ava_steady_ms() + OVERLAP_MS : 0;
    d->version++;
    TRY(seal(ctx, tx, d, str_of(c->secret),
             e == OK ? secret_field(&both, "secret") : (struct str){ NULL, 0 }));
    TRY(destination_row_update(ctx, tx, d));
    TRY(audit(ctx, tx, "destination.rotate", d));
    return ctx_answer_in(ctx, tx);
}

enum err destination_rotate(struct ctx *ctx, const char *id, struct destination_row *out,
                            const char **secret) {
    struct change c = { .id = id, .out = out };
    *secret = c.secret = destination_secret_make(ctx->arena);
    TRY(db_write(ctx, rotate_write, &c));
    ctx_clear(ctx);
    destination_publish(ctx, out);
    return OK;
}

enum err destination_switch_off(struct ctx *ctx, struct db_conn *tx, struct destination_row *row,
                                const char *because) {
    set_enabled(row, false, because);
    row->updated_ms = ava_wall_ms();
    TRY(destination_row_update(ctx, tx, row));
    TRY(forwarding_want(ctx, tx, row, ava_steady_ms()));
    return audit(ctx, tx, "destination.disable", row);
}
