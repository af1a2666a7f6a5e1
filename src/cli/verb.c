#include "cli/verb.h"

#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "cli/commands.h"
#include "cli/starting.h"

static const char COMMON_FLAGS[] = "config= json quiet yes help version";

static const struct command *find(const struct cli *cli) {
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        struct str second, first = str_cut(str_of(COMMANDS[i].name), ' ', &second);
        if (cli->arg_count == 0 || !str_is(first, cli->args[0]))
            continue;
        if (!second.ptr || (cli->arg_count > 1 && str_is(second, cli->args[1])))
            return &COMMANDS[i];
    }
    return NULL;
}

/* How a flag is written for this command: 1 with a value, 0 without, -1 unknown. */
static int flag_kind(const struct command *c, struct str name) {
    const char *const lists[] = { COMMON_FLAGS, c ? c->flags : "" };
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
    cli->command = find(cli);
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
        int kind = flag_kind(cli->command, name);
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
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        struct str second, first = str_cut(str_of(COMMANDS[i].name), ' ', &second);
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
    for (size_t i = 0; i < COMMANDS_COUNT; i++) {
        size_t whole = str_distance(str_of(typed), str_of(COMMANDS[i].name));
        size_t first = str_distance(str_of(cli->args[0]), str_of(COMMANDS[i].name));
        size_t d = whole < first ? whole : first;
        if (d < best_distance) {
            best_distance = d;
            best = COMMANDS[i].name;
        }
    }
    return cli_fail(EXIT_USAGE,
                    best ? "there is no verb '%s'; did you mean '%s'?"
                         : "there is no verb '%s'; 'ava help' lists them all",
                    typed, best);
}

int cli_main(int argc, char **argv) {
    starting_guard();
    struct cli cli = { .arena = arena_new(64 << 20),
                       .commands = COMMANDS,
                       .command_count = COMMANDS_COUNT,
                       .common_flags = COMMON_FLAGS };
    int status = parse(&cli, argc, argv);
    if (status == EXIT_OK) {
        const struct command *c = cli.command;
        if (cli.arg_count == 0 && cli_has(&cli, "version"))
            status = cmd_version(&cli);
        else if (cli.arg_count == 0 || cli_has(&cli, "help"))
            status = cmd_help(&cli);
        else if (!c)
            status = unknown_verb(&cli);
        else if (cli.arg_count > cli_words(c) + words_allowed(c))
            status = cli_fail(EXIT_USAGE, "'%s' takes no '%s'; see ava help %s", c->name,
                              cli.args[cli_words(c) + words_allowed(c)], c->name);
        else
            status = c->run(&cli);
    }
    arena_free(cli.arena);
    return status;
}
