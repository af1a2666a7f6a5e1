/* Completion scripts for bash, zsh and fish, from the tables of commands and settings. Nothing is asked
 * of Ava while somebody types. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

/* A flag of a list; arg is the caller's. */
typedef void put_fn(const void *arg, struct str flag, bool has_value);

static struct str first_word(const struct command *c, struct str *second) {
    return str_cut(str_of(c->name), ' ', second);
}

/* True for the first of those with the same first word. */
static bool is_new(const struct cli *cli, size_t i) {
    struct str rest;
    return i == 0 ||
           !str_eq(first_word(&cli->commands[i], &rest), first_word(&cli->commands[i - 1], &rest));
}

/* "a|b" of a setting that has a few values; "" for all others. */
static const char *choices_of(enum setting s) {
    const struct setting_info *i = setting_info(s);
    return i->kind[0] == 'B' ? "true|false" : i->choices;
}

/* "a|b" when that is what a command takes; "" for all others. */
static const char *words_of(const struct command *c) {
    bool is_list = islower((unsigned char)c->usage[0]) && strchr(c->usage, '|');
    return is_list && !strchr(c->usage, ' ') ? c->usage : "";
}

static bool takes_file(const struct command *c) {
    return strncmp(c->usage, "FILE", 4) == 0;
}

static bool is_path(struct str flag) {
    return str_is(flag, "config") || str_ends(flag, STR("-file")) || str_ends(flag, STR("-dir"));
}

/* The text within single quotes; escape is what stands for one of them there. */
static void quote(const char *text, const char *escape) {
    putchar('\'');
    for (; *text; text++)
        if (*text == '\'')
            fputs(escape, stdout);
        else
            putchar(*text);
    putchar('\'');
}

/* "a|b" as "a b". */
static void spread(const char *list) {
    for (; *list; list++)
        putchar(*list == '|' ? ' ' : *list);
}

static void each_flag(const char *list, put_fn *put, const void *arg) {
    for (struct str rest = str_of(list), item; rest.ptr && rest.len;) {
        item = str_cut(rest, ' ', &rest);
        bool has_value = str_ends(item, STR("="));
        if (item.len)
            put(arg, (struct str){ item.ptr, item.len - has_value }, has_value);
    }
}

/* The second words of the verb at i, with blanks. */
static void put_seconds(const struct cli *cli, size_t i) {
    struct str second;
    do {
        first_word(&cli->commands[i], &second);
        printf("%.*s ", STR_FMT(second));
    } while (++i < cli->command_count && !is_new(cli, i));
}

/* --- bash and zsh ---------------------------------------------------------------------------- */

static void put_flag(const void *arg, struct str flag, bool has_value) {
    printf("--%.*s ", STR_FMT(flag));
}

static void put_valued(const void *arg, struct str flag, bool has_value) {
    if (has_value)
        put_flag(arg, flag, has_value);
}

static void put_lists(struct cli *cli) {
    struct str second;
    printf("    local settings='");
    for (enum setting s = 0; s < SETTING_COUNT; s++)
        printf("--%s ", setting_flag(s, cli->arena));
    printf("'\n    local valued=\" $settings ");
    each_flag(cli->common_flags, put_valued, NULL);
    for (size_t i = 0; i < cli->command_count; i++)
        each_flag(cli->commands[i].flags, put_valued, NULL);
    printf("\"\n    local flags='");
    each_flag(cli->common_flags, put_flag, NULL);
    printf("' choices='");
    for (size_t i = 0; i < cli->command_count; i++)
        if (is_new(cli, i))
            printf("%.*s ", STR_FMT(first_word(&cli->commands[i], &second)));
    printf("'\n");
}

/* What may follow the first word, and what the first two. */
static void put_cases(const struct cli *cli) {
    for (size_t i = 0; i < cli->command_count; i++) {
        struct str second, first = first_word(&cli->commands[i], &second);
        if (!is_new(cli, i))
            continue;
        printf("    '%.*s ') choices='", STR_FMT(first));
        if (second.ptr)
            put_seconds(cli, i);
        else
            spread(words_of(&cli->commands[i]));
        printf("' ;;\n");
    }
    printf("    ' ') ;;\n    *) choices='' ;;\n    esac\n    case \"$first $second\" in\n");
    for (size_t i = 0; i < cli->command_count; i++) {
        const struct command *c = &cli->commands[i];
        printf("    '%s'%s) flags+='", c->name, strchr(c->name, ' ') ? "" : "\\ *");
        each_flag(c->flags, put_flag, NULL);
        printf("'%s ;;\n", takes_file(c) ? " files=1" : "");
    }
}

/* The values of the flag before. */
static void put_values(struct cli *cli) {
    for (enum setting s = 0; s < SETTING_COUNT; s++)
        if (choices_of(s)[0]) {
            printf("        --%s) choices='", setting_flag(s, cli->arena));
            spread(choices_of(s));
            printf("' ;;\n");
        }
    printf("        --role) choices='owner admin member' ;;\n"
           "        --config|--*-file|--*-dir) files=1 ;;\n");
}

/* From $typed, the words before the one at the cursor: $choices, $flags and whether $files. */
static void put_reading(struct cli *cli) {
    put_lists(cli);
    printf("    local word='' before='' first='' second='' files=0\n"
           "    for word in \"${typed[@]}\"; do\n"
           "        case \"$before\" in\n"
           "        --*) case \"$valued\" in *\" $before \"*) before=''; continue ;; esac ;;\n"
           "        esac\n"
           "        before=$word\n"
           "        case \"$word\" in\n"
           "        -*) ;;\n"
           "        *) if [ -z \"$first\" ]; then first=$word\n"
           "            elif [ -z \"$second\" ]; then second=$word; fi ;;\n"
           "        esac\n"
           "    done\n"
           "    case \"$first $second\" in\n");
    put_cases(cli);
    printf("    esac\n"
           "    case \"$before:$valued\" in --*:*\" $before \"*)\n"
           "        choices='' flags='' settings='' files=0\n"
           "        case \"$before\" in\n");
    put_values(cli);
    printf("        esac ;;\n    esac\n");
}

