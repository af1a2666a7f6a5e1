#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "db/pg.h"

struct pg_stmt *pg_stmt_new(struct postgres *db, const char *sql) {
    struct pg_stmt *q = memory_take(sizeof *q);
    memset(q, 0, offsetof(struct pg_stmt, values));
    memset(&q->bytes, 0, sizeof *q - offsetof(struct pg_stmt, bytes));
    q->base.kind = db->base.kind;
    q->db = db;
    q->sql = sql;
    q->row = -1;
    atomic_init(&q->holders, 1);
    return q;
}

void pg_stmt_free(struct pg_stmt *q) {
    pg_answer_fini(&q->answer);
    buf_fini(&q->bytes);
    free(q);
}

void pg_let_go(struct pg_stmt *q) {
    if (atomic_fetch_sub(&q->holders, 1) == 1)
        pg_stmt_free(q);
}

struct db_stmt *pg_use(struct db_conn *of, const char *sql) {
    struct pg_stmt *q = pg_stmt_new(postgres_of(of->db), sql);
    q->ctx = pg_side_of(of)->reader;
    if (!q->ctx)
        q->tx = pg_conn_of(of);
    q->began_us = ava_now_us();
    db_span_name(sql, q->name);
    return &q->base;
}

/* --- values ------------------------------------------------------------------------------------------ */

static void bind(struct pg_stmt *q, enum pg_type type, const void *bytes, int len) {
    assert(q->bound < PG_PARAMS_MAX);
    int i = q->bound++;
    q->types.bits[i / 32] |= (uint64_t)type << (2 * (i % 32));
    q->values[i].at = q->bytes.len;
    q->values[i].len = len;
    if (len > 0)
        buf_put(&q->bytes, bytes, (size_t)len);
}

void pg_bind_str(struct db_stmt *q, struct str s) {
    bind(pg_stmt_of(q), PG_TEXT, s.ptr, (int)s.len);
}

void pg_bind_i64(struct db_stmt *q, int64_t value) {
    unsigned char bytes[8]; /* big endian */
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)value >> (56 - 8 * i));
    bind(pg_stmt_of(q), PG_I64, bytes, sizeof bytes);
}

void pg_bind_blob(struct db_stmt *q, const void *bytes, size_t len) {
    bind(pg_stmt_of(q), PG_BLOB, bytes, (int)len);
}

void pg_bind_null(struct db_stmt *q, enum db_value type) {
    static const enum pg_type TYPES[] = {
        [DB_VALUE_ANY] = PG_UNKNOWN, [DB_VALUE_TEXT] = PG_TEXT, [DB_VALUE_BLOB] = PG_BLOB
    };
    bind(pg_stmt_of(q), TYPES[type], NULL, -1);
}
