#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plain.h"
#include "base/str.h"

extern char **environ;

int cli_fail(int status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("ava: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return status;
}

const char *cli_printable(struct arena *a, const char *text) {
    struct buf b = { 0 };
    if (!text)
        return NULL;
    plain_put(&b, str_of(text));
    const char *shown = arena_strndup(a, b.ptr ? b.ptr : "", b.len);
    buf_fini(&b);
    return shown;
}

void cli_print_json(struct str json) {
    struct buf b = { 0 };
    plain_put(&b, json);
    buf_char(&b, '\n');
    fwrite(b.ptr, 1, b.len, stdout);
    buf_fini(&b);
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

size_t cli_words(const struct command *c) {
    return strchr(c->name, ' ') ? 2 : 1;
}

const char *cli_arg(const struct cli *cli, size_t i) {
    size_t at = i + (cli->command ? cli_words(cli->command) : 1);
    return at < cli->arg_count ? cli->args[at] : NULL;
}

size_t cli_config_read(struct cli *cli, const struct config *before, struct config *out,
                       struct arena *a, char **problems) {
    struct config_flag settings[CLI_ARGS_MAX];
    size_t count = 0;
    const struct command *c = cli->command;
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
