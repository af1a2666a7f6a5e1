/* pg: what the files of the PostgreSQL side share; nobody else includes it. libpq blocks, so it runs on threads of the
 * store, and fibers wait for them as they wait for SQLite's writer.
 *
 * pg_connect.c makes connections and ends them, pg_conn.c sends statements on one and collects what they came to,
 * pg_failure.c says what a failure means, pg_stmt.c is a statement with its values, pg_rows.c reads what it came to,
 * pg_read.c has the threads that read, pg_tx.c begins and ends a transaction, pg_write.c has the threads that write,
 * pg_append.c those that append, pg_keeper.c the two that look after all of them, pg_migrate.c the schema, and
 * db_postgres.c the rest and the table of them all. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/fiber.h"
#include "db/db_span.h"
#include "db/kind.h"
#include "db/pg_library.h"
#include "db/queue.h"

enum {
    PG_PARAMS_MAX = 64,       /* of one statement */
    PG_STATEMENTS_MAX = 1024, /* texts with the types of their values; a power of two */
    PG_PENDING_MAX = 1100,    /* statements that were sent and not yet answered */
    PG_KEY_BYTES = 40,        /* of a workspace's id */
    PG_LOCKS = 2,             /* of those that a transaction takes while it runs (pg_locks.h) */
    PG_CUT_AFTER_MS = 500,    /* past the deadline of what it does, a connection is cut */
};

/* What the server, or the library, has said went wrong. */
struct pg_failure {
    bool is_set;
    bool is_lost;    /* the connection is */
    bool is_known;   /* that the database is away: it was logged when it went */
    char state[6];   /* SQLSTATE; empty where there is none */
    const char *sql; /* whose; a literal */
    char words[320];
};

#define PG_STATE_UNSUITED "AVA01" /* what Ava itself says of a server */

enum pg_type { PG_UNKNOWN, PG_TEXT, PG_I64, PG_BLOB }; /* of a value, in two bits */

struct pg_types {
    uint64_t bits[PG_PARAMS_MAX / 32];
};

enum pg_state { PG_NOT_PREPARED, PG_ASKED_FOR, PG_PREPARED };

struct pg_prepared {
    const char *sql; /* the literal; NULL: a free place */
    struct pg_types types;
    enum pg_state state;
};

/* What a statement came to. */
struct pg_answer {
    PGresult *result; /* NULL: nothing, or not yet */
    int rows;
    struct pg_failure failure;
};

struct pg_stmt {
    struct db_stmt base;
    struct postgres *db;
    struct pg_conn *tx; /* NULL: a read, on any connection */
    struct ctx *ctx;    /* of a read: whose */
    struct pg_stmt *next;
    const char *sql;
    char name[DB_SPAN_NAME_BYTES];
    int64_t began_us, deadline_ms;
    int bound;
    struct pg_types types;
    struct {
        size_t at;
        int len; /* -1: NULL */
    } values[PG_PARAMS_MAX];
    struct buf bytes;
    struct pg_answer answer;
    int row, column;
    bool is_asked;
    /* Of a read, which its fiber and the thread that reads hold on to, each until it is done with it. */
    atomic_int holders;
    bool is_taken, is_settled, is_abandoned;
    struct fiber_parking parking;
};

enum pg_pending_kind { PG_SENT_PREPARE, PG_SENT_STATEMENT, PG_SENT_SYNC };

struct pg_pending {
    enum pg_pending_kind kind;
    struct pg_prepared *prepared;
    const char *sql;
    struct pg_answer *to; /* NULL: nobody asks what it came to, but for its failure */
};

/* What db_use gets: a transaction's connection, or whose read it is. */
struct pg_side {
    struct db_conn base;
    struct ctx *reader; /* NULL: a transaction; the rest is that of its connection */
};

struct pg_conn {
    struct pg_side side;
    struct postgres *db;
    bool is_reader;
    bool is_patient; /* a server that takes nothing for a while is waited for: nobody else waits */
    PGconn *handle;  /* NULL: there is none */
    pthread_mutex_t lock; /* guards cut_fd */
    int cut_fd; /* a second descriptor of its socket, for who cuts it: libpq closes its own as it likes */
    _Atomic int64_t cut_ms;    /* when it is cut, by the system's clock; 0: it is not */
    struct pg_failure failure; /* the first since the last pg_forgive */
    struct pg_prepared prepared[PG_STATEMENTS_MAX];
    struct pg_pending pending[PG_PENDING_MAX];
    size_t pending_first, pending_count;
    int64_t changed;       /* rows, by the last run */
    char server_began[40]; /* when its server did; another after a crash, and on another host */
    struct pg_answer waits[PG_LOCKS]; /* when its transaction asked for each of these, and had it */
    unsigned locks;                   /* pg_lock_bit of each that its transaction has */
    bool is_of_several;               /* its transaction is that of several functions, */
    bool goes_apart;                  /* and the one that runs must have one of its own */
    struct pg_answer *runs_to; /* of an append: what its last run came to; NULL: nobody asks */
};

