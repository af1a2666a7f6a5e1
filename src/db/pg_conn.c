#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/dialect.h"
#include "db/pg.h"

enum { OID_BYTEA = 17, OID_INT8 = 20, OID_TEXT = 25 }; /* catalog/pg_type.dat of PostgreSQL */

static const char CUT_SHORT[] = "the connection ended before the answer came";

static enum pg_type type_at(const struct pg_types *types, int i) {
    return (enum pg_type)(types->bits[i / 32] >> (2 * (i % 32)) & 3);
}

static Oid oid_of(enum pg_type type) {
    static const Oid OIDS[] = {
        [PG_UNKNOWN] = 0, [PG_TEXT] = OID_TEXT, [PG_I64] = OID_INT8, [PG_BLOB] = OID_BYTEA
    };
    return OIDS[type];
}

/* --- what was sent and is not answered yet ---------------------------------------------------------- */

static void push(struct pg_conn *c, struct pg_pending p) {
    c->pending[(c->pending_first + c->pending_count++) % PG_PENDING_MAX] = p;
}

static struct pg_pending shift(struct pg_conn *c) {
    struct pg_pending p = c->pending[c->pending_first];
    c->pending_first = (c->pending_first + 1) % PG_PENDING_MAX;
    c->pending_count--;
    return p;
}

static void lose(struct pg_conn *c, const char *sql) {
    if (!c->failure.is_set)
        pg_fail_by(&c->failure, c->handle, NULL, sql);
    c->failure.is_lost = true;
}

/* Room for one more statement, which may have to be prepared first, and a sync behind it. */
static void make_room(struct pg_conn *c) {
    if (c->pending_count + 3 >= PG_PENDING_MAX)
        pg_collect(c);
}

/* --- sending ---------------------------------------------------------------------------------------- */

static struct pg_prepared *find(struct pg_conn *c, const char *sql, const struct pg_types *types) {
    uint64_t mixed = ((uintptr_t)sql >> 3) ^ types->bits[0] * 31 ^ types->bits[1] * 37;
    size_t at = mixed * 0x9E3779B97F4A7C15u >> 40;
    for (size_t n = 0;; n++, at++) {
        assert(n < PG_STATEMENTS_MAX); /* more than places: raise it */
        struct pg_prepared *p = &c->prepared[at % PG_STATEMENTS_MAX];
        if (!p->sql)
            *p = (struct pg_prepared){ .sql = sql, .types = *types };
        if (p->sql == sql && memcmp(&p->types, types, sizeof *types) == 0)
            return p;
    }
}

static void name_of(const struct pg_conn *c, const struct pg_prepared *p, char out[16]) {
    snprintf(out, 16, "s%d", (int)(p - c->prepared));
}

static bool prepare(struct pg_conn *c, struct pg_prepared *p, int count) {
    struct arena *a = arena_new(4096);
    Oid oids[PG_PARAMS_MAX];
    char name[16];
    for (int i = 0; i < count; i++)
        oids[i] = oid_of(type_at(&p->types, i));
    name_of(c, p, name);
    int sent =
        pq.sendPrepare(c->handle, name, dialect_statement(a, str_of(p->sql)).ptr, count, oids);
    arena_free(a);
    if (!sent)
        return false;
    p->state = PG_ASKED_FOR;
    push(c, (struct pg_pending){ PG_SENT_PREPARE, p, p->sql, NULL });
    return true;
}

static bool send_prepared(struct pg_conn *c, const struct pg_stmt *q, const struct pg_prepared *p) {
    const char *values[PG_PARAMS_MAX];
    int lengths[PG_PARAMS_MAX], formats[PG_PARAMS_MAX];
    char name[16];
    for (int i = 0; i < q->bound; i++) {
        bool is_null = q->values[i].len < 0;
        values[i] = is_null ? NULL : buf_view(&q->bytes).ptr + q->values[i].at;
        lengths[i] = is_null ? 0 : q->values[i].len;
        formats[i] = 1;
    }
    name_of(c, p, name);
    return pq.sendQueryPrepared(c->handle, name, q->bound, values, lengths, formats, 1);
}

/* Nothing is sent where the server would leave it out anyway. */
static bool can_send(const struct pg_conn *c) {
    return c->handle && !c->failure.is_set;
}

static void note_failure(const struct pg_conn *c, struct pg_answer *to) {
    if (to && c->failure.is_set)
        to->failure = c->failure;
}

