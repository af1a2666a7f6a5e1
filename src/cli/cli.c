#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

extern char **environ;

const struct command commands[] = {
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
    { "key create", "--user EMAIL --name N [--workspace ID]",
      "make an API key; it alone goes to stdout", "user= name= workspace= test", cmd_key_create },
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
    { "webhook verify", "PROVIDER --jsonl < FILE", "judge recorded webhooks, one JSON line each",
      "jsonl", cmd_webhook_verify },
    { "migrate", "", "bring the database up to date, start nothing", "", cmd_migrate },
    { "rotate-keys", "[--data]", "wrap all keys by the first master key; --data: new data keys too",
      "data", cmd_rotate_keys },
    { "openapi", "", "print the API contract as JSON", "", cmd_openapi },
    { "config example", "", "print a commented .env file with every setting", "", cmd_env_example },
    { "reference", "settings|metrics|problems", "print a documentation page", "", cmd_reference },
    { "version", "", "print the version", "", cmd_version },
    { "completion", "bash", "print a completion script", "", cmd_completion },
    { "help", "[VERB [WORD]]", "this text", "", cmd_help },
};
const size_t commands_count = sizeof commands / sizeof commands[0];

int cli_fail(int status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("ava: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return status;
}

const char *cli_flag(const struct cli *cli, const char *name) {
    for (size_t i = 0; i < cli->flag_count; i++)
        if (strcmp(cli->flags[i].name, name) == 0)
            return cli->flags[i].value;
    return NULL;
}

bool cli_has(const struct cli *cli, const char *name) {
    return cli_flag(cli, name) != NULL;
}

static size_t words_of(const char *name) {
    return strchr(name, ' ') ? 2 : 1;
}

static const struct command *find(const struct cli *cli) {
    for (size_t i = 0; i < commands_count; i++) {
        struct str second, first = str_cut(str_of(commands[i].name), ' ', &second);
        if (cli->arg_count == 0 || !str_is(first, cli->args[0]))
            continue;
        if (!second.ptr || (cli->arg_count > 1 && str_is(second, cli->args[1])))
            return &commands[i];
    }
    return NULL;
}

const char *cli_arg(const struct cli *cli, size_t i) {
    const struct command *c = find(cli);
    size_t at = i + (c ? words_of(c->name) : 1);
    return at < cli->arg_count ? cli->args[at] : NULL;
}

/* How a flag is written for this command: 1 with a value, 0 without, -1 unknown. */
static int flag_kind(const struct command *c, struct str name) {
    static const char COMMON[] = "config= json quiet yes help version";
    const char *const lists[] = { COMMON, c ? c->flags : "" };
    for (size_t l = 0; l < 2; l++) {
        for (struct str rest = str_of(lists[l]), item; rest.ptr && rest.len;) {
            item = str_cut(rest, ' ', &rest);
            bool valued = item.len && item.ptr[item.len - 1] == '=';
            struct str bare = { item.ptr, item.len - valued };
            if (str_eq(bare, name))
                return valued;
        }
    }
    struct str stem = { name.ptr,
                        name.len > 5 && str_ends(name, STR("-file")) ? name.len - 5 : name.len };
    enum setting s = setting_find(stem);
    return s == SETTING_COUNT ? -1 : 1;
}

static int parse(struct cli *cli, int argc, char **argv) {
    for (int i = 1; i < argc; i++) /* the verb decides which flags there are: find it first */
        if (argv[i][0] != '-' && cli->arg_count < 2)
            cli->args[cli->arg_count++] = argv[i];
    const struct command *c = find(cli);
    cli->arg_count = 0;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' || argv[i][1] != '-') {
            if (strcmp(argv[i], "-h") == 0)
                argv[i] = arena_strdup(cli->arena, "--help");
            else if (cli->arg_count == CLI_ARGS_MAX)
                return cli_fail(EXIT_USAGE, "too many words");
            else {
                cli->args[cli->arg_count++] = argv[i];
                continue;
            }
        }
        struct str value, name = str_cut(str_of(argv[i] + 2), '=', &value);
        const char *text = value.ptr;
        int kind = flag_kind(c, name);
        if (kind < 0)
            return cli_fail(EXIT_USAGE, "there is no flag --%.*s here; see ava help",
                            STR_FMT(name));
        if (kind == 1 && !text) {
            if (i + 1 >= argc)
                return cli_fail(EXIT_USAGE, "--%.*s needs a value", STR_FMT(name));
            text = argv[++i];
        }
        if (cli->flag_count == CLI_ARGS_MAX)
            return cli_fail(EXIT_USAGE, "too many flags");
        cli->flags[cli->flag_count++] =
            (struct config_flag){ str_dup(cli->arena, name), kind ? text : "" };
    }
    return EXIT_OK;
}

