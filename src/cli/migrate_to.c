#include "cli/migrate_to.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "cli/house.h"
#include "cli/owner.h"
#include "db/copy.h"
#include "db/migrate.h"
#include "service/upkeep/audit_heads.h"

struct move {
    struct cli *cli;
    struct house house;       /* the folder is its, from the beginning to the end */
    struct secret url, keys;  /* keys: AVA_MASTER_KEYS, which is read once and opens both */
    const char *file, *about; /* the SQLite database; the other one */
    struct copy_source *from;
    struct copy_target *to;
    struct copy_found found;
    int schema; /* of the file, as it was found */
    bool is_dry;
    int64_t began_ms, took_ms;
    struct audit_check audit;
};

/* --- where to ------------------------------------------------------------------------------------- */

static int read_url(const char *file, struct secret *out) {
    char text[SECRET_MAX_BYTES];
    FILE *f = fopen(file, "re");
    size_t len = f ? fread(text, 1, sizeof text, f) : 0;
    bool good = f && !ferror(f);
    int why = errno;
    if (f)
        fclose(f);
    if (!good)
        return cli_fail(EXIT_CONFIG, "--to-file: %s cannot be read: %s", file, strerror(why));
    if (len == sizeof text)
        return cli_fail(EXIT_CONFIG, "--to-file: %s is too long to be a URL", file);
    while (len && strchr("\r\n", text[len - 1]))
        len--;
    secret_set(out, (struct str){ text, len });
    explicit_bzero(text, sizeof text);
    return EXIT_OK;
}

/* The URL, which is a secret. One that stands among the words of this process is covered there. */
static int take_url(struct move *m) {
    const char *to = cli_flag(m->cli, "to"), *file = cli_flag(m->cli, "to-file");
    const struct config *c = &m->house.config;
    int status = EXIT_OK;
    if (to && file)
        return cli_fail(EXIT_USAGE, "--to and --to-file say the same: give one of them");
    if (file)
        status = read_url(file, &m->url);
    else if (strcmp(to, "DATABASE_URL") == 0)
        secret_set(&m->url, secret_reveal(&c->database_url));
    else if (!secret_set(&m->url, str_of(to)))
        return cli_fail(EXIT_USAGE, "--to is too long");
    else
        memset((char *)to, 'x', strlen(to));
    if (status == EXIT_OK && !secret_is_set(&m->url))
        status = cli_fail(EXIT_CONFIG, file ? "--to-file: the file is empty"
                                            : "--to DATABASE_URL: that setting is empty");
    return status;
}

/* Refused, and nothing was changed. */
static int refuse(const char *why) {
    return cli_fail(EXIT_CONFIG, "%s (nothing was copied)", why);
}

static int open_target(struct move *m) {
    struct arena *a = m->cli->arena;
    const char *why = "", *url = str_dup(a, secret_reveal(&m->url));
    bool is_refused = false;
    int schema;
    m->to = copy_pg_open(url, a, &is_refused, &why);
    explicit_bzero((char *)url, strlen(url));
    if (!m->to)
        return cli_fail(is_refused ? EXIT_CONFIG : EXIT_FAILED, "%s (nothing was copied)", why);
    m->about = copy_pg_about(m->to);
    return copy_pg_is_free(m->to, &schema) ? EXIT_OK : refuse(m->to->why);
}

/* --- where from ----------------------------------------------------------------------------------- */

/* Opens the database that the settings of the house lead to, and the vault; opening forgets the keys. */
static int furnish(struct move *m, enum house_use use) {
    secret_set(&m->house.config.master_keys, secret_reveal(&m->keys));
    return house_furnish(&m->house, m->cli, use, "ava.db");
}

/* The folder stays this process's. */
static void unfurnish(struct move *m) {
    int lock = m->house.lock;
    m->house.lock = -1;
    house_close(&m->house);
    m->house.lock = lock;
}

static int open_source(struct move *m) {
    const char *why = "";
    m->from = copy_sqlite_open(m->file, m->cli->arena, &why);
    return m->from ? EXIT_OK : cli_fail(EXIT_FAILED, "%s", why);
}

