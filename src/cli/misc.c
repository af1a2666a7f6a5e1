/* version, openapi, completion, help, migrate, rotate-keys. */
#include <stdio.h>
#include <string.h>

#include "cli/house.h"
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

int cmd_completion(struct cli *cli) {
    const char *shell = cli_arg(cli, 0);
    if (!shell || strcmp(shell, "bash") != 0)
        return cli_fail(EXIT_USAGE, "completion knows bash only: ava completion bash");
    printf("# source <(ava completion bash)\n"
           "_ava() {\n"
           "    local verbs second\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "        verbs='");
    for (size_t i = 0; i < commands_count; i++) {
        struct str rest, first = str_cut(str_of(commands[i].name), ' ', &rest), before = { 0 };
        if (i)
            before = str_cut(str_of(commands[i - 1].name), ' ', &rest);
        if (!str_eq(first, before))
            printf("%.*s ", STR_FMT(first));
    }
    printf("'\n    else\n        case \"${COMP_WORDS[1]}\" in\n");
    for (size_t i = 0; i < commands_count; i++) {
        struct str second, first = str_cut(str_of(commands[i].name), ' ', &second);
        if (second.ptr)
            printf("        %.*s) second+=' %.*s' ;;&\n", STR_FMT(first), STR_FMT(second));
    }
    printf("        esac\n        verbs=\"$second --json --config --help\"\n    fi\n"
           "    COMPREPLY=($(compgen -W \"$verbs\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
           "}\ncomplete -F _ava ava\n");
    return EXIT_OK;
}

static void help_of(const struct command *c) {
    printf("ava %s %s\n\n  %s\n", c->name, c->usage, c->help);
    printf(
        "\nEvery setting is a flag too: --listen 0.0.0.0:8000 is AVA_LISTEN, --cache-ttl-seconds "
        "60 is CACHE_TTL_SECONDS.\nSecrets by file only: --master-keys-file PATH.\n");
}

int cmd_help(struct cli *cli) {
    size_t from = cli->arg_count && strcmp(cli->args[0], "help") == 0 ? 1 : 0;
    if (cli->arg_count > from) {
        bool found = false;
        for (size_t i = 0; i < commands_count; i++) {
            struct str second, first = str_cut(str_of(commands[i].name), ' ', &second);
            if (str_is(first, cli->args[from]) &&
                (cli->arg_count < from + 2 || !second.ptr || str_is(second, cli->args[from + 1])))
                help_of(&commands[i]), found = true;
        }
        return found ? EXIT_OK
                     : cli_fail(EXIT_USAGE, "there is no verb '%s'; 'ava help' lists them all",
                                cli->args[from]);
    }
    printf("Ava %s - between a voice product and its providers.\n\n", AVA_VERSION);
    for (size_t i = 0; i < commands_count; i++)
        printf("  ava %-24s %s\n", commands[i].name, commands[i].help);
    printf("\nFlags everywhere: --config FILE --json --help, and every setting "
           "(ava config show lists them).\n");
    return EXIT_OK;
}

int cmd_migrate(struct cli *cli) {
    struct house h;
    int status = house_open(&h, cli, false); /* opening brings it up to date */
    if (status == EXIT_OK)
        printf("%s\n", db_about(h.parts.db, cli->arena));
    house_close(&h);
    return status;
}

int cmd_rotate_keys(struct cli *cli) {
    struct house h;
    struct ctx ctx;
    struct vault_rotation r;
    int status = house_open(&h, cli, false);
    if (status == EXIT_OK) {
        house_ctx(&h, &ctx, cli->arena);
        enum err e = vault_rotate(&ctx, cli_has(cli, "data"), &r);
        status = e == OK ? EXIT_OK : house_say(&ctx, e);
        if (e == OK)
            printf("active key %s: %lld keys wrapped anew, %lld fields sealed anew, %lld old data "
                   "keys removed\n",
                   vault_active_key_id(h.parts.vault), (long long)r.rewrapped,
                   (long long)r.resealed, (long long)r.retired);
    }
    house_close(&h);
    return status;
}
