/* version, openapi, migrate, rotate-keys. */
#include <stdio.h>
#include <string.h>

#include "cli/house.h"
#include "cli/migrate_to.h"
#include "cli/owner.h"
#include "db/backup.h"
#include "db/db.h"
#include "http/assets.h"
#include "vault/vault.h"

int cmd_version(struct cli *cli) {
    printf("ava %s\n", AVA_VERSION);
    return EXIT_OK;
}

int cmd_openapi(struct cli *cli) {
    const struct asset *a = asset_find(STR("/openapi.json"));
    if (!a)
        return cli_fail(EXIT_FAILED, "this program was built without the contract; run make build");
    fwrite(a->plain.data, 1, a->plain.len, stdout);
    putchar('\n');
    return EXIT_OK;
}

int cmd_migrate(struct cli *cli) {
    struct house h;
    if (cli_has(cli, "to") || cli_has(cli, "to-file"))
        return migrate_to(cli);
    if (cli_has(cli, "dry-run"))
        return cli_fail(EXIT_USAGE, "--dry-run goes with --to or --to-file");
    enum house_use use = cli_has(cli, "finish") ? HOUSE_FINISH : HOUSE_COMMAND;
    int status = house_open(&h, cli, use); /* opening brings it up to date */
    if (status == EXIT_OK) {
        const char *path = arena_printf(cli->arena, "%s/ava.db", h.config.data_dir);
        const char *copy = backup_newest(path, cli->arena);
        printf("%s\n", db_about(h.parts.db, cli->arena));
        if (copy)
            printf("as it was before the last migration: %s\n", copy);
    }
    house_close(&h);
    return status;
}

/* First everything comes under the active key. A server that begins then knows that it needs it, so that
 * none has to be kept out while the fields are sealed anew. */
static enum err rotate(struct ctx *ctx, struct house *h, bool new_data_keys,
                       struct vault_rotation *r) {
    TRY(vault_rotate(ctx, false, r));
    owner_leave(h->lock);
    h->lock = -1;
    int64_t rewrapped = r->rewrapped;
    if (new_data_keys)
        TRY(vault_rotate(ctx, true, r));
    r->rewrapped = rewrapped;
    return OK;
}

int cmd_rotate_keys(struct cli *cli) {
    struct house h;
    struct ctx ctx;
    struct vault_rotation r;
    char active[KEK_ID_BYTES];
    int status = house_open(&h, cli, HOUSE_ROTATION);
    if (status == EXIT_OK) {
        house_ctx(&h, &ctx, cli->arena);
        enum err e = rotate(&ctx, &h, cli_has(cli, "data"), &r);
        status = e == OK ? EXIT_OK : house_say(&ctx, e);
        vault_active_key_id(h.parts.vault, active);
        if (e == OK)
            printf("active key %s: %lld keys wrapped anew, %lld fields sealed anew, %lld old data "
                   "keys removed\n",
                   active, (long long)r.rewrapped, (long long)r.resealed, (long long)r.retired);
    }
    house_close(&h);
    return status;
}