static int look_at_schema(struct move *m) {
    int status = open_source(m);
    if (status != EXIT_OK)
        return status;
    m->schema = copy_sqlite_schema(m->from);
    copy_sqlite_close(m->from);
    m->from = NULL;
    if (m->schema < 1)
        return refuse(arena_printf(m->cli->arena, "%s is no database of Ava", m->file));
    if (m->schema > migrations_count)
        return refuse(arena_printf(m->cli->arena,
                                   "%s has schema %d, this program knows %d: it was used by a "
                                   "newer Ava; let that one copy it",
                                   m->file, m->schema, migrations_count));
    return EXIT_OK;
}

/* Opens it as a server would: looked through, up to date after a copy, and with the keys that open it. A rehearsal
 * leaves an older one as it is. */
static int make_ready(struct move *m) {
    int status = look_at_schema(m);
    if (status != EXIT_OK || (m->is_dry && m->schema < migrations_count))
        return status;
    status = furnish(m, HOUSE_RESTORE);
    unfurnish(m);
    return status;
}

static int object(const struct copy_found *f) {
    for (int i = 0; i < COPY_OBJECTIONS_MAX && i < f->objection_count; i++)
        fprintf(stderr, "ava: %s\n", f->objections[i]);
    return cli_fail(EXIT_CONFIG,
                    "%lld values cannot be copied as they are; Ava writes none of that kind, so "
                    "something else did: change them or remove their rows (sqlite3, after ava "
                    "backup), then run this again (nothing was copied)",
                    (long long)f->objection_count);
}

static int look(struct move *m) {
    int status = open_source(m);
    if (status != EXIT_OK)
        return status;
    if (!copy_sqlite_is_sound(m->from) || !copy_look(m->from, &m->found))
        return refuse(m->from->why);
    return m->found.objection_count ? object(&m->found) : EXIT_OK;
}

/* --- the copy ------------------------------------------------------------------------------------- */

static void say_table(const struct copy_table *t) {
    fprintf(stderr, "  %-22s %lld rows\n", t->name, (long long)t->rows);
}

static int copy(struct move *m) {
    const char *why = "";
    bool is_quiet = cli_has(m->cli, "json") || cli_has(m->cli, "quiet");
    if (!copy_pg_make_tables(m->to))
        return cli_fail(copy_pg_is_lost(m->to) ? EXIT_FAILED : EXIT_CONFIG,
                        "%s (nothing was copied)", m->to->why);
    if (copy_all(m->from, m->to, &m->found, is_quiet ? NULL : say_table, &why))
        return EXIT_OK;
    return cli_fail(EXIT_FAILED, "%s\nava: nothing is half copied, and %s is as it was", why,
                    m->file);
}

/* Opens the copy as a command beside a server would, with the keys, and looks through the audit log there. */
static int verify(struct move *m) {
    struct ctx ctx;
    struct audit_head none = { .seq = 0 };
    secret_set(&m->house.config.database_url, secret_reveal(&m->url));
    int status = furnish(m, HOUSE_COMMAND);
    if (status == EXIT_OK) {
        house_ctx(&m->house, &ctx, m->cli->arena);
        enum err e = audit_check(&ctx, &none, NULL, &m->audit);
        status = e == OK ? EXIT_OK : house_say(&ctx, e);
    }
    unfurnish(m);
    if (status == EXIT_OK && m->audit.wrong)
        status = cli_fail(EXIT_FAILED,
                          "the audit log: row %lld: %s (ava audit verify tells whether it is so in "
                          "SQLite, too)",
                          (long long)m->audit.bad_seq, m->audit.wrong);
    return status;
}

/* --- what is said --------------------------------------------------------------------------------- */

