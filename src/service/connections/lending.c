#include "service/connections/lending.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/sift.h"
#include "config/config.h"
#include "store/audit.h"
#include "store/people.h"
#include "store/sealed.h"
#include "vault/vault.h"

/* The workspace's own: the source is its sealed fields. */
static enum err reveal_own(struct ctx *ctx, const struct upstream_credential *c,
                           struct secret *out) {
    struct credential_row row = { .workspace_id = c->workspace_id,
                                  .id = c->id,
                                  .version = c->version };
    struct sealed_place place = credential_row_place(&row);
    return vault_reveal(ctx, db_reader(ctx), &place, c->source, out);
}

enum { LENDING_SLOTS = 1024, LENT_FOR_MS = 1000 };

/* The texts of an account and their names in the row, so that all are copied alike. */
static const struct {
    const char *name;
    size_t at;
} TEXTS[] = {
    { "assistant_id", offsetof(struct dialect_account, assistant_id) },
    { "default_number_id", offsetof(struct dialect_account, number_id) },
    { "account_sid", offsetof(struct dialect_account, account_sid) },
    { "client_id", offsetof(struct dialect_account, client_id) },
    { "from", offsetof(struct dialect_account, from) },
    { "host", offsetof(struct dialect_account, host) },
    { "security", offsetof(struct dialect_account, security) },
    { "username", offsetof(struct dialect_account, username) },
};

static const char **text_at(struct dialect_account *account, size_t i) {
    return (void *)((char *)account + TEXTS[i].at);
}

static const char *text_of(const struct dialect_account *account, size_t i) {
    const char *text = *text_at((struct dialect_account *)account, i);
    return text ? text : "";
}

struct lent_slot {
    char workspace_id[40], id[48], texts[ARRAY_LEN(TEXTS)][321];
    char source[1024]; /* sealed; a longer one is not kept */
    enum provider provider;
    int64_t until_ms;
    struct lent lent; /* its texts are the ones above */
};

/* The operator's own credential at one provider. */
struct platform {
    int64_t version;
    struct secret secret, webhook_secret;
    struct dialect_account account; /* its texts are its own */
};

struct lending {
    bool platform_for_all;
    atomic_bool has_platform;
    pthread_mutex_t lock;
    uint64_t generation; /* raised by every change */
    struct platform platforms[PROVIDER_COUNT];
    struct lent_slot slots[LENDING_SLOTS];
};

/* The source names the provider. */
static enum err reveal_platform(struct ctx *ctx, const struct upstream_credential *c,
                                struct secret *out) {
    struct lending *l = ctx->parts->lending;
    enum provider which = provider_parse(c->source);
    pthread_mutex_lock(&l->lock);
    const struct platform *p = &l->platforms[which];
    if (p->account.account_sid[0])
        secret_field_add(out, STR("account_sid"), str_of(p->account.account_sid));
    secret_field_add(out, str_of(dialect_of(which)->key_field), secret_reveal(&p->secret));
    if (secret_is_set(&p->webhook_secret))
        secret_field_add(out, STR("webhook_secret"), secret_reveal(&p->webhook_secret));
    pthread_mutex_unlock(&l->lock);
    return OK;
}

/* The operator's key serves workspaces it was allowed for, or the only one there is. */
static enum err may_use_platform(struct ctx *ctx, const char *workspace_id, enum provider p,
                                 bool *may, bool *is_shared) {
    struct lending *l = ctx->parts->lending;
    struct workspace w;
    int64_t count = 0;
    *is_shared = false;
    pthread_mutex_lock(&l->lock);
    *may = secret_is_set(&l->platforms[p].secret);
    pthread_mutex_unlock(&l->lock);
    if (!*may)
        return OK;
    if (l->platform_for_all) {
        /* Whoever connected something and took it away again wants it away. */
        bool had;
        TRY(audit_has(ctx, db_reader(ctx), workspace_id, "credential.add", provider_name(p), &had));
        *may = !had;
        return OK;
    }
    TRY(workspace_find(ctx, db_reader(ctx), workspace_id, NULL, &w));
    TRY(workspaces_count(ctx, db_reader(ctx), &count));
    *is_shared = count != 1;
    *may = count == 1 || (w.id && strstr(w.platform_providers, provider_name(p)));
    return OK;
}