static void bash(struct cli *cli) {
    printf("# bash completion for Ava, made by `ava completion bash`\n"
           "_ava() {\n"
           "    local current=${COMP_WORDS[COMP_CWORD]}\n"
           "    local typed=(\"${COMP_WORDS[@]:1:COMP_CWORD-1}\")\n");
    put_reading(cli);
    printf("    case \"$current\" in -*) choices=\"$flags $settings\" files=0 ;; esac\n"
           "    [ \"$files\" = 0 ] || compopt -o default 2>/dev/null\n"
           "    COMPREPLY=()\n"
           "    while IFS='' read -r word; do COMPREPLY+=(\"$word\"); done \\\n"
           "        < <(compgen -W \"$choices\" -- \"$current\")\n"
           "}\n"
           "complete -F _ava ava\n");
}

static void zsh(struct cli *cli) {
    printf("#compdef ava\n"
           "# zsh completion for Ava, made by `ava completion zsh`\n"
           "_ava() {\n"
           "    emulate -L zsh\n"
           "    local current=${words[CURRENT]}\n"
           "    local -a typed=(\"${(@)words[2,CURRENT-1]}\") verbs=(\n");
    for (size_t i = 0; i < cli->command_count; i++) {
        struct str second, first = first_word(&cli->commands[i], &second);
        if (!is_new(cli, i))
            continue;
        printf("        ");
        quote(arena_printf(cli->arena, "%.*s:%s", STR_FMT(first),
                           second.ptr ? "" : cli->commands[i].help),
              "'\\''");
        putchar('\n');
    }
    printf("    )\n");
    put_reading(cli);
    printf("    if [[ $current = -* ]]; then compadd -- ${=flags} ${=settings}\n"
           "    elif [[ $files = 1 ]]; then _files\n"
           "    elif [[ -z $first && -n $choices ]]; then _describe verb verbs\n"
           "    elif [[ -n $choices ]]; then compadd -- ${=choices}; fi\n"
           "}\n"
           "if [ \"$funcstack[1]\" = _ava ]; then _ava \"$@\"; else compdef _ava ava; fi\n");
}

/* --- fish ------------------------------------------------------------------------------------ */

/* arg: under which condition the flag is offered. */
static void put_fish_flag(const void *arg, struct str flag, bool has_value) {
    const char *kind = !has_value ? "" : is_path(flag) ? " -r -F" : " -x";
    printf("complete -c ava%s -l %.*s%s", (const char *)arg, STR_FMT(flag), kind);
    printf("%s\n", str_is(flag, "role") ? " -a 'owner admin member'" : "");
}

/* The words of one command, and then its flags. */
static void fish_command(size_t i, struct cli *cli) {
    const struct command *c = &cli->commands[i];
    struct str second, first = first_word(c, &second);
    const char *seen = arena_printf(cli->arena, "__fish_seen_subcommand_from %.*s", STR_FMT(first));
    if (is_new(cli, i)) {
        printf("complete -c ava -n __fish_use_subcommand -a %.*s -d ", STR_FMT(first));
        quote(second.ptr ? "" : c->help, "\\'");
        putchar('\n');
    }
    if (second.ptr) {
        size_t from = i;
        while (!is_new(cli, from))
            from--;
        printf("complete -c ava -n '%s; and not __fish_seen_subcommand_from ", seen);
        put_seconds(cli, from);
        printf("' -a %.*s -d ", STR_FMT(second));
        quote(c->help, "\\'");
        putchar('\n');
        seen = arena_printf(cli->arena, "%s; and __fish_seen_subcommand_from %.*s", seen,
                            STR_FMT(second));
    } else if (words_of(c)[0]) {
        printf("complete -c ava -n '%s' -a '", seen);
        spread(words_of(c));
        printf("'\n");
    }
    if (takes_file(c))
        printf("complete -c ava -n '%s' -F\n", seen);
    each_flag(c->flags, put_fish_flag, arena_printf(cli->arena, " -n '%s'", seen));
}

static void fish(struct cli *cli) {
    printf("# fish completion for Ava, made by `ava completion fish`\ncomplete -c ava -f\n");
    for (size_t i = 0; i < cli->command_count; i++)
        fish_command(i, cli);
    each_flag(cli->common_flags, put_fish_flag, "");
    for (enum setting s = 0; s < SETTING_COUNT; s++) {
        const char *flag = setting_flag(s, cli->arena);
        printf("complete -c ava -l %s%s", flag, is_path(str_of(flag)) ? " -r -F" : " -x");
        if (choices_of(s)[0]) {
            printf(" -a '");
            spread(choices_of(s));
            printf("'");
        }
        printf(" -d ");
        quote(setting_info(s)->help, "\\'");
        putchar('\n');
    }
}

int cmd_completion(struct cli *cli) {
    const char *shell = cli_arg(cli, 0);
    if (shell && strcmp(shell, "bash") == 0)
        bash(cli);
    else if (shell && strcmp(shell, "zsh") == 0)
        zsh(cli);
    else if (shell && strcmp(shell, "fish") == 0)
        fish(cli);
    else
        return cli_fail(EXIT_USAGE, "completion knows bash, zsh and fish: ava completion bash");
    return EXIT_OK;
}