static void print_json(const struct move *m) {
    struct buf *b = buf_in(m->cli->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_bool_at(&w, "dry_run", m->is_dry);
    jsonw_text_at(&w, "to", m->about);
    jsonw_i64_at(&w, "schema", m->schema);
    jsonw_i64_at(&w, "tables", (int64_t)m->found.tables.count);
    jsonw_i64_at(&w, "rows", m->found.rows);
    jsonw_i64_at(&w, "bytes", m->found.bytes);
    if (!m->is_dry) {
        jsonw_i64_at(&w, "took_ms", m->took_ms);
        jsonw_i64_at(&w, "audit_rows", m->audit.rows);
    }
    jsonw_object_end(&w);
    cli_print_json(buf_view(b));
}

static void print(const struct move *m) {
    const char *what =
        arena_printf(m->cli->arena, "%zu tables, %lld rows, %.1f MB", m->found.tables.count,
                     (long long)m->found.rows, (double)m->found.bytes / 1e6);
    if (m->is_dry) {
        printf("%s can be copied to %s\n", what, cli_printable(m->cli->arena, m->about));
        return;
    }
    printf("copied  %s in %.1f s to %s; each table has as many rows there\n", what,
           (double)m->took_ms / 1e3, cli_printable(m->cli->arena, m->about));
    printf("ok      the master keys open it; %lld rows of the audit log in unbroken chains\n",
           (long long)m->audit.rows);
}

static void say_plan(const struct move *m) {
    if (m->schema < migrations_count)
        fprintf(stderr,
                "It would be brought up to date before, from schema %d to %d, after a copy is made "
                "beside it.\n",
                m->schema, migrations_count);
    if (!secret_is_set(&m->keys))
        fprintf(stderr, "AVA_MASTER_KEYS is not set: ava serve needs it with DATABASE_URL.\n");
    fprintf(stderr, "Nothing was changed.\n");
}

static void say_next(const struct move *m) {
    const char *folder = cli_printable(m->cli->arena, m->house.config.data_dir);
    fprintf(stderr, "Now set DATABASE_URL");
    if (!secret_is_set(&m->keys))
        fprintf(stderr,
                " and AVA_MASTER_KEYS_FILE=%s/master.keys (with DATABASE_URL, ava serve looks for "
                "no key file by itself; keep another copy of it)",
                folder);
    fprintf(stderr,
            "%s, and start Ava.\n%s/ava.db stays as it is, as a copy of before. Do not start Ava "
            "on it again: it would do once more what waits in it.\n",
            m->house.config.backup_dir[0] ? ", take AVA_BACKUP_DIR away" : "", folder);
}

/* --- the command ---------------------------------------------------------------------------------- */

static int move(struct move *m) {
    int status = take_url(m);
    secret_set(&m->keys, secret_reveal(&m->house.config.master_keys));
    secret_wipe(&m->house.config.database_url); /* what is read is the file */
    if (status == EXIT_OK)
        status = open_target(m);
    if (status == EXIT_OK)
        status = make_ready(m);
    if (status == EXIT_OK)
        status = look(m);
    if (status == EXIT_OK && !m->is_dry)
        status = copy(m);
    m->took_ms = ava_now_ms() - m->began_ms;
    if (status != EXIT_OK)
        return status;
    if (!m->is_dry && verify(m) != EXIT_OK)
        return cli_fail(EXIT_FAILED,
                        "everything was copied to %s before; what failed is the look "
                        "at it afterwards (ava audit verify, with DATABASE_URL)",
                        m->about);
    if (cli_has(m->cli, "json"))
        print_json(m);
    else
        print(m);
    (m->is_dry ? say_plan : say_next)(m);
    return EXIT_OK;
}

/* The folder, unless it has no database, as a server's: none begins meanwhile. */
static int enter(struct move *m) {
    struct stat st;
    int status = house_enter(&m->house, m->cli, HOUSE_LOOK);
    m->file = arena_printf(m->cli->arena, "%s/ava.db", m->house.config.data_dir);
    if (status == EXIT_OK && stat(m->file, &st) != 0)
        status = cli_fail(EXIT_CONFIG,
                          "AVA_DATA_DIR: there is no database %s: %s; name the folder of the "
                          "installation: --data-dir",
                          m->file, strerror(errno));
    if (status == EXIT_OK)
        status = owner_take(m->house.config.data_dir, m->cli->arena, &m->house.lock);
    return status;
}

int migrate_to(struct cli *cli) {
    struct move m = { .cli = cli, .is_dry = cli_has(cli, "dry-run"), .began_ms = ava_now_ms() };
    int status = enter(&m);
    if (status == EXIT_OK)
        status = move(&m);
    copy_sqlite_close(m.from);
    copy_pg_close(m.to);
    house_close(&m.house);
    secret_wipe(&m.url);
    secret_wipe(&m.keys);
    return status;
}