/* The platform's credential, for calls of that workspace. */
static void lend_platform(struct ctx *ctx, const char *workspace_id, enum provider p,
                          struct lent *out) {
    struct lending *l = ctx->parts->lending;
    const struct platform *from = &l->platforms[p];
    *out = (struct lent){ .ref = { .id = arena_join(ctx->arena, "platform-", provider_name(p)),
                                   .workspace_id = arena_strdup(ctx->arena, workspace_id),
                                   .is_platform = true,
                                   .reveal = reveal_platform,
                                   .source = str_of(provider_name(p)) } };
    pthread_mutex_lock(&l->lock);
    out->ref.version = from->version;
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++)
        *text_at(&out->account, i) = arena_strdup(ctx->arena, text_of(&from->account, i));
    pthread_mutex_unlock(&l->lock);
}

bool lending_client(struct ctx *ctx, enum provider p, struct lent *out) {
    struct lending *l = ctx->parts->lending;
    pthread_mutex_lock(&l->lock);
    bool is_set = secret_is_set(&l->platforms[p].secret);
    pthread_mutex_unlock(&l->lock);
    if (is_set)
        lend_platform(ctx, ctx->who.workspace_id, p, out);
    return is_set;
}

struct dialect_account lending_account(const json_t *fields) {
    struct dialect_account account = { .from = NULL };
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++)
        *text_at(&account, i) = json_text(fields, TEXTS[i].name);
    account.port = (int)json_integer_value(json_object_get(fields, "port"));
    account.is_fallback = json_is_true(json_object_get(fields, "fallback"));
    return account;
}

/* The credential from the rows, or the platform's; ERR_NOT_CONNECTED. */
static enum err find_lendable(struct ctx *ctx, const char *workspace_id, enum provider p,
                              struct lent *out) {
    struct credential_row row;
    bool platform, is_shared;
    TRY(credential_row_find(ctx, db_reader(ctx), workspace_id, provider_name(p), &row));
    if (row.id) {
        json_t *public = sift_own(ctx->arena, str_of(row.public));
        const char *tail = json_text(json_object_get(public, "last4"), dialect_of(p)->key_field);
        *out = (struct lent){ .ref = { .id = row.id,
                                       .version = row.version,
                                       .workspace_id = row.workspace_id,
                                       .reveal = reveal_own,
                                       .source = row.sealed },
                              .account = lending_account(public) };
        str_copy(out->ref.last4, sizeof out->ref.last4, str_of(tail ? tail : ""));
        return OK;
    }
    TRY(may_use_platform(ctx, workspace_id, p, &platform, &is_shared));
    if (!platform) {
        ctx->problem.service = provider_name(p);
        return ctx_fail(ctx, ERR_NOT_CONNECTED,
                        "%s is not connected; connect it once under Connections.",
                        provider_title(p));
    }
    lend_platform(ctx, workspace_id, p, out);
    out->is_shared = is_shared;
    return OK;
}

struct lending *lending_new(bool platform_for_all) {
    struct lending *l = memory_zeroed(1, sizeof *l);
    l->platform_for_all = platform_for_all;
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

static void platform_drop(struct platform *p) {
    secret_wipe(&p->secret);
    secret_wipe(&p->webhook_secret);
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++)
        free((char *)*text_at(&p->account, i));
}

/* Always a new version: what is remembered under an older one is asked for anew. */
static void platform_set(struct platform *p, const struct dialect_platform *now) {
    struct platform next = { .version = p->version + 1 };
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++)
        *text_at(&next.account, i) = memory_copy(text_of(&now->account, i));
    secret_set(&next.secret, secret_reveal(now->key));
    if (now->webhook_secret)
        secret_set(&next.webhook_secret, secret_reveal(now->webhook_secret));
    platform_drop(p);
    *p = next;
    secret_wipe(&next.secret);
    secret_wipe(&next.webhook_secret);
}

bool lending_has_platform(const struct lending *l) {
    return l && atomic_load(&l->has_platform);
}

void lending_set_platform(struct lending *l, const struct config *c) {
    bool has = false;
    pthread_mutex_lock(&l->lock);
    for (enum provider p = 0; p < PROVIDER_COUNT; p++) {
        struct dialect_platform now;
        if (!dialect_of(p)->platform)
            continue;
        dialect_of(p)->platform(c, &now);
        platform_set(&l->platforms[p], &now);
        has |= secret_is_set(&l->platforms[p].secret);
    }
    atomic_store(&l->has_platform, has);
    l->generation++;
    for (size_t i = 0; i < LENDING_SLOTS; i++)
        l->slots[i].until_ms = 0;
    pthread_mutex_unlock(&l->lock);
}

