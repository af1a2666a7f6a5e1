/* backup, restore: all data in one checked file, and back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "cli/copied.h"
#include "cli/house.h"
#include "crypto/crypto.h"
#include "crypto/hash.h"
#include "db/backups.h"
#include "db/restore.h"
#include "db/snapshot.h"
#include "store/audit.h"
#include "store/sessions.h"
#include "tasks/operations.h"

static const char STAGED[] = "ava.db.restoring";

static bool is_there(const char *path, struct stat *st) {
    return stat(path, st) == 0;
}

static const char *in_folder(struct cli *cli, const char *folder, const char *name) {
    size_t len = strlen(folder);
    bool ends = len && folder[len - 1] == '/';
    return arena_printf(cli->arena, ends ? "%s%s" : "%s/%s", folder, name);
}

static void say_snapshot(struct cli *cli, const char *file, const struct snapshot *s) {
    char made[32];
    struct buf *b = buf_in(cli->arena);
    struct jsonw w = jsonw_to(b);
    clock_rfc3339(s->made_ms, made);
    if (!cli_has(cli, "json")) {
        printf("%s: %.1f MB, as of %s, by Ava %s, schema %lld; every byte was read back\n",
               cli_printable(cli->arena, file), (double)s->bytes / 1e6, made,
               cli_printable(cli->arena, s->version), (long long)s->schema);
        return;
    }
    jsonw_object(&w);
    jsonw_text_at(&w, "file", file);
    jsonw_i64_at(&w, "bytes", s->bytes);
    jsonw_i64_at(&w, "schema", s->schema);
    jsonw_text_at(&w, "made_at", made);
    jsonw_text_at(&w, "version", s->version);
    jsonw_object_end(&w);
    cli_print_json(buf_view(b));
}

/* --- backup ---------------------------------------------------------------------------------- */

/* What lies in the folder beside a DATABASE_URL, from before, is not the data. */
static int only_sqlite(const struct config *c) {
    if (!secret_is_set(&c->database_url))
        return EXIT_OK;
    return cli_fail(
        EXIT_CONFIG,
        "DATABASE_URL: the data is in PostgreSQL, whose own tools make backups and restore them: "
        "pg_dump --format=custom, pg_restore (docs/postgresql.md); nothing was changed");
}

int cmd_backup(struct cli *cli) {
    struct config config;
    struct stat st;
    struct snapshot made;
    const char *to = cli_arg(cli, 0), *why = "";
    int status = cli_config(cli, &config);
    if (status == EXIT_OK)
        status = only_sqlite(&config);
    if (status != EXIT_OK)
        return status;
    if (!to || cli_arg(cli, 1))
        return cli_fail(EXIT_USAGE, "backup takes the file to write, or a folder: ava backup FILE");
    const char *database = in_folder(cli, config.data_dir, "ava.db");
    if (!is_there(database, &st))
        return cli_fail(EXIT_CONFIG, "AVA_DATA_DIR: there is no database %s: %s", database,
                        strerror(errno));
    if (!crypto_init())
        return cli_fail(EXIT_FAILED, "the cryptography library does not work on this machine");
    if (is_there(to, &st) && S_ISDIR(st.st_mode))
        to = in_folder(cli, to, backups_name(cli->arena, ava_wall_ms()));
    if (is_there(to, &st))
        return cli_fail(EXIT_FAILED, "%s is there already; a backup replaces nothing", to);
    umask(S_IRWXG | S_IRWXO);
    struct snapshot_order order = { .database = database,
                                    .to = to,
                                    .gently = true,
                                    .hash = hash_blake2b,
                                    .mirror = copied,
                                    .arg = (void *)config.data_dir };
    if (!snapshot_write(&order, cli->arena, &made, &why))
        return cli_fail(EXIT_FAILED, "%s; nothing was kept", why);
    backups_note(database, to, &made, cli->arena);
    say_snapshot(cli, to, &made);
    if (!cli_has(cli, "json"))
        fprintf(stderr, "The master keys are not in it: without them nobody opens what is sealed. "
                        "Keep a copy of them somewhere else.\n");
    return EXIT_OK;
}

/* --- restore --------------------------------------------------------------------------------- */

struct restore {
    const char *file, *staged, *database, *aside;
    struct snapshot made;
    int64_t doubtful;
    bool had_one;
};

