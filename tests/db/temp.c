#include "db/temp.h"

#include <dirent.h>
#include <setjmp.h>
#include <sqlite3.h>

#include "db/temp_postgres.h"
#include "test.h"

bool temp_on_postgres(void) {
    return getenv("TEST_POSTGRES") !=
           NULL; /* by this name tools/test knows a program that opens a database */
}

void temp_sqlite_only(const char *why) {
    if (!temp_on_postgres())
        return;
    print_message("# %s\n", why);
    skip();
}

void temp_skip_all(const char *why) {
    if (!temp_on_postgres())
        return;
    printf("1..1\n# %s\nok 1 # SKIP all of it\n", why);
    exit(0);
}

/* --- opening and closing ------------------------------------------------------------------------- */

void temp_ctx(struct temp *t, struct ctx *ctx) {
    ctx_init(ctx, &t->parts, t->arena, 60000);
}

struct db_conf temp_conf(const struct temp *t) {
    return (
        struct db_conf){ .path = t->path, .hash = hash_blake2b, .url = t->url, .connections = 8 };
}

bool temp_reopen(struct temp *t) {
    struct db_conf conf = temp_conf(t);
    const char *why = "";
    t->parts.db = db_open(&conf, t->arena, &why);
    if (!t->parts.db)
        fprintf(stderr, "# %s\n", why);
    temp_ctx(t, &t->ctx);
    return t->parts.db != NULL;
}

/* A folder, and no database yet. */
static void begin(struct temp *t) {
    *t = (struct temp){ .arena = arena_new(64 << 20) };
    str_copy(t->dir, sizeof t->dir, str_of("/tmp/ava-test-XXXXXX"));
    if (!mkdtemp(t->dir))
        abort();
    snprintf(t->path, sizeof t->path, "%s/ava.db", t->dir);
    if (temp_on_postgres())
        temp_postgres_log(t);
    else
        log_setup(LOG_OFF, true, 2);
    crypto_init();
    temp_ctx(t, &t->ctx);
}

void temp_folder(struct temp *t) {
    begin(t);
    if (temp_on_postgres())
        temp_postgres_make(t, false);
}

void temp_open(struct temp *t) {
    begin(t);
    if (temp_on_postgres())
        temp_postgres_make(t, true);
    if (!temp_reopen(t))
        abort();
}

void temp_empty(struct temp *t) {
    if (!t->url[0]) {
        unlink(t->path);
        return;
    }
    temp_postgres_end(t);
    temp_postgres_make(t, false);
}

void temp_close(struct temp *t) {
    DIR *d = opendir(t->dir);
    struct dirent *e;
    char path[400], wrong[400] = "";
    db_close(t->parts.db);
    if (t->url[0]) {
        temp_postgres_judge(t, wrong, sizeof wrong);
        temp_postgres_end(t);
    }
    while (d && (e = readdir(d))) {
        snprintf(path, sizeof path, "%s/%s", t->dir, e->d_name);
        if (e->d_name[0] != '.')
            unlink(path);
    }
    closedir(d);
    rmdir(t->dir);
    arena_free(t->arena);
    CHECK_TEXT(wrong, "");
}

/* --- beside Ava ----------------------------------------------------------------------------------- */

static sqlite3 *open_file(const struct temp *t) {
    sqlite3 *db;
    if (sqlite3_open(t->path, &db) != SQLITE_OK)
        abort();
    sqlite3_busy_timeout(db, 10000);
    return db;
}

static const char *file_sql(struct temp *t, const char *sql) {
    sqlite3 *db = open_file(t);
    sqlite3_stmt *q = NULL;
    const char *out = "";
    int rc = sqlite3_prepare_v2(db, sql, -1, &q, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(q)) == SQLITE_ROW && sqlite3_column_text(q, 0))
        out = arena_strdup(t->arena, (const char *)sqlite3_column_text(q, 0));
    if (rc != SQLITE_OK && rc != SQLITE_ROW && rc != SQLITE_DONE)
        out = arena_printf(t->arena, "error: %s", sqlite3_errmsg(db));
    sqlite3_finalize(q);
    sqlite3_close(db);
    return out;
}

static const char *file_all(struct temp *t, const char *sql) {
    sqlite3 *db = open_file(t);
    char *why = NULL;
    sqlite3_exec(db, sql, NULL, NULL, &why);
    const char *said = why ? arena_strdup(t->arena, why) : "";
    sqlite3_free(why);
    sqlite3_close(db);
    return said;
}

const char *temp_sql(struct temp *t, const char *sql) {
    const char *why, *said;
    if (!t->url[0])
        return file_sql(t, sql);
    said = temp_postgres_all(t, sql, &why);
    return why[0] ? arena_join(t->arena, "error: ", why) : said;
}

const char *temp_all(struct temp *t, const char *sql) {
    const char *why;
    if (!t->url[0])
        return file_all(t, sql);
    temp_postgres_all(t, sql, &why);
    return why;
}

bool temp_script(struct temp *t, const char *sql) {
    const char *why = temp_all(t, sql);
    if (why[0])
        fprintf(stderr, "# %s\n", why);
    return !why[0];
}
