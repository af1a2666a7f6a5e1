#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/pg.h"
#include "obs/log.h"

enum { VERSION_MIN = 150000, DIAGNOSIS_MS = 5000 };

void pg_conn_init(struct pg_conn *c, struct postgres *db, bool is_reader) {
    memset(c, 0, sizeof *c);
    c->side.base.db = &db->base;
    c->db = db;
    c->is_reader = is_reader;
    c->cut_fd = -1;
    pthread_mutex_init(&c->lock, NULL);
}

void pg_conn_fini(struct pg_conn *c) {
    pg_disconnect(c);
    pthread_mutex_destroy(&c->lock);
}

void pg_disconnect(struct pg_conn *c) {
    pthread_mutex_lock(&c->lock);
    if (c->cut_fd >= 0)
        close(c->cut_fd);
    c->cut_fd = -1;
    pthread_mutex_unlock(&c->lock);
    if (c->handle)
        pq.finish(c->handle);
    c->handle = NULL;
    memset(c->prepared, 0, sizeof c->prepared);
    c->pending_first = c->pending_count = 0;
}

static int64_t system_ms(int64_t in_ms) {
    struct timespec then = clock_in_us(in_ms * 1000);
    return then.tv_sec * 1000LL + then.tv_nsec / 1000000;
}

void pg_cut_in(struct pg_conn *c, int64_t in_ms) {
    atomic_store(&c->cut_ms, in_ms ? system_ms(in_ms) : 0);
}

void pg_cut_late(struct pg_conn *c) {
    int64_t cut = atomic_load(&c->cut_ms);
    if (!cut || system_ms(0) < cut)
        return;
    pthread_mutex_lock(&c->lock);
    if (c->cut_fd >= 0)
        shutdown(c->cut_fd, SHUT_RDWR);
    pthread_mutex_unlock(&c->lock);
    atomic_store(&c->cut_ms, 0);
    log_warn(NULL, "db", L("why", "a connection took past its time and was cut"));
}

static void ignore(void *arg, const char *message) {}

/* What the operator wrote (dbname) comes after what it may overrule, and before what it may not. */
static const char *const KEYWORDS[] = { "fallback_application_name",
                                        "connect_timeout",
                                        "keepalives_idle",
                                        "keepalives_interval",
                                        "keepalives_count",
                                        "tcp_user_timeout",
                                        "dbname",
                                        "client_encoding",
                                        NULL };

static void values(const struct pg_conn *c, const char *out[ARRAY_LEN(KEYWORDS)]) {
    const char *const all[ARRAY_LEN(KEYWORDS)] = {
        "ava", "5", "5", "2", "3", c->is_patient ? "60000" : "5000", c->db->url, "UTF8"
    };
    memcpy(out, all, sizeof all);
}

/* The library says what is wrong with a URL by quoting it, password and all; this does not. */
bool pg_url_is_good(const char *url, struct arena *a, const char **why) {
    char *said = NULL;
    struct str text = str_of(url);
    bool begins = str_starts(text, STR("postgresql://")) || str_starts(text, STR("postgres://"));
    PQconninfoOption *options = begins ? pq.conninfoParse(url, &said) : NULL;
    bool good = options != NULL;
    pq.conninfoFree(options);
    if (said)
        explicit_bzero(said, strlen(said));
    free(said);
    if (!good)
        *why = "DATABASE_URL: must read postgresql://USER:PASSWORD@HOST:5432/DATABASE; in the "
               "password each of "
               "@ : / ? # [ ] % and each blank is written as %40 %3A %2F %3F %23 %5B %5D %25 %20";
    return good;
}

/* --- is it one that Ava can work with? ----------------------------------------------------------------- */

static const char SETTINGS[] =
    "SELECT pg_is_in_recovery(),"
    " current_setting('transaction_read_only') = 'on', current_setting('server_encoding'),"
    " set_config('statement_timeout', '30s', false), set_config('lock_timeout', '10s', false),"
    " set_config('idle_in_transaction_session_timeout', '30s', false),"
    /* A host that lost its power holds its locks until the server notices. */
    " set_config('tcp_keepalives_idle', '2', false), set_config('tcp_keepalives_interval', '1', "
    "false),"
    " set_config('tcp_keepalives_count', '3', false),"
    " set_config('plan_cache_mode', $1, false), current_setting('server_version'),"
    " set_config('default_transaction_isolation', 'read committed', false),"
    " CAST(pg_postmaster_start_time() AS TEXT)";

static bool is_true(const PGresult *r, int column) {
    return pq.getvalue(r, 0, column)[0] == 't';
}

static bool suits(struct pg_conn *c, const PGresult *r) {
    char words[200];
    if (pq.serverVersion(c->handle) < VERSION_MIN) {
        snprintf(words, sizeof words, "this server is PostgreSQL %s; Ava needs 15 or newer",
                 pq.getvalue(r, 0, 10));
        pg_fail(&c->failure, NULL, PG_STATE_UNSUITED, words);
    } else if (strcmp(pq.getvalue(r, 0, 2), "UTF8") != 0) {
        snprintf(words, sizeof words,
                 "the database is encoded in %s; Ava needs one that was created with "
                 "ENCODING 'UTF8'",
                 pq.getvalue(r, 0, 2));
        pg_fail(&c->failure, NULL, PG_STATE_UNSUITED, words);
    } else if (is_true(r, 0)) {
        pg_fail(&c->failure, NULL, "25006",
                "this server is a replica (in recovery), which nothing can be written to; name the "
                "primary, or all "
                "servers and target_session_attrs=read-write");
    } else if (is_true(r, 1)) {
        pg_fail(&c->failure, NULL, "25006",
                "this server takes no writes (default_transaction_read_only is on); turn it off "
                "for this role");
    }
    return !c->failure.is_set;
}

