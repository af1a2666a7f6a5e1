#include "service/connections/endpoints.h"

#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/id.h"
#include "config/config.h"
#include "obs/log.h"
#include "service/connections/endpoint_known.h"
#include "store/audit.h"
#include "vault/vault.h"

enum { ENDPOINTS_MAX = 16, TOKEN_CHARS = 43 };
static const int64_t OVERLAP_MS = INT64_C(24) * 3600 * 1000;

/* The current address and how long a former one stays good; *found says whether there is one. */
static enum err find(struct ctx *ctx, struct db_conn *c, enum provider p, struct endpoint *out,
                     bool *found) {
    struct endpoint_row rows[ENDPOINTS_MAX];
    size_t count;
    TRY(endpoint_rows_list(ctx, c, ctx->who.workspace_id, ava_steady_ms(), rows, ENDPOINTS_MAX,
                           &count));
    *found = false;
    *out = (struct endpoint){ .provider = provider_name(p) };
    for (size_t i = 0; i < count; i++) {
        const struct endpoint_row *row = &rows[i];
        if (strcmp(row->provider, provider_name(p)) != 0)
            continue;
        if (row->last_received_ms > out->last_received_ms)
            out->last_received_ms = row->last_received_ms;
        if (row->valid_until_ms) {
            if (row->valid_until_ms > out->previous_valid_until_ms)
                out->previous_valid_until_ms = row->valid_until_ms;
            continue;
        }
        struct sealed_place place = endpoint_row_place(row);
        struct str token;
        TRY(vault_unseal(ctx, c, &place, row->sealed, &token));
        out->id = row->id;
        out->created_ms = row->created_ms;
        out->token = str_dup(ctx->arena, token);
        *found = true;
    }
    return OK;
}

static enum err insert(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                       enum provider p) {
    unsigned char raw[32];
    struct id id = id_make("whe");
    ava_rand(raw, sizeof raw);
    const char *token = base64url_encode(ctx->arena, raw, sizeof raw);
    struct endpoint_row row = { .id = arena_strdup(ctx->arena, id.text),
                                .workspace_id = workspace_id,
                                .provider = provider_name(p),
                                .created_ms = ava_wall_ms() };
    vault_token_hash(str_of(token), row.token_hash);
    struct sealed_place place = endpoint_row_place(&row);
    TRY(vault_seal(ctx, tx, &place, str_of(token), &row.sealed));
    return endpoint_row_insert(ctx, tx, &row);
}

struct making {
    enum provider provider;
    bool anew;
    struct endpoint *out;
};

static enum err make_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct making *m = arg;
    bool found;
    TRY(find(ctx, tx, m->provider, m->out, &found));
    if (found && !m->anew)
        return OK; /* somebody was quicker */
    if (found)
        TRY(endpoint_row_retire(ctx, tx, ctx->who.workspace_id, provider_name(m->provider),
                                ava_steady_ms() + OVERLAP_MS));
    TRY(insert(ctx, tx, ctx->who.workspace_id, m->provider));
    TRY(audit_write(
        ctx, tx,
        (struct audit_entry){ .action = "webhook.token", .object = provider_name(m->provider) }));
    TRY(find(ctx, tx, m->provider, m->out, &found));
    return m->anew ? ctx_answer_in(ctx, tx) : OK;
}

enum err endpoint_find(struct ctx *ctx, enum provider p, struct endpoint *out, bool *found) {
    return find(ctx, db_reader(ctx), p, out, found);
}

enum err endpoint_current(struct ctx *ctx, enum provider p, struct endpoint *out) {
    bool found;
    TRY(endpoint_find(ctx, p, out, &found));
    if (found)
        return OK;
    return db_write(ctx, make_write, &(struct making){ p, false, out });
}

enum err endpoint_rotate(struct ctx *ctx, enum provider p, struct endpoint *out) {
    TRY(db_write(ctx, make_write, &(struct making){ p, true, out }));
    endpoints_forget_all();
    return OK;
}

enum err endpoints_make(struct ctx *ctx, struct db_conn *tx, const char *workspace_id) {
    for (enum provider p = 0; p < PROVIDER_COUNT; p++)
        if (endpoint_addresses(p))
            TRY(insert(ctx, tx, workspace_id, p));
    return OK;
}

struct lacking {
    enum provider provider;
    const char *workspace_id;
};