struct pg_worker {
    struct postgres *db;
    pthread_t thread;
    struct pg_conn conn;
    enum db_alone alone;    /* what a busy writer is at, */
    char key[PG_KEY_BYTES]; /* and for which workspace */
    bool is_busy, is_begun;
};

struct postgres {
    struct db base;
    char *url;
    struct db_queue writes; /* its lock guards what the writers are at, too */
    struct db_queue appends;
    pthread_mutex_t lock; /* guards the queue of reads, and place */
    pthread_cond_t more_reads;
    struct pg_stmt *first_read, **last_read;
    bool ends; /* under the locks of all three */
    struct pg_worker *writers, *readers, *appenders;
    size_t writers_count, readers_count, appenders_count; /* of these there may be none */
    struct pg_keeper *keeper;
    int schema;
    char version[24];      /* the server's */
    struct db_place place; /* under lock; its time is round_trip_us */
    _Atomic bool is_up, is_fenced;
    _Atomic int64_t last_commit_ms, size_bytes, round_trip_us;
};

extern const struct db_kind postgres_kind; /* db_postgres.c */

static inline void pg_answer_fini(struct pg_answer *answer) {
    if (answer->result)
        pq.clear(answer->result);
    answer->result = NULL;
}

/* An integer as the server sends it: big endian, of 1 to 8 bytes. */
static inline int64_t pg_integer(struct str bytes) {
    uint64_t value = bytes.len && (bytes.ptr[0] & 0x80) ? UINT64_MAX : 0;
    for (size_t i = 0; i < bytes.len; i++)
        value = value << 8 | (unsigned char)bytes.ptr[i];
    return (int64_t)value;
}

static inline struct postgres *postgres_of(struct db *db) {
    return (struct postgres *)db;
}

static inline struct pg_conn *pg_conn_of(struct db_conn *c) {
    return (struct pg_conn *)c;
}

static inline struct pg_side *pg_side_of(struct db_conn *c) {
    return (struct pg_side *)c;
}

static inline struct pg_stmt *pg_stmt_of(struct db_stmt *q) {
    return (struct pg_stmt *)q;
}

/* --- pg_connect.c ------------------------------------------------------------------------------- */

void pg_conn_init(struct pg_conn *c, struct postgres *db, bool is_reader);
void pg_conn_fini(struct pg_conn *c);

/* Connects, and sees that it is a server that Ava can work with; in pipeline mode from then on. Takes some seconds at
 * most, unless a name is looked up for longer. False with the failure of c set. */
bool pg_connect(struct pg_conn *c);
void pg_disconnect(struct pg_conn *c); /* none is fine */
/* It is cut when in_ms have passed, by the system's clock, which does not jump; 0: it is not. */
void pg_cut_in(struct pg_conn *c, int64_t in_ms);
void pg_cut_late(struct pg_conn *c); /* cuts what takes past its time; any thread */

/* Does it read as a URL of PostgreSQL? *why does not quote it. */
bool pg_url_is_good(const char *url, struct arena *a, const char **why);

/* Is it the setting that is wrong, so that trying again is of no use? Asks the server once more where it is not known. */
bool pg_is_refused(struct pg_conn *c);

/* --- pg_failure.c ------------------------------------------------------------------------------- */

void pg_fail(struct pg_failure *f, const char *sql, const char *state, const char *words);
void pg_fail_away(struct pg_failure *f,
                  const char *sql); /* nobody was asked: it is not reachable */
/* Of a result, or of the connection where it is NULL. */
void pg_fail_by(struct pg_failure *f, PGconn *handle, const PGresult *result, const char *sql);
/* Says it: ERR_STORAGE_UNAVAILABLE for what passes, ERR_INTERNAL for the rest; logged. */
enum err pg_say(struct ctx *ctx, const struct pg_failure *f);
/* Does it say that this server is not, or no longer, the one to write to? */
bool pg_is_away(const struct pg_failure *f);

/* --- pg_conn.c ---------------------------------------------------------------------------------- */

/* Sends a statement, and waits for nothing; its failure is that of c, once it is collected. */
void pg_send(struct pg_conn *c, const struct pg_stmt *q, struct pg_answer *to);
void pg_send_text(struct pg_conn *c, const char *sql, struct pg_answer *to);
void pg_sync(
    struct pg_conn *c); /* what failed so far ends here: the next statement is carried out again */
void pg_collect(struct pg_conn *c); /* until all that was sent is answered */
void pg_forgive(struct pg_conn *c); /* its failure was dealt with */

/* --- pg_stmt.c ---------------------------------------------------------------------------------- */

