#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

const struct command COMMANDS[] = {
    { "serve", "", "run Ava with real providers", "", cmd_serve },
    { "sandbox", "", "run Ava with pretend providers; nothing leaves this machine", "",
      cmd_sandbox },
    { "check-config", "", "say what is wrong with the settings, start nothing", "",
      cmd_check_config },
    { "config show", "[--origin]", "every setting and its value", "origin", cmd_config_show },
    { "config reload", "", "let the running Ava read its settings again, all or nothing", "",
      cmd_config_reload },
    { "status", "", "how the running Ava fares", "", cmd_status },
    { "user create", "--email E --password-file F [--role admin] [--name N]", "add a person",
      "email= password-file= role= name=", cmd_user_create },
    { "user link", "", "print a new setup link", "", cmd_user_link },
    { "key create", "--user EMAIL --name N [--workspace ID] [--rate N]",
      "make an API key; it alone goes to stdout; --rate: its own requests per minute and route",
      "user= name= workspace= rate= test", cmd_key_create },
    { "workspace list", "", "all workspaces", "", cmd_workspace_list },
    { "workspace create", "NAME --owner EMAIL", "make a workspace",
      "owner=", cmd_workspace_create },
    { "workspace member", "ID EMAIL ROLE", "add a member or change a role: owner, admin, member",
      "", cmd_workspace_member },
    { "workspace allow-platform", "ID PROVIDER",
      "let a workspace use the platform's own credential", "", cmd_workspace_allow },
    { "workspace weigh", "ID WEIGHT",
      "its share, 1 to 100, of phone lines that several workspaces wait for", "",
      cmd_workspace_weigh },
    { "explain", "ID",
      "what happened to a call, by any of its ids; or what a reason for its end means", "",
      cmd_explain },
    { "tail", "[--provider P] [--failed] [--lines N] [--once]",
      "follow what providers send, as it comes", "provider= failed lines= once", cmd_tail },
    { "replay", "ID...", "work on events of the inbox once more", "", cmd_replay },
    { "webhook send", "KIND [--to URL] [--workspace ID] [--from N] [--text T]",
      "play a provider: send a webhook with a workspace's true proof; twilio.voice, "
      "twilio.message, ...",
      "to= workspace= from= text= print-secret", cmd_webhook_send },
    { "webhook set", "NUMBER [--workspace ID] [--dry-run]",
      "lead a number in Ava's care here again, after somebody led it elsewhere at Twilio",
      "workspace= dry-run", cmd_webhook_set },
    { "webhook verify", "PROVIDER --jsonl < FILE", "judge recorded webhooks, one JSON line each",
      "jsonl", cmd_webhook_verify },
    { "migrate", "[--finish] [--to URL | --to-file FILE] [--dry-run]",
      "bring the database up to date, start nothing; --finish: once all hosts have this version, "
      "take away what older ones needed; --to-file: copy SQLite to PostgreSQL (others see a --to "
      "URL)",
      "finish to= to-file= dry-run", cmd_migrate },
    { "doctor", "[--list] [--run NAME] [--fix [--yes]]",
      "look the installation over: what is wrong, and what to do", "list run= fix yes",
      cmd_doctor },
    { "backup", "FILE|FOLDER", "write one checked file that holds all data, beside a running Ava",
      "", cmd_backup },
    { "restore", "FILE [--dry-run] [--replace]",
      "put a backup in place, once it is seen to be whole; --replace keeps aside what is there",
      "dry-run replace", cmd_restore },
    { "audit verify", "[--head TO:DIGEST]",
      "look through the audit log: chains, signatures, gaps; names the first bad row",
      "head=", cmd_audit_verify },
    { "audit export", "[--workspace ID]", "the audit log as JSON lines, with its hashes",
      "workspace=", cmd_audit_export },
    { "rotate-keys", "[--data]", "wrap all keys by the first master key; --data: new data keys too",
      "data", cmd_rotate_keys },
    { "openapi", "", "print the API contract as JSON", "", cmd_openapi },
    { "config example", "", "print a commented .env file with every setting", "", cmd_env_example },
    { "reference", "settings|metrics|problems|ava.1|ava.conf.5", "print a documentation page", "",
      cmd_reference },
    { "version", "", "print the version", "", cmd_version },
    { "completion", "bash|zsh|fish", "print a completion script", "", cmd_completion },
    { "help", "[VERB [WORD]]", "this text", "", cmd_help },
};
const size_t COMMANDS_COUNT = sizeof COMMANDS / sizeof COMMANDS[0];

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
        for (size_t i = 0; i < COMMANDS_COUNT; i++) {
            struct str second, first = str_cut(str_of(COMMANDS[i].name), ' ', &second);
            if (str_is(first, cli->args[from]) &&
                (cli->arg_count < from + 2 || !second.ptr || str_is(second, cli->args[from + 1])))
                help_of(&COMMANDS[i]), found = true;
        }
        return found ? EXIT_OK
                     : cli_fail(EXIT_USAGE, "there is no verb '%s'; 'ava help' lists them all",
                                cli->args[from]);
    }
    printf("Ava %s - between a voice product and its providers.\n\n", AVA_VERSION);
    for (size_t i = 0; i < COMMANDS_COUNT; i++)
        printf("  ava %-24s %s\n", COMMANDS[i].name, COMMANDS[i].help);
    printf("\nFlags everywhere: --config FILE --json --help, and every setting "
           "(ava config show lists them).\n");
    return EXIT_OK;
}