size_t cli_config_read(struct cli *cli, const struct config *before, struct config *out,
                       struct arena *a, char **problems) {
    struct config_flag settings[CLI_ARGS_MAX];
    size_t count = 0;
    const struct command *c = find(cli);
    for (size_t i = 0; i < cli->flag_count; i++) {
        struct str name = str_of(cli->flags[i].name);
        bool own = false;
        for (struct str rest = str_of(c ? c->flags : ""), item; rest.ptr && rest.len && !own;) {
            item = str_cut(rest, ' ', &rest);
            own = str_starts(item, name) && item.len <= name.len + 1;
        }
        struct str stem = { name.ptr, str_ends(name, STR("-file")) ? name.len - 5 : name.len };
        if (!own && setting_find(stem) != SETTING_COUNT)
            settings[count++] = cli->flags[i];
    }
    struct config_sources from = { .file = cli_flag(cli, "config"),
                                   .flags = settings,
                                   .flag_count = count,
                                   .environment = environ,
                                   .before = before };
    return config_load(out, &from, a, problems);
}

int cli_config(struct cli *cli, struct config *out) {
    char *problems;
    size_t bad = cli_config_read(cli, NULL, out, cli->arena, &problems);
    if (bad == 0)
        return EXIT_OK;
    fputs(problems, stderr);
    fprintf(stderr, "%zu problem%s. Nothing was started.\n", bad, bad == 1 ? "" : "s");
    return EXIT_CONFIG;
}

/* How many words may follow the verb: what its usage names before the first flag. */
static size_t words_allowed(const struct command *c) {
    size_t n = 0;
    for (struct str rest = str_of(c->usage), item; rest.ptr && rest.len; n++) {
        item = str_cut(rest, ' ', &rest);
        if (str_starts(item, STR("-")) || str_starts(item, STR("[-")) || str_is(item, "<"))
            break;
    }
    return n;
}

static int unknown_verb(const struct cli *cli) {
    struct buf seconds = { 0 };
    for (size_t i = 0; i < commands_count; i++) {
        struct str second, first = str_cut(str_of(commands[i].name), ' ', &second);
        if (second.ptr && str_is(first, cli->args[0]))
            buf_printf(&seconds, "%s%.*s", seconds.len ? ", " : "", STR_FMT(second));
    }
    if (seconds.len) {
        int status = cli_fail(EXIT_USAGE, "after '%s' comes one of: %s", cli->args[0], seconds.ptr);
        buf_fini(&seconds);
        return status;
    }
    const char *best = NULL;
    size_t best_distance = 4;
    const char *typed = cli->arg_count > 1
                            ? arena_printf(cli->arena, "%s %s", cli->args[0], cli->args[1])
                            : cli->args[0];
    for (size_t i = 0; i < commands_count; i++) {
        size_t whole = str_distance(str_of(typed), str_of(commands[i].name));
        size_t first = str_distance(str_of(cli->args[0]), str_of(commands[i].name));
        size_t d = whole < first ? whole : first;
        if (d < best_distance) {
            best_distance = d;
            best = commands[i].name;
        }
    }
    return cli_fail(EXIT_USAGE,
                    best ? "there is no verb '%s'; did you mean '%s'?"
                         : "there is no verb '%s'; 'ava help' lists them all",
                    typed, best);
}

int cli_main(int argc, char **argv) {
    struct cli cli = { .arena = arena_new(64 << 20) };
    int status = parse(&cli, argc, argv);
    if (status == EXIT_OK) {
        const struct command *c = find(&cli);
        if (cli.arg_count == 0 && cli_has(&cli, "version"))
            status = cmd_version(&cli);
        else if (cli.arg_count == 0 || cli_has(&cli, "help"))
            status = cmd_help(&cli);
        else if (!c)
            status = unknown_verb(&cli);
        else if (cli.arg_count > words_of(c->name) + words_allowed(c))
            status = cli_fail(EXIT_USAGE, "'%s' takes no '%s'; see ava help %s", c->name,
                              cli.args[words_of(c->name) + words_allowed(c)], c->name);
        else
            status = c->run(&cli);
    }
    arena_free(cli.arena);
    return status;
}
