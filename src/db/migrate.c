#include "db/migrate.h"

#include <string.h>

#include "base/clock.h"
#include "obs/log.h"

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

/* The number of the last migration applied, after comparing every checksum with what is built
 * in; -1 with words when they differ. */
static int applied(struct migrate *m) {
    int last = 0;
    bool good = true;
    struct db_stmt *q =
        db_use(m->on->c, "SELECT number, sha256 FROM schema_migrations ORDER BY number");
    while (good && db_next(q)) {
        last = (int)db_i64(q);
        const char *sum = db_text(q, m->ctx.arena);
        if (last > migrations_count) {
            *m->why = arena_printf(m->ctx.arena,
                                   "the database has schema %d, this program knows %d: it was used "
                                   "by a newer Ava; start that one",
                                   last, migrations_count);
            good = false;
        } else if (strcmp(sum, migrations[last - 1].sha256) != 0) {
            *m->why = arena_printf(m->ctx.arena,
                                   "migration %d (%s) is not the one this database was made with",
                                   last, migrations[last - 1].name);
            good = false;
        }
    }
    if (db_done(&m->ctx, q) != OK)
        good = fail(m, "cannot read schema_migrations");
    return good ? last : -1;
}

/* Runs one migration in a transaction, and remembers its checksum. */
static bool apply(struct migrate *m, const struct migration *what) {
    if (exec(m, m->on->begin) != OK)
        return fail(m, "cannot begin");
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
    if (db_run(&m->ctx, q) != OK || exec(m, "COMMIT") != OK) {
        fail(m, what->name);
        exec(m, "ROLLBACK");
        return false;
    }
    return true;
}

bool migrate(const struct migrate_on *on, bool keeps_schema, struct arena *a, int *version,
             const char **why) {
    struct migrate m = { .on = on, .why = why };
    ctx_init(&m.ctx, NULL, a, 600000);
    if (exec(&m, "CREATE TABLE IF NOT EXISTS schema_migrations (number INTEGER PRIMARY KEY,"
                 " name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at INTEGER NOT NULL)"
                 " STRICT") != OK)
        return fail(&m, "cannot write the database");
    int from = applied(&m);
    if (from < 0)
        return false;
    if (keeps_schema && from < migrations_count) {
        *why = from ? arena_printf(
                          a,
                          "an older Ava is serving from this database (schema %d, this one needs "
                          "%d): restart it with this version first",
                          from, migrations_count)
                    : "nothing of Ava is in this database yet: ava serve makes its tables";
        return false;
    }
    if (from > 0 && from < migrations_count && on->copy && !on->copy(&m.ctx, on->c, from, why))
        return false;
    int to = from;
    while (to < migrations_count && apply(&m, &migrations[to]))
        to++;
    if (to > from)
        log_info(NULL, "migrated", L("database", from ? "brought up to date" : "created"),
                 L("from", from), L("to", to));
    *version = to;
    return to == migrations_count;
}