void pg_send(struct pg_conn *c, const struct pg_stmt *q, struct pg_answer *to) {
    make_room(c);
    if (!c->handle)
        lose(c, q->sql);
    if (can_send(c)) {
        struct pg_prepared *p = find(c, q->sql, &q->types);
        bool is_sent = p->state != PG_NOT_PREPARED || prepare(c, p, q->bound);
        if (is_sent && send_prepared(c, q, p))
            push(c, (struct pg_pending){ PG_SENT_STATEMENT, p, q->sql, to });
        else
            lose(c, q->sql);
    }
    note_failure(c, to);
}

void pg_send_text(struct pg_conn *c, const char *sql, struct pg_answer *to) {
    make_room(c);
    if (!c->handle)
        lose(c, sql);
    if (can_send(c)) {
        if (pq.sendQueryParams(c->handle, sql, 0, NULL, NULL, NULL, NULL, 1))
            push(c, (struct pg_pending){ PG_SENT_STATEMENT, NULL, sql, to });
        else
            lose(c, sql);
    }
    note_failure(c, to);
}

void pg_sync(struct pg_conn *c) {
    make_room(c);
    if (!c->handle || c->failure.is_lost)
        return;
    if (pq.pipelineSync(c->handle))
        push(c, (struct pg_pending){ PG_SENT_SYNC, NULL, "", NULL });
    else
        lose(c, "");
}

/* --- collecting -------------------------------------------------------------------------------------- */

static bool is_good(ExecStatusType status) {
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* The result that is due; NULL when the connection is not what it was. One NULL ends the statement before. */
static PGresult *due(struct pg_conn *c) {
    PGresult *r = pq.getResult(c->handle);
    return r ? r : pq.getResult(c->handle);
}

static void read_sync(struct pg_conn *c) {
    PGresult *r = due(c);
    if (!r || pq.resultStatus(r) != PGRES_PIPELINE_SYNC)
        lose(c, "");
    pq.clear(r);
}

/* Hands the result on to who wants it, who owns it from then on. */
static void hand_on(struct pg_conn *c, const struct pg_pending *p, PGresult *r) {
    if (p->kind == PG_SENT_PREPARE)
        p->prepared->state = PG_PREPARED;
    else
        c->changed = strtoll(pq.cmdTuples(r), NULL, 10);
    if (!p->to) {
        pq.clear(r);
        return;
    }
    pg_answer_fini(p->to);
    *p->to = (struct pg_answer){ .result = r, .rows = pq.ntuples(r) };
}

static void read_failure(struct pg_conn *c, const struct pg_pending *p, PGresult *r) {
    if (p->kind == PG_SENT_PREPARE)
        p->prepared->state = PG_NOT_PREPARED;
    if (!r || pq.resultStatus(r) != PGRES_PIPELINE_ABORTED)
        pg_fail_by(&c->failure, c->handle, r, p->sql);
    else if (!c->failure.is_set)
        pg_fail(&c->failure, p->sql, "", "left out after a failure");
    note_failure(c, p->to);
    pq.clear(r);
}

static void read_one(struct pg_conn *c, struct pg_pending p) {
    if (p.kind == PG_SENT_SYNC) {
        read_sync(c);
        return;
    }
    PGresult *r = due(c);
    if (r && is_good(pq.resultStatus(r)))
        hand_on(c, &p, r);
    else
        read_failure(c, &p, r);
}

/* Everybody who still waits for something is told. */
static void give_up(struct pg_conn *c) {
    while (c->pending_count) {
        struct pg_pending p = shift(c);
        if (p.kind == PG_SENT_PREPARE)
            p.prepared->state = PG_NOT_PREPARED;
        note_failure(c, p.to);
    }
}

void pg_collect(struct pg_conn *c) {
    if (!c->pending_count)
        return;
    size_t last = (c->pending_first + c->pending_count - 1) % PG_PENDING_MAX;
    bool good = c->pending[last].kind == PG_SENT_SYNC || pq.sendFlushRequest(c->handle);
    if (!good || pq.flush(c->handle) < 0)
        lose(c, CUT_SHORT);
    while (c->pending_count && !c->failure.is_lost)
        read_one(c, shift(c));
    give_up(c);
}

void pg_forgive(struct pg_conn *c) {
    c->failure = (struct pg_failure){ 0 };
}
