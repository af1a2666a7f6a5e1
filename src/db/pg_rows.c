#include <stdlib.h>

#include "base/clock.h"
#include "db/pg.h"
#include "obs/metrics.h"

enum { OID_BOOL = 16, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23 };

/* Asks for the rows, once. */
static void ask(struct pg_stmt *q) {
    q->is_asked = true;
    if (!q->tx) {
        pg_ask(q);
        return;
    }
    pg_send(q->tx, q, &q->answer);
    pg_collect(q->tx);
}

bool pg_next(struct db_stmt *use) {
    struct pg_stmt *q = pg_stmt_of(use);
    if (!q->is_asked)
        ask(q);
    q->column = 0;
    if (q->row + 1 >= q->answer.rows)
        return false;
    q->row++;
    return true;
}

bool pg_is_null(struct db_stmt *use) {
    struct pg_stmt *q = pg_stmt_of(use);
    return pq.getisnull(q->answer.result, q->row, q->column);
}

/* The next column; false for NULL. */
static bool take(struct pg_stmt *q, Oid *type, struct str *bytes) {
    int i = q->column++;
    if (pq.getisnull(q->answer.result, q->row, i))
        return false;
    *type = pq.ftype(q->answer.result, i);
    *bytes = (struct str){ pq.getvalue(q->answer.result, q->row, i),
                           (size_t)pq.getlength(q->answer.result, q->row, i) };
    return true;
}

static bool is_integer(Oid type) {
    return type == OID_INT8 || type == OID_INT4 || type == OID_INT2 || type == OID_BOOL;
}

int64_t pg_i64(struct db_stmt *use) {
    Oid type;
    struct str bytes;
    if (!take(pg_stmt_of(use), &type, &bytes))
        return 0;
    return is_integer(type) ? pg_integer(bytes) : strtoll(bytes.ptr, NULL, 10);
}

const char *pg_text(struct db_stmt *use, struct arena *a) {
    Oid type;
    struct str bytes;
    if (!take(pg_stmt_of(use), &type, &bytes))
        return NULL;
    if (is_integer(type))
        return arena_printf(a, "%lld", (long long)pg_integer(bytes));
    return arena_strndup(a, bytes.ptr, bytes.len);
}

struct str pg_blob(struct db_stmt *use, struct arena *a) {
    Oid type;
    struct str bytes;
    if (!take(pg_stmt_of(use), &type, &bytes) || !bytes.len)
        return (struct str){ NULL, 0 };
    return (struct str){ arena_copy(a, bytes.ptr, bytes.len), bytes.len };
}

void pg_copy(struct db_stmt *use, char *to, size_t room) {
    Oid type;
    struct str bytes = { "", 0 };
    take(pg_stmt_of(use), &type, &bytes);
    str_copy(to, room, bytes);
}

/* --- the end of a use ---------------------------------------------------------------------------------- */

static void measure(struct ctx *ctx, const struct pg_stmt *q, enum err e) {
    metric_observe_us(METRIC_DB_DURATION, ava_now_us() - q->began_us, q->name);
    if (ctx->spans)
        db_span_read(ctx, q->name, q->began_us, e);
}

enum err pg_done(struct ctx *ctx, struct db_stmt *use) {
    struct pg_stmt *q = pg_stmt_of(use);
    enum err e = q->answer.failure.is_set ? pg_say(ctx, &q->answer.failure) : OK;
    if (q->tx) {
        pg_stmt_free(q);
        return e;
    }
    if (q->is_asked)
        measure(ctx, q, e);
    pg_let_go(q);
    return e;
}

/* Within a transaction nothing is waited for: what became of it comes out where the next row is read, or at the end. */
enum err pg_run(struct ctx *ctx, struct db_stmt *use) {
    struct pg_stmt *q = pg_stmt_of(use);
    if (q->tx)
        pg_send(q->tx, q, q->tx->runs_to);
    else
        pg_next(use);
    return pg_done(ctx, use);
}

int64_t pg_changes(struct db_conn *tx) {
    struct pg_conn *c = pg_conn_of(tx);
    pg_collect(c);
    return c->failure.is_set ? 0 : c->changed;
}
