/* The manual pages ava(1) and ava.conf(5) in mdoc, from the tables of commands and settings. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

enum { LINE_MAX_CHARS = 66 };

/* A character of text, in which nothing is markup. */
static void put(char c) {
    if (c == '\\')
        fputs("\\e", stdout);
    else if (c == '-')
        fputs("\\-", stdout);
    else
        putchar(c);
}

/* Text in lines that are not too long; none of them begins like a macro. */
static void text_lines(struct str text) {
    size_t column = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == ' ' && column > LINE_MAX_CHARS) {
            putchar('\n');
            column = 0;
            continue;
        }
        if (column == 0 && (text.ptr[i] == '.' || text.ptr[i] == '\''))
            fputs("\\&", stdout);
        put(text.ptr[i]);
        column += text.ptr[i] == '-' || text.ptr[i] == '\\' ? 2 : 1;
    }
    putchar('\n');
}

/* One argument of a macro, as it stands; a word that is the name of a macro would be called. */
static void argument(const char *text, size_t len) {
    printf(" \"\\&");
    for (size_t i = 0; i < len; i++)
        if (text[i] == '"')
            fputs("\\(dq", stdout);
        else
            put(text[i]);
    putchar('"');
}

/* Its sentences, each from a line of its own on. */
static void sentences(const char *text) {
    struct str rest = str_of(text);
    for (ptrdiff_t end; (end = str_find(rest, STR(". "))) >= 0;) {
        text_lines((struct str){ rest.ptr, (size_t)end + 1 });
        rest = (struct str){ rest.ptr + end + 2, rest.len - (size_t)end - 2 };
    }
    text_lines(rest);
}

static void head(const char *title, const char *section, const char *name, const char *what) {
    printf(".\\\" Made by ava reference; do not edit.\n.Dd $Mdocdate$\n.Dt %s %s\n.Os\n.Sh "
           "NAME\n.Nm %s\n.Nd %s\n",
           title, section, name, what);
}

static void commands(const struct cli *cli) {
    printf(".Sh COMMANDS\n.Bl -tag -width Ds\n");
    for (size_t i = 0; i < cli->command_count; i++) {
        printf(".It Nm Cm");
        argument(cli->commands[i].name, strlen(cli->commands[i].name));
        if (cli->commands[i].usage[0])
            argument(cli->commands[i].usage, strlen(cli->commands[i].usage));
        putchar('\n');
        sentences(cli->commands[i].help);
    }
    printf(".El\n");
}

void cli_man_ava(const struct cli *cli) {
    head("AVA", "1", "ava", "gateway between a voice product and its providers");
    printf(
        ".Sh SYNOPSIS\n.Nm\n.Ar command\n.Op Ar word ...\n.Op Fl \\-config Ar file\n.Op Fl "
        "\\-json\n.Op Fl \\-help\n.Sh DESCRIPTION\n.Nm\n"
        "seals the credentials of each workspace,\nsends each request to a provider through "
        "circuit breakers,\nlimits and safe retries,\nand verifies and keeps each webhook before "
        "it is acknowledged.\n.Pp\n"
        "Every setting of\n.Xr ava.conf 5\nis a flag too:\n.Ev AVA_LISTEN\nis\n.Fl "
        "\\-listen ,\n.Ev CACHE_TTL_SECONDS\nis\n.Fl \\-cache\\-ttl\\-seconds .\n"
        "Secrets come by file only:\n.Fl \\-master\\-keys\\-file Ar path .\n");
    commands(cli);
    printf(
        ".Sh ENVIRONMENT\nThe settings of\n.Xr ava.conf 5 ,\nand\n.Ev NOTIFY_SOCKET ,\n.Ev "
        "WATCHDOG_USEC ,\n.Ev LISTEN_FDS\nand\n.Ev CREDENTIALS_DIRECTORY\nas\n.Xr systemd 1\n"
        "sets them.\n.Sh FILES\n.Bl -tag -width Ds\n.It Pa ./ava.conf\nSettings, unless"
        "\n.Fl \\-config\nnames another file.\n.It Pa /etc/ava/ava.conf\nSettings of the "
        "service that the Debian package brings.\n.It Pa /var/lib/ava\nIts data.\n.El\n"
        ".Sh EXIT STATUS\n.Bl -tag -width Ds\n.It 0\nDone.\n.It 1\nFailed.\n.It 2\nThe command "
        "line is wrong.\n.It 78\nThe configuration is wrong; starting again would not help.\n.El\n"
        ".Sh SIGNALS\n.Dv SIGTERM\nends it in good order, a second one at once.\n.Dv "
        "SIGHUP\nreads the settings again.\n.Sh SEE ALSO\n.Xr ava.conf 5\n");
}

void cli_man_conf(void) {
    const char *group = "";
    head("AVA.CONF", "5", "ava.conf", "settings of Ava");
    printf(".Sh DESCRIPTION\n"
           "A line is\n.Ar NAME Ns = Ns Ar value ;\none that begins with\n.Ql #\nis a comment.\n"
           "The same names are environment variables and flags of\n.Xr ava 1 .\n"
           "Strongest first: flag, environment, file, default.\n"
           "A secret may be in a file of its own:\n.Ar NAME Ns _FILE Ns = Ns Ar path .\n.Pp\n"
           "What is live is changed by\n.Ic ava config reload\nor\n.Dv SIGHUP ;\n"
           "what is not needs a restart.\n");
    for (enum setting s = 0; s < SETTING_COUNT; s++) {
        const struct setting_info *i = setting_info(s);
        if (strcmp(group, i->group) != 0) {
            printf("%s.Sh ", group[0] ? ".El\n" : "");
            for (const char *p = i->group; *p; p++)
                putchar(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
            printf("\n.Bl -tag -width Ds\n");
        }
        group = i->group;
        printf(".It Ev %s\n", i->name);
        sentences(i->help);
        if (i->kind[0] == 'I')
            printf("%lld to %lld.\n", (long long)i->min, (long long)i->max);
        if (i->choices[0])
            printf("One of %s.\n", i->choices);
        if (i->fallback[0]) {
            printf("Default:\n.Ql");
            argument(i->fallback, strlen(i->fallback));
            printf(" .\n");
        }
        printf("%s", i->is_secret ? "A secret.\n" : "");
        printf("%s", i->is_live ? "Live.\n" : "");
    }
    printf(".El\n.Sh SEE ALSO\n.Xr ava 1\n");
}