static enum err complete_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct lacking *l = arg;
    bool lacks;
    TRY(endpoint_row_lacks(ctx, tx, l->workspace_id, provider_name(l->provider), &lacks));
    return lacks ? insert(ctx, tx, l->workspace_id, l->provider) : OK;
}

/* What cannot be sealed now (a master key that is retired) is tried again at the next start. */
static enum err complete(struct ctx *ctx, enum provider p) {
    const char *ids[64], *after = "";
    size_t count;
    do {
        TRY(endpoint_rows_lacking(ctx, db_reader(ctx), provider_name(p), after, ids, ARRAY_LEN(ids),
                                  &count));
        for (size_t i = 0; i < count; i++) {
            enum err e = db_write(ctx, complete_write, &(struct lacking){ p, ids[i] });
            if (e != OK)
                log_warn(ctx, "webhook address", L("workspace", ids[i]),
                         L("provider", provider_name(p)),
                         L("why", "the address for its webhooks could not be made"));
            ctx_clear(ctx);
        }
        after = count ? ids[count - 1] : "";
    } while (count == ARRAY_LEN(ids));
    return OK;
}

enum err endpoints_recover(struct ctx *ctx) {
    for (enum provider p = 0; p < PROVIDER_COUNT; p++)
        if (endpoint_addresses(p))
            TRY(complete(ctx, p));
    return OK;
}

static enum err end_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const char *provider = arg;
    TRY(endpoint_rows_delete_retired(ctx, tx, ctx->who.workspace_id, provider));
    if (!db_changes(tx))
        return OK;
    return audit_write(ctx, tx,
                       (struct audit_entry){ .action = "webhook.token_end", .object = provider });
}

enum err endpoint_end_former(struct ctx *ctx, enum provider p) {
    TRY(db_write(ctx, end_write, (void *)provider_name(p)));
    endpoints_forget_all();
    return OK;
}

enum err endpoint_by_token(struct ctx *ctx, struct str token, struct endpoint_row *found) {
    unsigned char hash[32];
    *found = (struct endpoint_row){ 0 };
    if (token.len != TOKEN_CHARS)
        return OK;
    vault_token_hash(token, hash);
    if (ctx->parts->whole) {
        TRY(endpoint_row_find(ctx, db_reader(ctx), hash,
                              found)); /* nothing to remember for others */
        memcpy(found->token_hash, hash, sizeof hash);
    } else if (!endpoint_recall(ctx, hash, found)) {
        uint64_t generation = endpoint_generation(hash);
        TRY(endpoint_row_find(ctx, db_reader(ctx), hash, found));
        memcpy(found->token_hash, hash, sizeof hash);
        if (found->id)
            endpoint_remember(found, generation);
    }
    if (found->id && found->valid_until_ms && found->valid_until_ms <= ava_steady_ms())
        *found = (struct endpoint_row){ 0 };
    return OK;
}

const struct dialect_webhook *endpoint_addresses(enum provider p) {
    return dialect_of(p)->webhooks;
}

/* Base URLs that are not https are of this machine: config refuses others. */
bool endpoint_is_out_of_reach(const struct ctx *ctx, enum provider p) {
    const struct config *config = ctx->parts->config;
    const struct dialect *d = dialect_of(p);
    const char *base = d->base_url ? d->base_url(config) : "";
    return strncmp(config->public_url, "https://", 8) != 0 && strncmp(base, "https://", 8) == 0;
}

/* The address with a query, and behind it how the provider is to try again. */
static const char *address(struct ctx *ctx, const struct endpoint *e, const char *kind,
                           const char *query) {
    const char *suffix = dialect_of(provider_parse(str_of(e->provider)))->callback_suffix;
    return arena_join(ctx->arena, ctx->parts->config->public_url, "/webhooks/", e->provider, "/",
                      e->token, kind ? "/" : "", kind ? kind : "", query, suffix ? suffix : "");
}

enum err endpoint_callback(struct ctx *ctx, enum provider p, const char *kind,
                           const char *operation_id, const char **url) {
    struct endpoint e;
    *url = NULL;
    if (endpoint_is_out_of_reach(ctx, p))
        return OK;
    TRY(endpoint_current(ctx, p, &e));
    *url = address(ctx, &e, kind, arena_join(ctx->arena, "?op=", operation_id));
    return OK;
}

const char *endpoint_url(struct ctx *ctx, const struct endpoint *e, const char *kind) {
    return address(ctx, e, kind, "");
}
