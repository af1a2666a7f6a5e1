#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "db/pg.h"
#include "db/pg_locks.h"
#include "obs/log.h"

enum {
    WATCH_MS = 250, /* between two looks at what takes too long */
    LOOK_MS = 2000, /* between two questions whether it is still there */
    LAST_WORDS_MAX = 4,
    SIZE_EVERY = 30, /* of those looks also asks for the size */
    FIRST_LOOKS = 2,
    RETRY_FIRST_MS = 100,
    RETRY_MAX_MS = 1000,
    CLAIM_MS = 6 * 1000, /* for as long the server may still hold what this run lost */
};

/* Two threads: one that keeps a connection of its own, and so knows whether there is a database; and one that cuts what
 * takes too long, which must never wait for a connection itself. */
struct pg_keeper {
    struct postgres *db;
    pthread_t keeper, watch;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct pg_conn conn;
    bool ends, has_to_look, has_to_claim;
    _Atomic bool is_claimed;
    bool is_kept, is_watched; /* has the threads */
    int looks;
};

/* Asks one thing, about a lock unless it is NULL: the number that comes back, or -1. */
static int64_t ask(struct pg_conn *c, const char *sql, const char *lock) {
    struct pg_stmt *q = pg_stmt_new(c->db, sql);
    struct pg_answer answer = { 0 };
    int64_t said = -1;
    pg_forgive(c);
    if (lock)
        pg_bind_i64(&q->base, pg_lock_key(lock));
    pg_cut_in(c, LOOK_MS);
    pg_send(c, q, &answer);
    pg_sync(c);
    pg_collect(c);
    pg_cut_in(c, 0);
    pg_stmt_free(q);
    if (!c->failure.is_set && answer.result && answer.rows == 1)
        said = pg_integer((struct str){ pq.getvalue(answer.result, 0, 0),
                                        (size_t)pq.getlength(answer.result, 0, 0) });
    pg_answer_fini(&answer);
    return said;
}

/* Takes the session's lock that says that somebody works with the database: shared with others who do, and not with who
 * copies into it. */
static bool take_lock(struct pg_conn *c) {
    static const char TAKE[] = "SELECT CAST(pg_try_advisory_lock_shared(?) AS INTEGER)";
    return ask(c, TAKE, PG_LOCK_SERVE) == 1;
}

/* Asks for the time, which all who work with the database go by. False: nobody answered. */
static bool ask_time(struct pg_conn *c) {
    static const char TIME[] = "SELECT " PG_NOW;
    int64_t began_us = ava_now_us(), said_us = ask(c, TIME, NULL);
    if (said_us < 0)
        return false;
    clock_follow(said_us, began_us);
    atomic_store(&c->db->round_trip_us, ava_now_us() - began_us);
    return true;
}

void pg_keeper_set_clock(struct pg_keeper *k) {
    for (int i = 0; i < FIRST_LOOKS; i++)
        ask_time(&k->conn); /* the first one prepares the statement, and takes longer */
}

static bool is_alive(struct pg_keeper *k) {
    static const char SIZE[] = "SELECT pg_database_size(current_database())";
    if (k->looks++ % SIZE_EVERY != 0)
        return ask_time(&k->conn);
    int64_t size = ask(&k->conn, SIZE, NULL);
    if (size >= 0)
        atomic_store(&k->db->size_bytes, size);
    return size >= 0;
}

/* --- the thread that keeps --------------------------------------------------------------------------- */

static bool sleep_for(struct pg_keeper *k, int64_t ms) {
    struct timespec until = clock_in_us(ms * 1000);
    pthread_mutex_lock(&k->lock);
    if (!k->ends && !k->has_to_look)
        pthread_cond_timedwait(&k->more, &k->lock, &until);
    k->has_to_look = false;
    bool goes_on = !k->ends;
    pthread_mutex_unlock(&k->lock);
    return goes_on;
}

static void say_up(struct postgres *db, bool is_up, const char *why) {
    if (atomic_exchange(&db->is_up, is_up) == is_up)
        return;
    if (is_up)
        log_info(NULL, "db", L("database", "reachable again"));
    else
        log_error(NULL, "db", L("database", "not reachable"), L("why", why));
}

/* Connected, and one of those who work with the database, if it ever was. */
static bool get_back(struct pg_keeper *k) {
    if (!pg_connect(&k->conn))
        return false;
    return !atomic_load(&k->is_claimed) || take_lock(&k->conn);
}

/* Until the database is there again. False when Ava ends first. */
static bool wait_for_it(struct pg_keeper *k) {
    int64_t rest = RETRY_FIRST_MS, lost_ms = 0;
    while (!get_back(k)) {
        bool is_taken =
            k->conn.handle && !k->conn.failure.is_set; /* connected, and who copies has the lock */
        int64_t now = ava_now_ms();
        lost_ms = !is_taken ? 0 : lost_ms ? lost_ms : now;
        if (is_taken && now - lost_ms > CLAIM_MS && !atomic_exchange(&k->db->is_fenced, true))
            log_error(NULL, "db", L("database", "a copy is made into it"),
                      L("then", "this one ends"));
        if (!sleep_for(k, rest / 2 + (int64_t)ava_rand_below((uint64_t)rest / 2)))
            return false;
        rest = rest * 2 < RETRY_MAX_MS ? rest * 2 : RETRY_MAX_MS;
    }
    say_up(k->db, true, "");
    return true;
}

