#include "db/temp_postgres.h"

#include <fcntl.h>

#include "base/buf.h"
#include "db/dialect.h"
#include "db/migrate.h"
#include "db/pg_library.h"

/* --- one connection beside Ava's -------------------------------------------------------------------- */

static void ignore(void *arg, const char *message) {}

static PGconn *reach(struct arena *a, const char *url) {
    static const char *const KEYWORDS[] = { "dbname", NULL };
    const char *const values[] = { url, NULL }, *why = "";
    if (!pg_library_open(a, &why)) {
        fprintf(stderr, "# %s\n", why);
        abort();
    }
    PGconn *c = pq.connectdbParams(KEYWORDS, values, 1);
    if (pq.status(c) != CONNECTION_OK) {
        fprintf(stderr, "# %s\n", pq.errorMessage(c));
        abort();
    }
    pq.setNoticeProcessor(c, ignore, NULL);
    return c;
}

/* The first column of the last statement's first row, or "". */
static const char *run(PGconn *c, struct arena *a, const char *sql, const char **why) {
    PGresult *r = pq.exec(c, sql);
    const char *said = "";
    *why = "";
    if (pq.resultStatus(r) == PGRES_FATAL_ERROR)
        *why = arena_strdup(a, pq.resultErrorField(r, PG_DIAG_MESSAGE_PRIMARY));
    else if (pq.ntuples(r) && !pq.getisnull(r, 0, 0))
        said = arena_strdup(a, pq.getvalue(r, 0, 0));
    pq.clear(r);
    return said;
}

static const char *must(PGconn *c, struct arena *a, const char *sql) {
    const char *why, *said = run(c, a, sql, &why);
    if (why[0]) {
        fprintf(stderr, "# %s: %s\n", sql, why);
        abort();
    }
    return said;
}

static PGconn *beside(struct temp *t) {
    if (!t->beside) {
        t->beside = reach(t->arena, t->url);
        must(t->beside, t->arena, "SET search_path TO public, tests");
    }
    return t->beside;
}

const char *temp_postgres_all(struct temp *t, const char *sql, const char **why) {
    PGconn *c = beside(t);
    if (strncmp(sql, "PRAGMA ", 7) == 0 && strchr(sql, ';')) /* SQLite's alone */
        sql = strchr(sql, ';') + 1;
    t->is_altered |= strstr(sql, "CREATE ") || strstr(sql, "ALTER ") || strstr(sql, "DROP ");
    const char *said = run(c, t->arena, dialect_migration(t->arena, str_of(sql)).ptr, why);
    if (why[0][0])
        must(c, t->arena, "ROLLBACK"); /* where it had begun a transaction */
    return said;
}

/* --- new databases ----------------------------------------------------------------------------------- */

