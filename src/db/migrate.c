#include "db/migrate.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "obs/log.h"

enum { MIGRATIONS_MAX = 1000 };

struct migrate {
    const struct migrate_on *on;
    struct ctx ctx;
    const char **why;
};

static enum err exec(struct migrate *m, const char *sql) {
    return m->on->exec(m->on->c, sql);
}

/* Puts what failed and the words of the database into *why; false. */
static bool fail(struct migrate *m, const char *what) {
    *m->why = arena_printf(m->ctx.arena, "%s: %s", what, m->on->error(m->on->c));
    return false;
}

/* What is there already. */
struct applied {
    bool is[MIGRATIONS_MAX + 1]; /* by number */
    int last;                    /* 0: nothing */
};

/* The least schema that a program must know to go on with it; -1 where nobody wrote that down. */
static int least(struct migrate *m) {
    int64_t number = -1;
    struct db_stmt *q = db_use(m->on->c, "SELECT value FROM meta WHERE name = '" MIGRATE_LEAST "'");
    if (db_next(q) && !str_to_i64(db_blob(q, m->ctx.arena), 0, MIGRATIONS_MAX, &number))
        number = -1;
    return db_done(&m->ctx, q) == OK ? (int)number : -1;
}

/* A program of before the last contract would meet a schema that lacks something. */
static bool may_be_newer(struct migrate *m, int last) {
    int number = last > migrations_count ? least(m) : 0;
    if (number >= 0 && number <= migrations_count)
        return true;
    *m->why = arena_printf(m->ctx.arena,
                           "the database has schema %d, this program knows %d: it was used "
                           "by a newer Ava; start that one",
                           last, migrations_count);
    return false;
}

/* What is applied, after comparing every checksum with what is built in; false with words when they differ. */
static bool look(struct migrate *m, struct applied *out) {
    bool good = true;
    struct db_stmt *q =
        db_use(m->on->c, "SELECT number, sha256 FROM schema_migrations ORDER BY number");
    while (good && db_next(q)) {
        int n = out->last = (int)db_i64(q);
        const char *sum = db_text(q, m->ctx.arena);
        if (n < 1 || n > migrations_count)
            continue;
        out->is[n] = true;
        good = strcmp(sum, migrations[n - 1].sha256) == 0;
        if (!good)
            *m->why = arena_printf(m->ctx.arena,
                                   "migration %d (%s) is not the one this database was made with",
                                   n, migrations[n - 1].name);
    }
    if (db_done(&m->ctx, q) != OK)
        return fail(m, "cannot read schema_migrations");
    return good && may_be_newer(m, out->last);
}

/* Writes down who can go on with it from now on. */
static enum err note_least(struct migrate *m, const struct migration *what) {
    struct db_stmt *q =
        db_use(m->on->c, "INSERT INTO meta (name, value) VALUES ('" MIGRATE_LEAST
                         "', ?1) ON CONFLICT (name) DO UPDATE SET value ="
                         " CASE WHEN ?2 > 0 THEN excluded.value ELSE meta.value END");
    const char *digits = arena_printf(m->ctx.arena, "%d", what->is_contract ? what->number : 0);
    db_bind_blob(q, digits, strlen(digits));
    db_bind_i64(q, what->is_contract);
    return db_run(&m->ctx, q);
}

/* Runs one migration in a transaction, and remembers its checksum. */
static bool apply(struct migrate *m, const struct migration *what) {
    if (exec(m, m->on->begin) != OK)
        return fail(m, "cannot begin");
    if (what->is_contract && m->on->may_contract &&
        !m->on->may_contract(&m->ctx, m->on->c, what->number, m->why)) {
        exec(m, "ROLLBACK");
        return false;
    }
    if (exec(m, what->sql) != OK) {
        fail(m, what->name);
        exec(m, "ROLLBACK");
        return false;
    }
    struct db_stmt *q =
        db_use(m->on->c, "INSERT INTO schema_migrations (number, name, sha256, applied_at)"
                         " VALUES (?, ?, ?, ?)");
    db_bind_i64(q, what->number);
    db_bind_text(q, what->name);
    db_bind_text(q, what->sha256);
    db_bind_i64(q, ava_wall_ms());
    if (db_run(&m->ctx, q) != OK || note_least(m, what) != OK || exec(m, "COMMIT") != OK) {
        fail(m, what->name);
        exec(m, "ROLLBACK");
        return false;
    }
    return true;
}

/* Is it to be applied now? */
static bool is_due(const struct migrate *m, const struct applied *there, int number,
                   enum db_schema how) {
    const struct migration *what = &migrations[number - 1];
    bool waits = what->is_contract && m->on->may_contract && how != DB_SCHEMA_FINISH;
    return !there->is[number] && !waits;
}

/* One after the other; a command beside a server applies nothing. */
static bool apply_all(struct migrate *m, struct applied *there, enum db_schema how) {
    int from = there->last, next = 1;
    while (next <= migrations_count && !is_due(m, there, next, how))
        next++;
    if (next > migrations_count)
        return true;
    if (how == DB_SCHEMA_KEEP) {
        *m->why = from
                      ? arena_printf(
                            m->ctx.arena,
                            "an older Ava is serving from this database (schema %d, this one needs "
                            "%d): restart it with this version first",
                            from, migrations_count)
                      : "nothing of Ava is in this database yet: ava serve makes its tables";
        return false;
    }
    if (from > 0 && m->on->copy && !m->on->copy(&m->ctx, m->on->c, from, m->why))
        return false;
    for (; next <= migrations_count; next++) {
        if (!is_due(m, there, next, how))
            continue;
        if (!apply(m, &migrations[next - 1]))
            return false;
        there->last = next > there->last ? next : there->last;
    }
    log_info(NULL, "migrated", L("database", from ? "brought up to date" : "created"),
             L("from", from), L("to", there->last));
    return true;
}

bool migrate(const struct migrate_on *on, enum db_schema how, struct arena *a, int *version,
             const char **why) {
    struct migrate m = { .on = on, .why = why };
    struct applied there = { .last = 0 };
    ctx_init(&m.ctx, NULL, a, 600000);
    assert(migrations_count <= MIGRATIONS_MAX);
    if (exec(&m, "CREATE TABLE IF NOT EXISTS schema_migrations (number INTEGER PRIMARY KEY,"
                 " name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at INTEGER NOT NULL)"
                 " STRICT") != OK)
        return fail(&m, "cannot write the database");
    bool good = look(&m, &there) && apply_all(&m, &there, how);
    *version = there.last;
    return good;
}
