#include "db/db.h"

#include "db/kind.h"

void db_close(struct db *db) {
    if (db)
        db->kind->close(db);
}

struct db_conn *db_reader(struct ctx *ctx) {
    return ctx->parts->db->kind->reader(ctx);
}

void db_reader_open(struct db *db) {
    db->kind->reader_open(db);
}

enum err db_write_as(struct ctx *ctx, const char *name, enum db_alone alone, db_fn *fn, void *arg) {
    return ctx->parts->db->kind->write(ctx, name, alone, fn, arg);
}

enum err db_append_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct db_append *a = arg;
    TRY(a->fn(ctx, tx, a->arg));
    a->rows = db_changes(tx);
    return OK;
}

enum err db_append_as(struct ctx *ctx, const char *name, db_fn *fn, void *arg, struct str order,
                      int64_t *rows) {
    const struct db_kind *kind = ctx->parts->db->kind;
    struct db_append a = { fn, arg, 0 };
    TRY(kind->append ? kind->append(ctx, name, &a, order)
                     : kind->write(ctx, name, DB_BESIDE, db_append_write, &a));
    *rows = a.rows;
    return OK;
}

enum err db_lock(struct ctx *ctx, struct db_conn *tx, const char *name) {
    return tx->db->kind->lock ? tx->db->kind->lock(ctx, tx, name) : OK;
}

enum err db_write_steps(struct ctx *ctx, db_step_fn *fn, void *arg, int64_t within_ms,
                        bool *is_done) {
    return ctx->parts->db->kind->write_steps(ctx, fn, arg, within_ms, false, is_done);
}

enum err db_write_steps_gently(struct ctx *ctx, db_step_fn *fn, void *arg, int64_t within_ms,
                               bool *is_done) {
    return ctx->parts->db->kind->write_steps(ctx, fn, arg, within_ms, true, is_done);
}

bool db_mirror(struct db *db, const char *to, const atomic_bool *gives_up, struct arena *a,
               const char **why) {
    return db->kind->mirror(db, to, gives_up, a, why);
}

/* --- statements ------------------------------------------------------------------------------ */

struct db_stmt *db_use(struct db_conn *c, const char *sql) {
    return c->db->kind->use(c, sql);
}

void db_bind_text(struct db_stmt *q, const char *text) {
    if (text)
        q->kind->bind_str(q, str_of(text));
    else
        q->kind->bind_null(q, DB_VALUE_TEXT);
}

void db_bind_str(struct db_stmt *q, struct str text) {
    q->kind->bind_str(q, text);
}

void db_bind_i64(struct db_stmt *q, int64_t value) {
    q->kind->bind_i64(q, value);
}

void db_bind_blob(struct db_stmt *q, const void *bytes, size_t len) {
    q->kind->bind_blob(q, bytes, len);
}

void db_bind_null(struct db_stmt *q) {
    q->kind->bind_null(q, DB_VALUE_ANY);
}

void db_bind_null_blob(struct db_stmt *q) {
    q->kind->bind_null(q, DB_VALUE_BLOB);
}

bool db_next(struct db_stmt *q) {
    return q->kind->next(q);
}

bool db_is_null(struct db_stmt *q) {
    return q->kind->is_null(q);
}

const char *db_text(struct db_stmt *q, struct arena *a) {
    return q->kind->text(q, a);
}

int64_t db_i64(struct db_stmt *q) {
    return q->kind->i64(q);
}

struct str db_blob(struct db_stmt *q, struct arena *a) {
    return q->kind->blob(q, a);
}

void db_copy(struct db_stmt *q, char *to, size_t room) {
    q->kind->copy(q, to, room);
}

enum err db_done(struct ctx *ctx, struct db_stmt *q) {
    return q->kind->done(ctx, q);
}

enum err db_run(struct ctx *ctx, struct db_stmt *q) {
    return q->kind->run(ctx, q);
}

int64_t db_changes(struct db_conn *tx) {
    return tx->db->kind->changes(tx);
}

/* --- what is known of it ----------------------------------------------------------------------- */

enum err db_claim(struct ctx *ctx, const char *run_id) {
    return ctx->parts->db->kind->claim(ctx, run_id);
}

bool db_is_shared(struct db *db) {
    return db->kind->is_shared;
}

bool db_is_fenced(struct db *db) {
    return db->kind->is_fenced(db);
}

bool db_is_up(struct db *db) {
    return db->kind->is_up(db);
}

enum err db_write_probe(struct ctx *ctx, int64_t max_age_ms) {
    return ctx->parts->db->kind->write_probe(ctx, max_age_ms);
}

int64_t db_commit_age_ms(struct db *db) {
    return db->kind->commit_age_ms(db);
}

int64_t db_file_bytes(struct db *db) {
    return db->kind->file_bytes(db);
}

int64_t db_wal_bytes(struct db *db) {
    return db->kind->wal_bytes(db);
}

int db_schema_version(struct db *db) {
    return db->kind->schema_version(db);
}

const char *db_system(struct db *db) {
    return db->kind->system;
}

const char *db_about(struct db *db, struct arena *a) {
    return db->kind->about(db, a);
}

bool db_place(struct db *db, struct db_place *out) {
    return db->kind->place && db->kind->place(db, out);
}

void db_hash(struct db_conn *c, unsigned char out[32], struct str bytes) {
    c->db->hash(out, bytes);
}