/* The server's URL with another name of a database. */
static void url_of(const char *name, char *out, size_t room) {
    const char *server = getenv("TEST_POSTGRES"), *host = strstr(server, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    int len = (int)(path ? path - server : (ptrdiff_t)strlen(server));
    snprintf(out, room, "%.*s/%s", len, server, name);
}

static const char *shims(struct arena *a) {
    char bytes[16384];
    int fd = open(TEST_SHIMS, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    if (n <= 0 || n == sizeof bytes)
        abort();
    close(fd);
    return arena_strndup(a, bytes, (size_t)n);
}

static void create(PGconn *server, struct temp *t, const char *name, const char *from) {
    must(server, t->arena, arena_printf(t->arena, "CREATE DATABASE %s TEMPLATE %s", name, from));
    url_of(name, t->url, sizeof t->url);
}

static void add_shims(struct temp *t) {
    PGconn *c = reach(t->arena, t->url);
    must(c, t->arena, shims(t->arena));
    pq.finish(c);
}

/* Other migrations, and other shims, have another model. */
static const char *model_name(struct arena *a) {
    struct buf *b = buf_in(a);
    unsigned char digest[32];
    buf_text(b, shims(a));
    for (int i = 0; i < migrations_count; i++)
        buf_text(b, migrations[i].sha256);
    hash_blake2b(digest, buf_view(b));
    return arena_printf(a, "ava_model_%02x%02x%02x%02x", digest[0], digest[1], digest[2],
                        digest[3]);
}

/* The database that new ones are copies of: migrated by the first test of all programs, while the others wait for it. */
static void make_model(PGconn *server, struct temp *t, const char *model) {
    const char *half = arena_join(t->arena, model, "_half");
    must(server, t->arena, "SELECT pg_advisory_lock(27)");
    if (!must(server, t->arena,
              arena_printf(t->arena, "SELECT 1 FROM pg_database WHERE datname = '%s'", model))[0]) {
        must(server, t->arena, arena_join(t->arena, "DROP DATABASE IF EXISTS ", half));
        create(server, t, half, "template1");
        add_shims(t);
        if (!temp_reopen(t))
            abort();
        db_close(t->parts.db);
        must(server, t->arena,
             arena_printf(t->arena, "ALTER DATABASE %s RENAME TO %s", half, model));
    }
    must(server, t->arena, "SELECT pg_advisory_unlock(27)");
}

static void drop(struct arena *a, const char *url) {
    PGconn *server = reach(a, getenv("TEST_POSTGRES"));
    must(server, a, arena_printf(a, "DROP DATABASE %s WITH (FORCE)", strrchr(url, '/') + 1));
    pq.finish(server);
}

/* One with Ava's tables that the next test of this program takes, or "": a copy of the model takes several times as long as
 * to empty its tables. */
static char kept[400];

static void drop_kept(void) {
    struct arena *a = arena_new(1 << 16);
    if (kept[0])
        drop(a, kept);
    arena_free(a);
}

static bool take_kept(struct temp *t) {
    if (!kept[0])
        return false;
    str_copy(t->url, sizeof t->url, str_of(kept));
    kept[0] = 0;
    must(beside(t), t->arena, "CALL tests.empty()");
    return true;
}

void temp_postgres_make(struct temp *t, bool has_tables) {
    static int count;
    t->is_altered = !has_tables;
    if (has_tables && take_kept(t))
        return;
    PGconn *server = reach(t->arena, getenv("TEST_POSTGRES"));
    const char *model = model_name(t->arena);
    if (has_tables)
        make_model(server, t, model);
    create(server, t, arena_printf(t->arena, "ava_unit_%d_%d", (int)getpid(), count++),
           has_tables ? model : "template1");
    pq.finish(server);
    if (!has_tables)
        add_shims(t);
}

void temp_postgres_end(struct temp *t) {
    static bool is_ready;
    pq.finish(t->beside);
    t->beside = NULL;
    if (t->is_altered || kept[0]) {
        drop(t->arena, t->url);
        return;
    }
    str_copy(kept, sizeof kept, str_of(t->url));
    if (!is_ready)
        atexit(drop_kept);
    is_ready = true;
}

/* --- what Ava logs ------------------------------------------------------------------------------------ */

void temp_postgres_log(struct temp *t) {
    char path[sizeof t->dir + 8];
    snprintf(path, sizeof path, "%s/log", t->dir);
    t->log_fd = open(path, O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
    if (t->log_fd < 0)
        abort();
    log_setup(LOG_ERROR, true, t->log_fd);
}

/* Refused for what it is: a class of SQLSTATE that is about values, constraints, states of a session or texts, or a deadlock
 * (as tests/lib/database.mjs has them). */
static bool is_wrong(const char *line) {
    static const char STATE[] = "\"state\":\"";
    static const char *const CLASSES[] = { "0A", "21", "22", "23", "24", "25", "26", "40", "42" };
    const char *state = strstr(line, STATE);
    if (strstr(line, "after one that comes behind it"))
        return true;
    for (size_t i = 0; state && i < ARRAY_LEN(CLASSES); i++)
        if (strncmp(state + strlen(STATE), CLASSES[i], 2) == 0)
            return true;
    return false;
}

void temp_postgres_judge(struct temp *t, char *wrong, size_t room) {
    log_setup(LOG_OFF, true, 2);
    FILE *log = fdopen(t->log_fd, "r");
    char line[4096];
    rewind(log);
    while (!t->may_be_refused && !wrong[0] && fgets(line, sizeof line, log))
        if (strstr(line, "\"event\":\"db\"") && is_wrong(line))
            str_copy(wrong, room, str_trim(str_of(line)));
    fclose(log);
}
