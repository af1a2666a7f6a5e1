/* devices: browsers that somebody signed in with, known by the hash of their cookie. */
#pragma once

#include "db/db.h"

enum { DEVICES_MAX = 20 }; /* of one person; who has more loses the one unused for longest */

/* Did this person sign in with it, and use it after since_ms? */
enum err device_row_find(struct ctx *ctx, struct db_conn *c, const unsigned char token_hash[32],
                         const char *email, int64_t since_ms, bool *found);
enum err device_row_put(struct ctx *ctx, struct db_conn *tx, const unsigned char token_hash[32],
                        const char *user_id, int64_t now_ms);
/* *found: it is this person's, and now used again. */
enum err device_row_touch(struct ctx *ctx, struct db_conn *tx, const unsigned char token_hash[32],
                          const char *user_id, int64_t now_ms, bool *found);
enum err device_rows_delete(struct ctx *ctx, struct db_conn *tx, const char *user_id);
/* Removes those last used before that. */
enum err device_rows_sweep(struct ctx *ctx, struct db_conn *tx, int64_t before_ms);
