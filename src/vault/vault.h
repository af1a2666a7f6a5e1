/* vault: sealed fields, and the one place where a workspace's secret becomes plain again.
 *
 * Every workspace has data keys (DEKs) of its own, wrapped by a KEK of the keyring. A field blob is
 *     0xA1 | alg(1) | dek_id(u32, big endian) | nonce(24) | ciphertext | tag(16)
 * and bound to its place and its version: table, column, workspace, row and which of the row's values
 * it is are part of what is authenticated, so a blob that was moved does not open, nor an older one that
 * was put back. (Under data keys of older Avas versions are not bound: workspace_keys.binds. Each such
 * workspace gets a new one with the next field it seals; vault_rotate brings the rest under it.) Every failure to open looks the same to the caller and is
 * counted by reason in crypto_failures_total. RESILIENCE 13. */
#pragma once

#include "base/secret.h"
#include "obs/ctx.h"
#include "store/sealed.h"
#include "vault/keyring.h"

struct vault;

/* Takes over the keyring. Checks the canary of every known key, that every key in use is loaded and
 * the active one not retired; NULL and *why (for exit 78) when not, and then nothing was changed.
 * ctx->parts->db must be open. */
struct vault *vault_open(struct ctx *ctx, struct keyring *keys, const char **why);
void vault_close(struct vault *v); /* wipes */
bool vault_is_ready(const struct vault *v);

/* Other master keys while it is open. First they are judged as vault_open does; then, inside a write,
 * they are taken over. There it is judged once more what is in use: nothing is sealed between that
 * and the exchange, since sealing is a write too. False and *why: the old ones stay. Taken keys are in
 * force even if the write is not committed: all that is stored opens with them. */
bool vault_judge_keys(struct ctx *ctx, struct keyring *keys, const char **why);
bool vault_take_keys(struct ctx *ctx, struct db_conn *tx, struct keyring *keys, const char **why);

/* Refuses from now on what another process has retired since. */
enum err vault_look(struct ctx *ctx);

/* Are these, in their order, the ones that are loaded? */
bool vault_has_keys(struct vault *v, const struct keyring *keys);
bool vault_key_id(struct vault *v, size_t i, char id[KEK_ID_BYTES]); /* false past the end */
void vault_active_key_id(struct vault *v, char id[KEK_ID_BYTES]);

struct vault_state {
    char active_id[KEK_ID_BYTES];
    int64_t
        workspaces;  /* with data keys; one that has some under two master keys counts for each */
    int64_t behind;  /* workspaces with a data key under another master key than the active one */
    int64_t refused; /* of these, under a retired one: nothing of theirs opens before a rotation */
};
enum err vault_state(struct ctx *ctx, struct vault_state *out);

/* Seals with the newest DEK. Only inside a write, so that a key being rotated away is never the
 * one a new field depends on; a workspace's first field makes its first DEK. The result is the
 * arena's. */
enum err vault_seal(struct ctx *ctx, struct db_conn *tx, const struct sealed_place *place,
                    struct str plain, struct str *sealed);

/* A value that was sealed before its write, under the data key that was the newest a moment ago. What writes it sees in
 * the same statement that it still is (the last of workspace_keys has this kcv), or writes nothing. Where another write
 * makes a newer key in that very moment, PostgreSQL may let both be: it opens all the same, and the next rotation that
 * makes new data keys brings it along. */
struct vault_ahead {
    struct str
        sealed; /* the arena's; NULL ptr: there is no key for it yet, only vault_seal makes one */
    unsigned char kcv[WORKSPACE_KCV_BYTES];
};
enum err vault_seal_ahead(struct ctx *ctx, const struct sealed_place *place, struct str plain,
                          struct vault_ahead *out);

/* Opens into a secret (credentials, tokens), or into the arena (bodies of events and texts). */
enum err vault_reveal(struct ctx *ctx, struct db_conn *c, const struct sealed_place *place,
                      struct str sealed, struct secret *out);
enum err vault_unseal(struct ctx *ctx, struct db_conn *c, const struct sealed_place *place,
                      struct str sealed, struct str *out);

/* What is stored of a token that is only ever looked up: BLAKE2b-256. */
void vault_token_hash(struct str token, unsigned char out[32]);
/* What people can compare a file by: SHA-256. */
void vault_file_hash(unsigned char out[32], struct str bytes);

/* Wipes what is cached of a workspace's data keys, so that they are read from the store again. */
void vault_forget(struct vault *v, const char *workspace_id);

struct vault_rotation {
    int64_t rewrapped, resealed, retired; /* DEKs wrapped anew, fields sealed anew, DEKs removed */
};

/* Wraps every DEK by the active KEK, and with new_data_keys also gives each workspace a new DEK
 * and seals its fields anew. In small transactions: readers never fail, and a run that was cut
 * short goes on where it stopped when run again. All other loaded keys are refused from then on, which
 * the transaction says that finds nothing left under them. Every server of this data must have loaded
 * the active key before. */
enum err vault_rotate(struct ctx *ctx, bool new_data_keys, struct vault_rotation *out);