struct pg_stmt *pg_stmt_new(struct postgres *db, const char *sql);
void pg_stmt_free(struct pg_stmt *q);
void pg_let_go(struct pg_stmt *q); /* of a read: one of the two who hold it is done with it */

/* As kind.h has them. */
struct db_stmt *pg_use(struct db_conn *c, const char *sql);
void pg_bind_str(struct db_stmt *q, struct str text);
void pg_bind_i64(struct db_stmt *q, int64_t value);
void pg_bind_blob(struct db_stmt *q, const void *bytes, size_t len);
void pg_bind_null(struct db_stmt *q, enum db_value type);
bool pg_next(struct db_stmt *q);
bool pg_is_null(struct db_stmt *q);
const char *pg_text(struct db_stmt *q, struct arena *a);
int64_t pg_i64(struct db_stmt *q);
struct str pg_blob(struct db_stmt *q, struct arena *a);
void pg_copy(struct db_stmt *q, char *to, size_t room);
enum err pg_done(struct ctx *ctx, struct db_stmt *q);
enum err pg_run(struct ctx *ctx, struct db_stmt *q);
int64_t pg_changes(struct db_conn *tx);

/* --- pg_tx.c -------------------------------------------------------------------------------------- */

/* Begins the transaction of the worker with the locks of what it is at, each waited for lock_ms at most, and waits for
 * none of it; *begun is for pg_commit. It is cut when deadline_ms is past by some. */
void pg_begin(struct pg_worker *worker, int64_t deadline_ms, int64_t lock_ms,
              struct pg_answer *begun);
/* Commits what is left of the batch: whose result is OK afterwards is on disk there. waits: what was sent before is
 * collected first. */
void pg_commit(struct pg_conn *c, struct db_queued *batch, bool waits, struct pg_answer *begun);
/* The same for all of it or nothing. False: nothing was kept, and nobody was told so; c->failure says why. Where nobody
 * answered the commit it is true, and the results are what is known. */
bool pg_try_commit(struct pg_conn *c, struct db_queued *batch, bool waits, struct pg_answer *begun);
void pg_roll_back(struct pg_conn *c); /* its failure stays */
/* Notes for how long it waited for each of its locks, once it is over. */
void pg_note_waits(struct pg_worker *worker, struct pg_answer *begun);
/* In SQL: now, in microseconds. */
#define PG_NOW "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"
int64_t pg_last_deadline(const struct db_queued *batch);
bool pg_keeps_any(const struct db_queued *batch);
void pg_fail_all(struct pg_conn *c, struct db_queued *batch); /* those that are still OK */

/* --- pg_read.c, pg_write.c, pg_append.c ------------------------------------------------------------- */

void *pg_read_on(void *worker);   /* a thread that reads, until db->ends */
void *pg_write_on(void *worker);  /* one that writes */
void *pg_append_on(void *worker); /* one that appends */

struct db_conn *pg_reader(struct ctx *ctx);
void pg_ask(struct pg_stmt *q); /* a read: waits for its rows, its failure or its deadline */

enum err pg_write(struct ctx *ctx, const char *name, enum db_alone alone, db_fn *fn, void *arg);
enum err pg_append(struct ctx *ctx, const char *name, struct db_append *what, struct str order);
enum err pg_wait_in(struct db_queue *queue, struct db_queued *w); /* for its result */
enum err pg_lock(struct ctx *ctx, struct db_conn *tx, const char *name);
enum err pg_write_steps(struct ctx *ctx, db_step_fn *fn, void *arg, int64_t within_ms,
                        bool is_gentle, bool *is_done);

/* --- pg_keeper.c ---------------------------------------------------------------------------------- */

struct pg_keeper *pg_keeper_new(struct postgres *db);
struct pg_conn *pg_keeper_conn(struct pg_keeper *k); /* its own, until it is started */
bool pg_keeper_watch(struct pg_keeper *k, struct arena *a,
                     const char **why); /* cuts what is late, from now on */
bool pg_keeper_start(struct pg_keeper *k, struct arena *a, const char **why);
void pg_keeper_free(struct pg_keeper *k); /* ends its threads */
/* Says that this run works with the database, for as long as it is connected; false when a copy is made into it. */
bool pg_keeper_claim(struct pg_keeper *k);
void pg_keeper_set_clock(struct pg_keeper *k); /* by the server's, before it is started */
bool pg_ready(struct pg_conn *c);         /* connects where it is not; false with its failure set */
void pg_keeper_look(struct postgres *db); /* a connection was lost: is it all of them? */

/* --- pg_migrate.c --------------------------------------------------------------------------------- */

/* Brings the schema up to date, on a connection that nobody else uses; of several programs that begin at once one does,
 * the others wait for it. */
bool pg_migrate(struct pg_conn *c, enum db_schema how, struct arena *a, int *version,
                const char **why);