/* Sets what the session needs to have set, and looks at the server in the same step. */
static bool settle_in(struct pg_conn *c) {
    /* A reader's few texts serve many filters, for which one plan is a bad one: ADR-008. */
    const char *const plans[] = { c->is_reader ? "force_custom_plan" : "auto" };
    PGresult *r = pq.execParams(c->handle, SETTINGS, 1, NULL, plans, NULL, NULL, 0);
    bool good = pq.resultStatus(r) == PGRES_TUPLES_OK;
    if (!good)
        pg_fail_by(&c->failure, c->handle, r, NULL);
    good = good && suits(c, r);
    if (good)
        str_copy(c->server_began, sizeof c->server_began, str_of(pq.getvalue(r, 0, 12)));
    pq.clear(r);
    return good && pq.enterPipelineMode(c->handle);
}

/* Of several servers in the URL it is one. */
static void note_place(struct postgres *db, PGconn *handle) {
    const char *host = pq.host(handle);
    pthread_mutex_lock(&db->lock);
    str_copy(db->place.host, sizeof db->place.host, str_of(host ? host : ""));
    str_copy(db->place.port, sizeof db->place.port, str_of(pq.port(handle)));
    str_copy(db->place.name, sizeof db->place.name, str_of(pq.db(handle)));
    pthread_mutex_unlock(&db->lock);
}

bool pg_connect(struct pg_conn *c) {
    const char *all[ARRAY_LEN(KEYWORDS)];
    pg_disconnect(c);
    pg_forgive(c);
    values(c, all);
    PGconn *handle = c->handle = pq.connectdbParams(KEYWORDS, all, 1);
    bool good = handle && pq.status(handle) == CONNECTION_OK;
    pthread_mutex_lock(&c->lock);
    c->cut_fd = good ? fcntl(pq.socket(handle), F_DUPFD_CLOEXEC, 0) : -1;
    pthread_mutex_unlock(&c->lock);
    pg_cut_in(c, DIAGNOSIS_MS);
    if (good) {
        pq.setNoticeProcessor(handle, ignore, NULL);
        good = settle_in(c);
    } else {
        pg_fail_by(&c->failure, handle, NULL, NULL);
    }
    pg_cut_in(c, 0);
    if (good) {
        note_place(c->db, handle);
        return true;
    }
    c->failure.is_lost = true;
    pg_disconnect(c);
    return false;
}

/* --- why a connection was refused ------------------------------------------------------------------------ */

/* Waits until the library may go on; false when time is over. */
static bool await(PGconn *handle, PostgresPollingStatusType how, int64_t until_ms) {
    struct pollfd fd = { .fd = pq.socket(handle),
                         .events = how == PGRES_POLLING_READING ? POLLIN : POLLOUT };
    int64_t left = until_ms - ava_now_ms();
    return left > 0 && poll(&fd, 1, (int)left) > 0;
}

/* Takes the state out of "FATAL:  28P01: password authentication failed ...": libpq has no other way to ask for
 * it where a connection was refused. */
static void read_state(const char *message, char out[6]) {
    const char *at = strstr(message, ":  ");
    if (at && strlen(at) > 8 && at[8] == ':')
        str_copy(out, 6, (struct str){ at + 3, 5 });
}

static void ask_again(struct pg_conn *c, char out[6]) {
    const char *all[ARRAY_LEN(KEYWORDS)];
    int64_t until = ava_now_ms() + DIAGNOSIS_MS;
    values(c, all);
    PGconn *handle = pq.connectStartParams(KEYWORDS, all, 1);
    if (!handle)
        return;
    pq.setErrorVerbosity(handle, PQERRORS_VERBOSE);
    PostgresPollingStatusType how = PGRES_POLLING_WRITING;
    while (pq.status(handle) != CONNECTION_BAD && how != PGRES_POLLING_OK &&
           how != PGRES_POLLING_FAILED && await(handle, how, until))
        how = pq.connectPoll(handle);
    read_state(pq.errorMessage(handle), out);
    pq.finish(handle);
}

/* What no later try changes, by the class of the state: authorization, the database's name, what the role may not do,
 * and what pg_connect itself says. */
bool pg_is_refused(struct pg_conn *c) {
    static const char *const CLASSES[] = { "28", "3D", "42501", "0A", PG_STATE_UNSUITED, "25006" };
    if (!c->failure.state[0])
        ask_again(c, c->failure.state);
    for (size_t i = 0; i < ARRAY_LEN(CLASSES); i++)
        if (strncmp(c->failure.state, CLASSES[i], strlen(CLASSES[i])) == 0)
            return true;
    return false;
}
