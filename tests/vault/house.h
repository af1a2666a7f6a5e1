/* house: a database with a workspace in it, and a vault over it. */
#pragma once

#include "base/encode.h"
#include "db/temp.h"
#include "store/people.h"
#include "store/sealed.h"
#include "vault/vault.h"

struct house {
    struct temp t;
};

/* Lines "k1:..., k2:..." with a key made of that byte. */
static inline const char *key_line(struct arena *a, const char *id, int byte) {
    unsigned char key[32];
    memset(key, byte, sizeof key);
    return arena_printf(a, "%s:%s\n", id, base64_encode(a, key, sizeof key));
}

static inline bool house_vault(struct house *h, const char *keys, const char **why) {
    struct keyring ring;
    if (!keyring_parse(&ring, str_of(keys), h->t.arena, why))
        return false;
    h->t.parts.vault = vault_open(&h->t.ctx, &ring, why);
    return h->t.parts.vault != NULL;
}

static inline enum err house_workspace(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return workspace_insert(
        ctx, tx, &(struct workspace){ .id = arg, .name = arg, .platform_providers = "" });
}

static inline void house_open(struct house *h) {
    const char *why = "";
    temp_open(&h->t);
    if (db_write(&h->t.ctx, house_workspace, (void *)"ws_a") != OK ||
        db_write(&h->t.ctx, house_workspace, (void *)"ws_b") != OK ||
        !house_vault(h, key_line(h->t.arena, "k1", 1), &why)) {
        fprintf(stderr, "# %s\n", why);
        abort();
    }
}

static inline void house_close(struct house *h) {
    vault_close(h->t.parts.vault);
    temp_close(&h->t);
}

/* Vault and database opened anew, as after a restart. */
static inline bool house_restart(struct house *h, const char *keys, const char **why) {
    vault_close(h->t.parts.vault);
    h->t.parts.vault = NULL;
    db_close(h->t.parts.db);
    return temp_reopen(&h->t) && house_vault(h, keys, why);
}

/* One sealed credential: workspace, id, text. */
struct house_row {
    const char *workspace_id, *id, *text;
    bool fails; /* after sealing */
    struct str sealed;
};

static inline enum err house_put_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct house_row *r = arg;
    struct sealed_place place = { "credentials", "sealed", r->workspace_id, r->id, 1 };
    TRY(vault_seal(ctx, tx, &place, str_of(r->text), &r->sealed));
    if (r->fails)
        return ctx_fail(ctx, ERR_STORAGE_UNAVAILABLE, "on purpose");
    return credential_row_put(ctx, tx,
                              &(struct credential_row){ .id = r->id,
                                                        .workspace_id = r->workspace_id,
                                                        .provider = r->id,
                                                        .public = "{}",
                                                        .version = 1,
                                                        .sealed = r->sealed });
}

static inline enum err house_put(struct house *h, const char *workspace, const char *id,
                                 const char *text) {
    return db_write(&h->t.ctx, house_put_write,
                    &(struct house_row){ workspace, id, text, false, { NULL, 0 } });
}

/* What is stored there, opened; NULL when it does not open. */
static inline const char *house_get(struct ctx *ctx, const char *workspace, const char *id) {
    struct credential_row row;
    struct str plain;
    struct db_conn *c = db_reader(ctx);
    if (credential_row_find(ctx, c, workspace, id, &row) != OK || !row.id)
        return NULL;
    struct sealed_place place = { "credentials", "sealed", workspace, id, row.version };
    if (vault_unseal(ctx, c, &place, row.sealed, &plain) != OK)
        return NULL;
    return str_dup(ctx->arena, plain);
}
