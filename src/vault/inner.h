/* inner: what vault.c and rotate.c share. */
#pragma once

#include <pthread.h>

#include "store/sealed.h"
#include "vault/vault.h"

enum {
    DEK_BYTES = 32,
    KCV_BYTES = 16,
    FIELD_HEAD_BYTES = 6,
    FIELD_MARK = 0xA1,
    FIELD_ALG_XCHACHA20POLY1305 = 1,
};

struct vault {
    struct keyring keys;
    char retired[512];      /* ids that are refused, each between blanks */
    struct dek_slot *cache; /* guarded memory */
    pthread_mutex_t lock;   /* guards retired and cache */
};

/* A fresh random DEK for the workspace, wrapped by the active KEK. */
void dek_make(struct ctx *ctx, struct vault *v, const char *workspace_id, int64_t dek_id,
              struct workspace_key *out);
/* Opens a wrapped DEK into dek, which the caller wipes. ERR_INTERNAL when it does not open, with
 * the reason counted. */
enum err dek_unwrap(struct ctx *ctx, struct vault *v, const struct workspace_key *row,
                    unsigned char dek[DEK_BYTES]);
/* Wraps the DEK by the active KEK, into row. */
void dek_wrap(struct ctx *ctx, struct vault *v, const unsigned char dek[DEK_BYTES],
              struct workspace_key *row);

enum err vault_seal_with(struct ctx *ctx, const struct sealed_place *place,
                         const unsigned char dek[DEK_BYTES], int64_t dek_id, struct str plain,
                         struct str *sealed);
