#include "store/devices.h"

#include "store/people.h"

enum err device_row_find(struct ctx *ctx, struct db_conn *c, const unsigned char token_hash[32],
                         const char *email, int64_t since_ms, bool *found) {
    struct db_stmt *q = db_use(c, "SELECT 1 FROM devices d JOIN users u ON u.id = d.user_id"
                                  " WHERE d.token_hash = ? AND u.email_key = ? AND d.used_at > ?");
    db_bind_blob(q, token_hash, 32);
    db_bind_text(q, user_email_key(ctx, email));
    db_bind_i64(q, since_ms);
    *found = db_next(q);
    return db_done(ctx, q);
}

enum err device_row_put(struct ctx *ctx, struct db_conn *tx, const unsigned char token_hash[32],
                        const char *user_id, int64_t now_ms) {
    struct db_stmt *q =
        db_use(tx, "INSERT INTO devices (token_hash, user_id, used_at) VALUES (?, ?, ?)");
    db_bind_blob(q, token_hash, 32);
    db_bind_text(q, user_id);
    db_bind_i64(q, now_ms);
    TRY(db_run(ctx, q));
    q = db_use(tx, "DELETE FROM devices WHERE token_hash IN (SELECT token_hash FROM devices"
                   " WHERE user_id = ? ORDER BY used_at DESC LIMIT 1000000 OFFSET ?)");
    db_bind_text(q, user_id);
    db_bind_i64(q, DEVICES_MAX);
    return db_run(ctx, q);
}

enum err device_row_touch(struct ctx *ctx, struct db_conn *tx, const unsigned char token_hash[32],
                          const char *user_id, int64_t now_ms, bool *found) {
    struct db_stmt *q =
        db_use(tx, "UPDATE devices SET used_at = ? WHERE token_hash = ? AND user_id = ?");
    db_bind_i64(q, now_ms);
    db_bind_blob(q, token_hash, 32);
    db_bind_text(q, user_id);
    TRY(db_run(ctx, q));
    *found = db_changes(tx) > 0;
    return OK;
}

enum err device_rows_delete(struct ctx *ctx, struct db_conn *tx, const char *user_id) {
    struct db_stmt *q = db_use(tx, "DELETE FROM devices WHERE user_id = ?");
    db_bind_text(q, user_id);
    return db_run(ctx, q);
}

enum err device_rows_sweep(struct ctx *ctx, struct db_conn *tx, int64_t before_ms) {
    struct db_stmt *q = db_use(tx, "DELETE FROM devices WHERE used_at < ?");
    db_bind_i64(q, before_ms);
    return db_run(ctx, q);
}