void lending_free(struct lending *l) {
    if (!l)
        return;
    for (enum provider p = 0; p < PROVIDER_COUNT; p++)
        platform_drop(&l->platforms[p]);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static struct lent_slot *slot_of(struct lending *l, const char *workspace_id, enum provider p) {
    uint64_t h = 1469598103934665603u ^ (uint64_t)p;
    for (const char *c = workspace_id; *c; c++)
        h = (h ^ (unsigned char)*c) * 1099511628211u;
    return &l->slots[(h ^ h >> 29) % LENDING_SLOTS];
}

/* The remembered credential, copied into the arena; false when there is none or its second is
 * over. */
static bool recall(struct ctx *ctx, const char *workspace_id, enum provider p, struct lent *out,
                   uint64_t *generation) {
    struct lending *l = ctx->parts->lending;
    pthread_mutex_lock(&l->lock);
    const struct lent_slot *s = slot_of(l, workspace_id, p);
    bool hit = s->provider == p && s->until_ms > ava_now_ms() &&
               strcmp(s->workspace_id, workspace_id) == 0;
    *generation = l->generation;
    if (hit) {
        *out = s->lent;
        out->ref.id = arena_strdup(ctx->arena, s->id);
        out->ref.workspace_id = arena_strdup(ctx->arena, s->workspace_id);
        for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++)
            *text_at(&out->account, i) = arena_strdup(ctx->arena, s->texts[i]);
        out->ref.source.ptr = arena_copy(ctx->arena, s->source, s->lent.ref.source.len);
    }
    pthread_mutex_unlock(&l->lock);
    return hit;
}

/* generation: as it was before the rows were read, so that a change in between wins. */
static void remember(struct ctx *ctx, const char *workspace_id, enum provider p,
                     const struct lent *lent, uint64_t generation) {
    struct lending *l = ctx->parts->lending;
    bool fits = true;
    pthread_mutex_lock(&l->lock);
    struct lent_slot *s = slot_of(l, workspace_id, p);
    s->until_ms = 0;
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++)
        fits =
            str_copy(s->texts[i], sizeof s->texts[i], str_of(text_of(&lent->account, i))) && fits;
    if (fits && generation == l->generation && lent->ref.source.len <= sizeof s->source &&
        str_copy(s->workspace_id, sizeof s->workspace_id, str_of(workspace_id)) &&
        str_copy(s->id, sizeof s->id, str_of(lent->ref.id))) {
        memcpy(s->source, lent->ref.source.ptr, lent->ref.source.len);
        s->provider = p;
        s->lent = *lent;
        s->until_ms = ava_now_ms() + LENT_FOR_MS;
    }
    pthread_mutex_unlock(&l->lock);
}

void lending_forget(struct ctx *ctx, enum provider p) {
    struct lending *l = ctx->parts->lending;
    pthread_mutex_lock(&l->lock);
    l->generation++;
    slot_of(l, ctx->who.workspace_id, p)->until_ms = 0;
    pthread_mutex_unlock(&l->lock);
}

/* From memory, or from the rows. */
static enum err lend_for(struct ctx *ctx, const char *workspace_id, enum provider p,
                         struct lent *out) {
    uint64_t generation;
    if (recall(ctx, workspace_id, p, out, &generation))
        return OK;
    TRY(find_lendable(ctx, workspace_id, p, out));
    remember(ctx, workspace_id, p, out, generation);
    return OK;
}

enum err lending_find(struct ctx *ctx, enum provider p, struct lent *out) {
    return lend_for(ctx, ctx->who.workspace_id, p, out);
}

enum err lent_owns_numbers(struct ctx *ctx, const struct lent *lent) {
    if (!lent->is_shared)
        return OK;
    return ctx_fail(ctx, ERR_NOT_FOUND,
                    "The operator's Twilio account serves others too, and its numbers are not this "
                    "workspace's; connect a Twilio account of its own.");
}

enum err lending_reveal(struct ctx *ctx, const char *workspace_id, enum provider p,
                        struct secret *fields) {
    struct lent lent;
    TRY(lend_for(ctx, workspace_id, p, &lent));
    return lent.ref.reveal(ctx, &lent.ref, fields);
}