static enum err sign(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct restore *r = arg;
    char made[32];
    clock_rfc3339(r->made.made_ms, made);
    TRY(session_end_all(ctx, tx));
    return audit_write(
        ctx, tx,
        (struct audit_entry){ .workspace_id = "",
                              .action = "restore",
                              .detail = arena_printf(ctx->arena,
                                                     "{\"made_at\":\"%s\",\"unconfirmed\":%lld}",
                                                     made, (long long)r->doubtful) });
}

/* The unpacked database as the next server may have it: under keys that open it, with the schema of this
 * program, and nothing in it that would be done twice. */
static int make_ready(struct house *h, struct cli *cli, struct restore *r) {
    struct ctx ctx;
    int status = house_furnish(h, cli, HOUSE_RESTORE, STAGED);
    if (status != EXIT_OK)
        return status;
    house_ctx(h, &ctx, cli->arena);
    enum err e = operations_doubt(&ctx, &r->doubtful);
    if (e == OK)
        e = db_write(&ctx, sign, r);
    return e == OK ? EXIT_OK : house_say(&ctx, e);
}

static void say_restored(struct cli *cli, const struct restore *r) {
    bool is_dry = cli_has(cli, "dry-run");
    say_snapshot(cli, r->file, &r->made);
    fprintf(
        stderr, "%s\n",
        is_dry
            ? "It can be restored: it is whole, and the master keys open it. Nothing was changed."
            : "Restored.");
    if (r->doubtful)
        fprintf(stderr,
                "%lld calls, messages or mails had not ended when it was made. They may have been "
                "done since, so Ava does not do them again: they are shown as unconfirmed.\n",
                (long long)r->doubtful);
    if (is_dry)
        return;
    if (r->had_one)
        fprintf(stderr,
                "What was there before is kept as %s; remove it when you need it no more.\n",
                cli_printable(cli->arena, r->aside));
    fprintf(stderr, "Everybody signs in again. API keys and members that were removed after it was "
                    "made are back: remove them again.\n");
}

/* Unpacks, looks through and, unless it is a rehearsal, puts in place. The house is h's; it is left with
 * nothing open. */
static int restore_in(struct house *h, struct cli *cli, struct restore *r) {
    const char *why = "";
    int lock = h->lock;
    restore_clear(r->staged, cli->arena);
    if (!snapshot_unpack(r->file, r->staged, hash_blake2b, cli->arena, &r->made, &why))
        return cli_fail(EXIT_CONFIG, "%s; nothing was changed", why);
    int status = make_ready(h, cli, r);
    h->lock = -1; /* kept until it is in place */
    house_close(h);
    h->lock = lock;
    if (status == EXIT_OK && !cli_has(cli, "dry-run") &&
        !restore_swap(r->staged, r->database, r->aside, cli->arena, &why))
        status = cli_fail(EXIT_FAILED, "%s", why);
    restore_clear(r->staged, cli->arena);
    if (status == EXIT_OK)
        say_restored(cli, r);
    return status;
}

int cmd_restore(struct cli *cli) {
    struct house h;
    struct stat st;
    char now[32];
    struct restore r = { .file = cli_arg(cli, 0) };
    if (!r.file || cli_arg(cli, 1))
        return cli_fail(EXIT_USAGE, "restore takes the backup to restore: ava restore FILE");
    int status = house_enter(&h, cli, HOUSE_RESTORE);
    if (status == EXIT_OK)
        status = only_sqlite(&h.config);
    if (status == EXIT_OK) {
        const char *folder = h.config.data_dir;
        clock_rfc3339(ava_wall_ms(), now);
        r.staged = in_folder(cli, folder, STAGED);
        r.database = in_folder(cli, folder, "ava.db");
        r.aside = arena_printf(cli->arena, "%s.replaced.%s", r.database, now);
        r.had_one = is_there(r.database, &st);
        if (r.had_one && !cli_has(cli, "replace") && !cli_has(cli, "dry-run"))
            status =
                cli_fail(EXIT_CONFIG,
                         "AVA_DATA_DIR: there is data in %s already; with --replace it is kept "
                         "aside (nothing was changed)",
                         folder);
        else
            status = restore_in(&h, cli, &r);
    }
    house_close(&h);
    return status;
}
