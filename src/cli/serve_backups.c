/* serve_backups: the backups that the server makes by itself, and what it knows of others. */
#include "cli/serve.h"
#include "crypto/hash.h"
#include "db/backups.h"

enum { HOUR_MS = 3600 * 1000 };

int serve_backups(struct serve *s, struct cli *cli) {
    const struct config *c = &s->house.config;
    const char *why = "";
    s->database = arena_printf(cli->arena, "%s/ava.db", c->data_dir);
    serve_copying_open(s);
    if (!c->backup_dir[0])
        return EXIT_OK;
    struct backups_conf conf = { .database = s->database,
                                 .folder = c->backup_dir,
                                 .every_ms = c->backup_every_hours * HOUR_MS,
                                 .keep = (int)c->backup_keep,
                                 .hash = hash_blake2b,
                                 .mirror = serve_copy,
                                 .of_mirror = s };
    s->backups = backups_start(&conf, &why);
    return s->backups ? EXIT_OK : cli_fail(EXIT_FAILED, "%s", why);
}
