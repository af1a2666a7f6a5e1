/* inner: what the sources of the vault share. vault.c seals and opens, masters.c keeps the master
 * keys (KEKs), rotate.c moves everything under newer keys. */
#pragma once

#include <pthread.h>

#include "base/buf.h"
#include "store/sealed.h"
#include "vault/vault.h"

enum {
    DEK_BYTES = 32,
    KCV_BYTES = WORKSPACE_KCV_BYTES,
    FIELD_HEAD_BYTES = 6,
    FIELD_MARK = 0xA1,
    FIELD_ALG_XCHACHA20POLY1305 = 1,
    CACHE_SLOTS = 1024,
};

struct dek_slot {
    char workspace_id[40];
    int64_t dek_id;
    bool binds;
    unsigned char key[DEK_BYTES];
};

/* The newest data key of a workspace, as the store had it at read_ms; 0: an empty slot. */
struct newest_slot {
    char workspace_id[40];
    int64_t dek_id, read_ms;
    unsigned char kcv[KCV_BYTES], key[DEK_BYTES];
};

struct vault {
    pthread_mutex_t lock; /* guards all that follows */
    struct keyring keys;
    char *retired;          /* ids that are refused, each between blanks; NULL: none */
    struct dek_slot *cache; /* guarded memory, CACHE_SLOTS */
    struct newest_slot *newest;
};

/* Counts and logs why something did not open; the caller of the vault learns only that. */
enum err vault_failed(struct ctx *ctx, const char *reason);

/* Appends a part with its length in front (4 bytes, big endian), so that no two lists of parts are
 * alike. */
void vault_aad_part(struct buf *b, struct str part);
void vault_aad_number(struct buf *b, int64_t n);

/* --- masters.c: copies, since a reload may exchange them; the caller wipes. */

void masters_active(struct vault *v, struct kek *out);
bool masters_find(struct vault *v, const char *id, struct kek *out, bool *is_retired);

/* The list of retired ids as the database has it, and whether it names one. */
enum err masters_retired(struct ctx *ctx, struct db_conn *c, struct str *list);
bool masters_has_id(struct str list, const char *id);

/* Adds all loaded KEKs but the active one to the list in the database. *list is the arena's. */
enum err masters_retire(struct ctx *ctx, struct db_conn *tx, struct vault *v, struct str *list);
/* Refuses these from now on: what the database says once that is committed. */
void masters_refuse(struct vault *v, struct str list);

/* --- vault.c: data keys. */

/* A fresh random DEK for the workspace, wrapped by the active KEK; refused when a rotation has retired
 * that. */
enum err dek_make(struct ctx *ctx, struct db_conn *tx, const char *workspace_id, int64_t dek_id,
                  struct workspace_key *out);
/* Opens a wrapped DEK into dek, which the caller wipes. ERR_INTERNAL when it does not open, with
 * the reason counted. */
enum err dek_unwrap(struct ctx *ctx, struct vault *v, const struct workspace_key *row,
                    unsigned char dek[DEK_BYTES]);
/* The same also under a retired KEK: for a rotation, which can only so be finished. */
enum err dek_unwrap_retired(struct ctx *ctx, struct vault *v, const struct workspace_key *row,
                            unsigned char dek[DEK_BYTES]);
/* Wraps the DEK by the active KEK, into row. */
void dek_wrap(struct ctx *ctx, struct vault *v, const unsigned char dek[DEK_BYTES],
              struct workspace_key *row);
