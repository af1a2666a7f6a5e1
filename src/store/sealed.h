/* sealed: rows whose content is ciphertext: workspace keys, credentials, webhook
 * addresses. Sealing and opening is vault's; here they are bytes. */
#pragma once

#include "db/db.h"

/* Where a sealed value stands, and which of the row's values it is. Both are authenticated with the value,
 * so that a blob that was moved or put back does not open; so each table says it once, in its ..._place
 * function, and nobody spells it out. version: a number of the row that is another one with each value;
 * it is set before the value is sealed, and never without that. 0: the row has one value only. */
struct sealed_place {
    const char *table, *column, *workspace_id, *row_id;
    int64_t version;
};

enum { WORKSPACE_KCV_BYTES = 16 }; /* of a data key's check value */

struct workspace_key {
    const char *workspace_id, *kek_id;
    int64_t dek_id;  /* 1.. ; the highest is the one new fields are sealed with */
    int64_t left_ms; /* since when nothing is under it; 0: nobody has looked */
    struct str wrapped, kcv;
    bool binds; /* the version is part of what is authenticated under it */
};

/* dek_id 0 asks for the newest. Found when kek_id is not NULL. */
enum err workspace_key_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            int64_t dek_id, struct workspace_key *found);
enum err workspace_key_insert(struct ctx *ctx, struct db_conn *tx, const struct workspace_key *k);
enum err workspace_key_rewrap(struct ctx *ctx, struct db_conn *tx, const struct workspace_key *k);
enum err workspace_key_leave(struct ctx *ctx, struct db_conn *tx, const struct workspace_key *k,
                             int64_t now_ms);
enum err workspace_key_delete(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                              int64_t dek_id);
/* Up to limit keys not wrapped by kek_id. */
enum err workspace_keys_not_under(struct ctx *ctx, struct db_conn *c, const char *kek_id, int limit,
                                  struct workspace_key *out, size_t *count);
/* The KEKs in use. */
struct workspace_keks {
    const char *kek_id;
    int64_t workspaces; /* that have a key under it */
};
enum err workspace_keks_in_use(struct ctx *ctx, struct db_conn *c, struct workspace_keks *out,
                               size_t room, size_t *count);
/* The first workspace after that id that has keys; NULL at the end. */
enum err workspace_key_next(struct ctx *ctx, struct db_conn *c, const char *after,
                            const char **out);
enum err workspace_keys_count(struct ctx *ctx, struct db_conn *c, int64_t *out);

struct credential_row {
    const char *id, *workspace_id, *provider, *public; /* public: JSON of what may be shown */
    int64_t version, checked_ms, created_ms, updated_ms;
    struct str sealed;
};

struct sealed_place credential_row_place(const struct credential_row *row);
enum err credential_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                             const char *provider, struct credential_row *found);
enum err credential_row_put(struct ctx *ctx, struct db_conn *tx, const struct credential_row *row);
enum err credential_row_delete(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                               const char *provider, bool *found);
enum err credential_row_checked(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                                const char *provider, int64_t at_ms);

struct endpoint_row {
    const char *id, *workspace_id, *provider;
    int64_t created_ms, valid_until_ms, last_received_ms; /* valid_until 0: the current one */
    int64_t refused, refused_ms; /* since the last good one: how many, and when the last of them */
    struct str sealed;
    unsigned char token_hash[32];
};

struct sealed_place endpoint_row_place(const struct endpoint_row *row);
enum err endpoint_row_find(struct ctx *ctx, struct db_conn *c, const unsigned char token_hash[32],
                           struct endpoint_row *found);
/* The current ones first, then still valid former ones; each newest first. */
enum err endpoint_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            int64_t now_ms, struct endpoint_row *out, size_t room, size_t *count);
/* Has the workspace no current one for the provider? And the ids of workspaces that have none. */
enum err endpoint_row_lacks(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                            const char *provider, bool *lacks);
enum err endpoint_rows_lacking(struct ctx *ctx, struct db_conn *c, const char *provider,
                               const char *after_id, const char **out, size_t room, size_t *count);
enum err endpoint_row_insert(struct ctx *ctx, struct db_conn *tx, const struct endpoint_row *row);
enum err endpoint_row_retire(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                             const char *provider, int64_t valid_until_ms);
/* Those that were retired; db_changes says how many. */
enum err endpoint_rows_delete_retired(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                                      const char *provider);
/* A good webhook came; or one was refused, which is noted unless one was so shortly before. */
enum err endpoint_row_touch(struct ctx *ctx, struct db_conn *tx, const char *id, int64_t at_ms);
enum err endpoint_row_refuse(struct ctx *ctx, struct db_conn *tx, const char *id, int64_t at_ms,
                             int64_t every_ms);

/* Sealed fields under an old DEK, table by table, for rotation. */
struct sealed_field {
    const char *workspace_id, *table, *row_id;
    int64_t version;
    struct str sealed;
};
struct sealed_place sealed_field_place(const struct sealed_field *f);
enum err sealed_under(struct ctx *ctx, struct db_conn *c, const char *workspace_id, int64_t dek_id,
                      int limit, struct sealed_field *out, size_t *count);
enum err sealed_replace(struct ctx *ctx, struct db_conn *tx, const struct sealed_field *f,
                        struct str old);

enum err meta_any(struct ctx *ctx, struct db_conn *c, const char *prefix, bool *found);
enum err meta_get(struct ctx *ctx, struct db_conn *c, const char *name, struct str *out);
enum err meta_put(struct ctx *ctx, struct db_conn *tx, const char *name, struct str value);
/* The same where there is none of this name; else the one that is there stays. */
enum err meta_keep(struct ctx *ctx, struct db_conn *tx, const char *name, struct str value);