/* Where a copy ended without a word, the server takes a moment to see it. */
static void claim(struct pg_keeper *k) {
    int64_t until = ava_now_ms() + CLAIM_MS;
    bool is_ours = take_lock(&k->conn);
    while (!is_ours && !k->conn.failure.is_set && ava_now_ms() < until &&
           sleep_for(k, RETRY_FIRST_MS))
        is_ours = take_lock(&k->conn);
    pthread_mutex_lock(&k->lock);
    atomic_store(&k->is_claimed, is_ours);
    k->has_to_claim = false;
    pthread_cond_broadcast(&k->more);
    pthread_mutex_unlock(&k->lock);
}

bool pg_keeper_claim(struct pg_keeper *k) {
    pthread_mutex_lock(&k->lock);
    k->has_to_claim = k->has_to_look = true;
    pthread_cond_broadcast(&k->more);
    while (k->has_to_claim)
        pthread_cond_wait(&k->more, &k->lock);
    pthread_mutex_unlock(&k->lock);
    return atomic_load(&k->is_claimed);
}

static bool has_to_claim(struct pg_keeper *k) {
    pthread_mutex_lock(&k->lock);
    bool has = k->has_to_claim;
    pthread_mutex_unlock(&k->lock);
    return has;
}

static void *keep(void *arg) {
    struct pg_keeper *k = arg;
    while (sleep_for(k, LOOK_MS)) {
        if (has_to_claim(k))
            claim(k);
        /* Where it was gone and is back before anybody looked, nobody need be refused. */
        if ((k->conn.handle && is_alive(k)) || get_back(k))
            continue;
        say_up(k->db, false, k->conn.failure.words);
        if (!wait_for_it(k))
            break;
    }
    return NULL;
}

void pg_keeper_look(struct postgres *db) {
    struct pg_keeper *k = db->keeper;
    if (!k)
        return;
    pthread_mutex_lock(&k->lock);
    k->has_to_look = true;
    pthread_cond_broadcast(&k->more);
    pthread_mutex_unlock(&k->lock);
}

/* Has the server not ended it, while nobody used it? It may have said why before: the end comes behind that. */
static bool is_open(PGconn *handle) {
    struct pollfd fd = { .fd = pq.socket(handle), .events = POLLIN };
    for (int i = 0; i < LAST_WORDS_MAX && poll(&fd, 1, 0) > 0; i++)
        if (!pq.consumeInput(handle))
            return false;
    return pq.status(handle) == CONNECTION_OK;
}

bool pg_ready(struct pg_conn *c) {
    pg_forgive(c);
    if (c->handle && is_open(c->handle))
        return true;
    if (!atomic_load(&c->db->is_up)) {
        pg_fail_away(&c->failure, NULL);
        return false;
    }
    if (pg_connect(c))
        return true;
    pg_keeper_look(c->db);
    return false;
}

/* --- the thread that cuts ------------------------------------------------------------------------------ */

static void *watch(void *arg) {
    struct pg_keeper *k = arg;
    struct postgres *db = k->db;
    pthread_mutex_lock(&k->lock);
    while (!k->ends) {
        struct timespec until = clock_in_us(WATCH_MS * 1000);
        pthread_cond_timedwait(&k->more, &k->lock, &until);
        pthread_mutex_unlock(&k->lock);
        for (size_t i = 0; i < db->writers_count; i++)
            pg_cut_late(&db->writers[i].conn);
        for (size_t i = 0; i < db->readers_count; i++)
            pg_cut_late(&db->readers[i].conn);
        for (size_t i = 0; i < db->appenders_count; i++)
            pg_cut_late(&db->appenders[i].conn);
        pg_cut_late(&k->conn);
        pthread_mutex_lock(&k->lock);
    }
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

struct pg_keeper *pg_keeper_new(struct postgres *db) {
    struct pg_keeper *k = memory_zeroed(1, sizeof *k);
    k->db = db;
    pg_conn_init(&k->conn, db, true);
    pthread_mutex_init(&k->lock, NULL);
    clock_cond_init(&k->more);
    return k;
}

struct pg_conn *pg_keeper_conn(struct pg_keeper *k) {
    return &k->conn;
}

static bool start(pthread_t *thread, void *(*work)(void *), struct pg_keeper *k, bool *is_begun,
                  struct arena *a, const char **why) {
    int rc = pthread_create(thread, NULL, work, k);
    *is_begun = rc == 0;
    if (rc != 0)
        *why = arena_printf(a, "no thread can be started for the database: %s", strerror(rc));
    return rc == 0;
}

bool pg_keeper_watch(struct pg_keeper *k, struct arena *a, const char **why) {
    return start(&k->watch, watch, k, &k->is_watched, a, why);
}

bool pg_keeper_start(struct pg_keeper *k, struct arena *a, const char **why) {
    return start(&k->keeper, keep, k, &k->is_kept, a, why);
}

void pg_keeper_free(struct pg_keeper *k) {
    pthread_mutex_lock(&k->lock);
    k->ends = true;
    pthread_cond_broadcast(&k->more);
    pthread_mutex_unlock(&k->lock);
    if (k->is_kept)
        pthread_join(k->keeper, NULL);
    if (k->is_watched)
        pthread_join(k->watch, NULL);
    pg_conn_fini(&k->conn);
    pthread_mutex_destroy(&k->lock);
    pthread_cond_destroy(&k->more);
    free(k);
}
