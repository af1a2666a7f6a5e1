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

static void begin_value(struct pg_stmt *q, enum pg_type type, int len) {
    assert(q->bound < PG_PARAMS_MAX);
    int i = q->bound++;
    q->types.bits[i / 32] |= (uint64_t)type << (2 * (i % 32));
    q->values[i].at = q->bytes.len;
    q->values[i].len = len;
}

static void bind(struct pg_stmt *q, enum pg_type type, const void *bytes, int len) {
    begin_value(q, type, len);
    if (len > 0)
        buf_put(&q->bytes, bytes, (size_t)len);
}

/* PostgreSQL holds no text with a NUL, or that is no UTF-8: what is looked for by such a one is not there, and nothing that
 * somebody sends may be an error of ours. */
static void bind_cleaned(struct pg_stmt *q, struct str s) {
    static const char REPLACED[] = "\xEF\xBF\xBD"; /* U+FFFD */
    size_t before = q->bytes.len;
    begin_value(q, PG_TEXT, 0);
    for (size_t step; s.len; s.ptr += step, s.len -= step) {
        bool is_whole;
        step = str_utf8_step(s.ptr, s.len, &is_whole);
        if (is_whole && *s.ptr)
            buf_put(&q->bytes, s.ptr, step);
        else
            buf_text(&q->bytes, REPLACED);
    }
    q->values[q->bound - 1].len = (int)(q->bytes.len - before);
}

void pg_bind_str(struct db_stmt *use, struct str s) {
    struct pg_stmt *q = pg_stmt_of(use);
    if (s.len && (str_has_nul(s) || !str_is_utf8(s)))
        bind_cleaned(q, s);
    else
        bind(q, PG_TEXT, s.ptr, (int)s.len);
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
